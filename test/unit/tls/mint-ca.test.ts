import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { importCa } from '../../../ca/import.ts'
import { CA_KINDS } from '../../../ca/kinds.ts'
import type { Ca } from '../../../src/core/ca.ts'
import { WeirError } from '../../../src/core/errors.ts'
import { mintLeaf } from '../../../src/tls/mint.ts'
import { authority, DAY, leaf as leafOf } from '../../pki/certificate.ts'
import { lint } from './lint.ts'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-mint-ca-'))
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }))

const spkis = {
  ecdsa: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }),
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' }),
}

function mint(ca: Ca, name: string, spki: Buffer = spkis.ecdsa, nowMs = Date.now()) {
  return mintLeaf(ca.key, ca.public, name, spki, nowMs)
}

/** OpenSSL at its strictest, as a client that has the root and is sent leaf and chain. */
function opensslAccepts(ca: Ca, certPem: string, name: string): string {
  const file = (part: string, text: string) => {
    const at = path.join(dir, part)
    fs.writeFileSync(at, text)
    return at
  }
  const chain = ca.public.chainPem === '' ? [] : ['-untrusted', file('chain.pem', ca.public.chainPem)]
  return execFileSync(
    'openssl',
    [
      ...['verify', '-x509_strict', '-purpose', 'sslserver', '-auth_level', '2', '-verify_hostname', name],
      ...['-no-CApath', '-no-CAstore', '-CAfile', file('root.pem', ca.public.rootPem), ...chain],
      file('leaf.pem', certPem),
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  )
}

for (const kind of CA_KINDS) {
  test.serial(`a CA of kind ${kind} signs leaves of both kinds that pass OpenSSL's strict rules and the linter`, t => {
    const ca = loadOrCreateCa(path.join(dir, kind), { kind })
    for (const spki of Object.values(spkis)) {
      const { certPem } = mint(ca, 'www.example.org', spki)
      t.regex(opensslAccepts(ca, certPem, 'www.example.org'), /OK/)
      t.deepEqual(lint(new X509Certificate(certPem).raw), [])
    }
  })
}

test.serial('below an imported intermediate: its chain is enough, and no leaf outlives any of it', t => {
  const now = Date.now()
  const root = authority('Root', null, { notBefore: now - 900 * DAY, notAfter: now + 900 * DAY })
  const middle = authority('Middle', root, { notBefore: now - DAY, notAfter: now + 10 * DAY, pathLen: 1 })
  const issuing = authority('Issuing', middle, { notBefore: now - 3 * DAY, notAfter: now + 500 * DAY, pathLen: 0 })
  const folder = path.join(dir, 'imported')
  const text = issuing.keyPem + issuing.pem + middle.pem + root.pem
  importCa(folder, [{ name: 'ca.pem', bytes: Buffer.from(text) }], null, {})
  const ca = loadOrCreateCa(folder)
  const leaf = mint(ca, 'www.example.org')
  t.regex(opensslAccepts(ca, leaf.certPem, 'www.example.org'), /OK/)
  const seconds = (ms: number) => Math.floor(ms / 1000)
  t.is(seconds(leaf.notAfter), seconds(now + 10 * DAY), 'the end of the middle one')
  t.is(seconds(leaf.notBefore), seconds(now - DAY))
  t.true(new X509Certificate(leaf.certPem).checkIssued(new X509Certificate(ca.public.certPem)))
})

test.serial('names outside of the CA’s name constraints are refused, those inside pass OpenSSL', t => {
  const ca = loadOrCreateCa(path.join(dir, 'limited'), {
    permitted: ['example.org', '192.0.2.0/24'],
    excluded: ['secret.example.org'],
  })
  for (const name of ['example.org', 'www.example.org']) t.regex(opensslAccepts(ca, mint(ca, name).certPem, name), /OK/)
  t.is(mint(ca, '192.0.2.7').name, '192.0.2.7')
  for (const name of [
    'example.com',
    'notexample.org',
    'secret.example.org',
    'a.secret.example.org',
    '198.51.100.1',
    '2001:db8::1',
  ]) {
    const error = t.throws(() => mint(ca, name), { instanceOf: WeirError }, name)
    t.is(error.code, 'self-mint')
    t.true(error.detail.includes('name constraints') && error.detail.includes(name), error.detail)
  }
})

test('the linter finds what is wrong', t => {
  const now = Date.now()
  const other = leafOf(authority('Root'), {
    subject: 'x',
    san: ['dns:www.example.org'],
    notBefore: now,
    notAfter: now + 60 * DAY,
  })
  const found = lint(other.der)
  for (const rule of [/at most 45 days/, /empty subject/])
    t.true(
      found.some(text => rule.test(text)),
      found.join('; '),
    )
})
