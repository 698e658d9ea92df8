import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { certificateTrials } from '../../../bench/tls/certificate-trials.ts'
import { clientTrials, helloTrials } from '../../../bench/tls/client-trials.ts'
import { curlCode, gatewayCode, sClientCode } from '../../../bench/tls/codes.ts'
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

test('a request that a bad origin got counts, whatever the client saw', t => {
  const leaked = { ...outcome('refused', 'x'), reached: true }
  const rows = [
    row('refused', { weir: leaked, squid: outcome('refused') }),
    row('served', { weir: { ...outcome('served'), reached: true } }),
  ]
  t.true(summary(rows).includes('| time | 1 | – | 0 | 1 | 1 | – | – | 0 |'))
  t.true(table(rows).includes('**refused, but the origin got the request: x**'))
})

test('codes are found in what gateways, curl and OpenSSL say', t => {
  t.is(gatewayCode('HTTP/1.1 526\r\n\r\n{"error":"origin-cert-name"}'), 'origin-cert-name')
  t.is(
    gatewayCode('HTTP/1.1 503\r\nX-Squid-Error: ERR_X 71\r\n\r\n(TLS code: X509_V_ERR_CERT_HAS_EXPIRED)'),
    'X509_V_ERR_CERT_HAS_EXPIRED',
  )
  t.is(gatewayCode('HTTP/1.1 503\r\nX-Squid-Error: ERR_X 71\r\n\r\n'), 'ERR_X')
  t.is(gatewayCode('anything'), '')
  t.regex(curlCode('curl: (60) SSL certificate problem: unable to get local issuer certificate'), /not opened/)
  t.is(curlCode('curl: (35) error:0A00042E:SSL routines::tlsv1 alert protocol version'), 'alert protocol version')
  t.is(sClientCode('verify error:num=10:certificate has expired\nverify return:1'), 'certificate has expired')
  t.is(
    sClientCode('405:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:x.c:1:'),
    'sslv3 alert handshake failure',
  )
  t.is(sClientCode('verify return:1'), 'closed without a page')
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
