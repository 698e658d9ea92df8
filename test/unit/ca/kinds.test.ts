import fs from 'node:fs'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { CA_KINDS } from '../../../ca/kinds.ts'
import { mayCertify } from '../../../src/core/name-limits.ts'
import { Pki } from './openssl.ts'

const EXPECTED = {
  p256: ['ecdsa-sha256', 'ecdsa-with-SHA256', 'ASN1 OID: prime256v1'],
  p384: ['ecdsa-sha384', 'ecdsa-with-SHA384', 'ASN1 OID: secp384r1'],
  rsa2048: ['rsa-sha256', 'sha256WithRSAEncryption', '(2048 bit)'],
  rsa3072: ['rsa-sha256', 'sha256WithRSAEncryption', '(3072 bit)'],
  rsa4096: ['rsa-sha256', 'sha256WithRSAEncryption', '(4096 bit)'],
} as const

for (const kind of CA_KINDS) {
  test(`a ${kind} CA passes openssl's strict verification, and so does a leaf below it`, t => {
    const pki = new Pki(t)
    const dir = pki.at('ca')
    const ca = loadOrCreateCa(dir, { kind })
    const [algorithm, name, key] = EXPECTED[kind]
    t.is(ca.signatureAlgorithm, algorithm)
    const text = pki.openssl('x509', '-in', 'ca/ca.pem', '-noout', '-text')
    t.true(text.includes(`Signature Algorithm: ${name}`))
    t.true(text.includes(key))
    t.is(pki.verify('ca/ca.pem', 'ca/ca.pem'), '')
    t.is(pki.verify('ca/ca.pem', pki.leafBelow('ca/ca.pem', 'ca/ca.key', 'DNS:a.example')), '')
    t.is(loadOrCreateCa(dir).signatureAlgorithm, algorithm)
    t.is(ca.public.chainPem, '')
    t.is(ca.public.rootPem, ca.public.certPem)
    t.false(ca.public.imported)
  })
}

test('the subject key identifier is the hash of the public key bits, for RSA as well', t => {
  const pki = new Pki(t)
  loadOrCreateCa(pki.at('ca'), { kind: 'rsa2048' })
  const skid = /Subject Key Identifier: *\n *([0-9A-F:]+)/.exec(
    pki.openssl('x509', '-in', 'ca/ca.pem', '-noout', '-text'),
  )![1]!
  pki.openssl('x509', '-in', 'ca/ca.pem', '-noout', '-pubkey', '-out', 'pub.pem')
  pki.openssl('rsa', '-pubin', '-in', 'pub.pem', '-RSAPublicKey_out', '-outform', 'DER', '-out', 'bits.der')
  const sum = pki.openssl('dgst', '-sha256', '-r', 'bits.der').slice(0, 40)
  t.is(skid.replaceAll(':', '').toLowerCase(), sum)
})

test('path length, years and name are what was chosen', t => {
  const pki = new Pki(t)
  const nowMs = Date.now()
  const ca = loadOrCreateCa(pki.at('ca'), { pathLength: null, years: 25, name: 'Schule Zürich & Co', nowMs })
  const text = pki.openssl('x509', '-in', 'ca/ca.pem', '-noout', '-text', '-nameopt', 'utf8')
  t.regex(text, /CA:TRUE\n/)
  t.true(text.includes('Subject: CN=Schule Zürich & Co'))
  t.is(new Date(ca.public.notAfter).getUTCFullYear(), new Date(nowMs).getUTCFullYear() + 25)
  // A date beyond 2049 is written in the other form.
  t.is(pki.verify('ca/ca.pem', 'ca/ca.pem'), '')
  loadOrCreateCa(pki.at('other'), { pathLength: 3 })
  t.regex(pki.openssl('x509', '-in', 'other/ca.pem', '-noout', '-text'), /CA:TRUE, pathlen:3/)
})

const LIMITED = {
  permitted: ['school.example', '10.1.0.0/16', 'fd00:1::/32'],
  excluded: ['private.school.example', '10.1.9.0/24'],
}
const NAMES: [string, string, boolean][] = [
  ['school.example', 'DNS:school.example', true],
  ['www.school.example', 'DNS:www.school.example', true],
  ['notschool.example', 'DNS:notschool.example', false],
  ['private.school.example', 'DNS:private.school.example', false],
  ['x.private.school.example', 'DNS:x.private.school.example', false],
  ['other.example', 'DNS:other.example', false],
  ['10.1.2.3', 'IP:10.1.2.3', true],
  ['10.1.9.3', 'IP:10.1.9.3', false],
  ['10.2.0.1', 'IP:10.2.0.1', false],
  ['fd00:1::5', 'IP:fd00:1::5', true],
  ['fd00:2::5', 'IP:fd00:2::5', false],
]

test('name constraints: openssl and mayCertify() agree about every name', t => {
  const pki = new Pki(t)
  const { limits } = loadOrCreateCa(pki.at('ca'), LIMITED).public
  for (const [name, san, good] of NAMES) {
    t.is(mayCertify(name, limits), good, name)
    const said = pki.verify('ca/ca.pem', pki.leafBelow('ca/ca.pem', 'ca/ca.key', san))
    t.is(said === '', good, `${name}: ${said}`)
    if (!good) t.regex(said, /(permitted|excluded) subtree violation/, name)
  }
})

test('a kind of name that is not permitted is closed as a whole', t => {
  const pki = new Pki(t)
  const cases: [string[], string, string, boolean][] = [
    [['a.example'], '192.0.2.1', 'IP:192.0.2.1', false],
    [['a.example'], '2001:db8::1', 'IP:2001:db8::1', false],
    [['10.0.0.0/8'], 'b.example', 'DNS:b.example', false],
    [['10.0.0.0/8'], 'fd00::1', 'IP:fd00::1', false],
    [['10.0.0.0/8'], '10.0.0.1', 'IP:10.0.0.1', true],
  ]
  for (const [i, [permitted, name, san, good]] of cases.entries()) {
    const { limits } = loadOrCreateCa(pki.at(`ca${i}`), { permitted }).public
    t.is(mayCertify(name, limits), good, name)
    t.is(pki.verify(`ca${i}/ca.pem`, pki.leafBelow(`ca${i}/ca.pem`, `ca${i}/ca.key`, san)) === '', good, name)
  }
})

test('bits beyond the mask are not written, odd masks and single addresses are right', t => {
  const pki = new Pki(t)
  loadOrCreateCa(pki.at('ca'), { excluded: ['10.1.2.3/12', '192.0.2.7', '2001:db8:ffff::/33'] })
  const text = pki.openssl('x509', '-in', 'ca/ca.pem', '-noout', '-text')
  t.regex(
    text,
    /Name Constraints: critical\s+Excluded:\s+IP:10\.0\.0\.0\/255\.240\.0\.0\s+IP:192\.0\.2\.7\/255\.255\.255\.255\s+IP:2001:DB8:8000:0:0:0:0:0\/FFFF:FFFF:8000:0:0:0:0:0/,
  )
  t.is(fs.statSync(pki.at('ca/ca.key')).mode & 0o777, 0o600)
})
