import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { certificateTrials } from '../../../bench/tls/certificate-trials.ts'
import { clientTrials, helloTrials } from '../../../bench/tls/client-trials.ts'
import { hello, serverNames } from '../../../bench/tls/hello.ts'
import { ODDITIES } from '../../../bench/tls/oddities.ts'
import { protocolTrials } from '../../../bench/tls/protocol-trials.ts'
import { summary, table, writePart } from '../../../bench/tls/report.ts'
import { fetchTrials } from '../../../bench/tls/revocation-trials.ts'
import { canServe } from '../../../bench/tls/servable.ts'
import type { Outcome, Row, Trial } from '../../../bench/tls/trial.ts'
import { parseClientHello } from '../../../src/peek/clienthello.ts'
import { INTER, NAME, server } from '../../pki/cases/index.ts'

test('every case is told apart by class and title, and both kinds are there', t => {
  const trials = [
    ...certificateTrials(canServe).trials,
    ...fetchTrials().trials,
    ...protocolTrials(),
    ...clientTrials(),
    ...helloTrials(),
  ]
  t.true(trials.length > 400)
  t.is(new Set(trials.map(trial => `${trial.class}: ${trial.title}`)).size, trials.length)
  for (const expect of ['served', 'refused']) t.true(trials.filter(trial => trial.expect === expect).length > 100)
})

test('what a server cannot show is left out', t => {
  const good = server(INTER)
  t.true(canServe(good.der, good.pem, good.keyPem))
  // OpenSSL reads a long form of a length and would send the short one
  const long = Buffer.concat([Buffer.from([0x30, 0x83, 0]), good.der.subarray(2)])
  t.false(canServe(long, good.pem, good.keyPem))
  t.false(canServe(good.der, 'no certificate', good.keyPem))
})

test('hellos of our own are right where they are said to be', t => {
  const parsed = parseClientHello(hello({ names: serverNames(NAME), alpn: ['h2'], sessionId: 32 }))
  if (parsed.state !== 'hello') return t.fail(JSON.stringify(parsed))
  t.like(parsed.hello, { sni: NAME, alpn: ['h2'] })
  for (const { id, expect, raw, answer } of ODDITIES) {
    if (raw === undefined || answer !== undefined || id === 'address') continue
    const result = parseClientHello(raw())
    if (expect === 'served') t.is(result.state, 'hello', id)
  }
})

const outcome = (result: Outcome['result'], code = ''): Outcome => ({ result, code, ms: 1 })
const row = (expect: Trial['expect'], outcomes: Row['outcomes'], title = 'a | case'): Row => ({
  trial: { class: 'time', title, expect, name: NAME, site: { certPem: '', keyPem: '' }, client: { kind: 'page' } },
  outcomes,
})

test('the report counts what is wrong, and says so in bold', t => {
  const rows = [
    row('refused', {
      openssl: outcome('served'),
      squid: outcome('hung'),
      weir: outcome('refused', 'origin-cert-expired'),
    }),
    row('served', { squid: outcome('hung'), weir: outcome('served') }),
  ]
  t.true(summary(rows).includes('| time | 1 | 1 | 0 | 0 | 1 | – | 1 | 0 |'))
  const text = table(rows)
  t.true(text.includes('| a \\| case | refused | **served** | hung | refused: origin-cert-expired |'))
  t.true(text.includes('| a \\| case | served | – | **hung** | served |'))
})

test('a generated part is replaced, and nothing else', t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-report-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  const file = path.join(dir, 'x.md')
  fs.writeFileSync(file, 'before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n')
  for (const text of ['new $& one', 'newer']) writePart(file, 'a', text)
  t.is(fs.readFileSync(file, 'utf8'), 'before\n<!-- a: begin -->\n\nnewer\n\n<!-- a: end -->\nafter\n')
  t.throws(() => writePart(file, 'b', ''), { message: /no part called b/ })
})
