import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { WeirError } from '../../../src/core/errors.ts'
import { mintLeaf } from '../../../src/tls/mint.ts'
import { parseCertificate } from '../../../src/tls/x509.ts'

const DAY = 24 * 3600_000
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-mint-'))
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }))
const ca = loadOrCreateCa(path.join(dir, 'ca'))
const caFile = path.join(dir, 'ca', 'ca.pem')
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spki = spkiDer(pair.publicKey)

function spkiDer(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

function mint(name: string, nowMs = Date.now()) {
  return mintLeaf(ca.key, ca.public, name, spki, nowMs)
}

function openssl(pem: string, ...args: string[]): string {
  const file = path.join(dir, 'leaf.pem')
  fs.writeFileSync(file, pem)
  return execFileSync('openssl', [...args, file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

test.serial('OpenSSL verifies a leaf strictly, for the name asked and no other', t => {
  const strict = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', caFile]
  for (const name of [
    'www.example.org',
    'xn--bcher-kva.example',
    'a_b.example',
    'intranet',
    `${'a'.repeat(63)}.example`,
  ]) {
    const { certPem } = mint(name)
    t.regex(openssl(certPem, ...strict, '-verify_hostname', name), /OK/, name)
    t.throws(() => openssl(certPem, ...strict, '-verify_hostname', 'other.example'), undefined, name)
  }
  for (const addr of ['192.0.2.7', '2001:db8::1']) {
    const { certPem } = mint(addr)
    t.regex(openssl(certPem, ...strict, '-verify_ip', addr), /OK/, addr)
    t.throws(() => openssl(certPem, ...strict, '-verify_ip', '192.0.2.8'), undefined, addr)
  }
})

test.serial('the leaf says what it must and nothing else', t => {
  const text = openssl(mint('www.example.org').certPem, 'x509', '-noout', '-text', '-in')
  t.regex(text, /Subject: *\n/)
  t.regex(text, /Subject Alternative Name: critical\s+DNS:www\.example\.org\n/)
  t.regex(text, /Key Usage: critical\s+Digital Signature\n/)
  t.regex(text, /Extended Key Usage: *\n\s+TLS Web Server Authentication\n/)
  t.is(text.match(/X509v3 /g)!.length, 6)
  const facts = parseCertificate(new X509Certificate(mint('x.example').certPem).raw)!
  t.deepEqual(facts.spkiDer, spki)
  t.deepEqual(facts.issuerDer, parseCertificate(ca.public.certDer)!.subjectDer)
  t.true(new X509Certificate(mint('x.example').certPem).checkIssued(new X509Certificate(ca.public.certPem)))
})

test('at most 45 days, backdated, never outside the life of the CA', t => {
  const now = Date.now()
  const leaf = mint('a.example', now + 100 * DAY)
  t.true(leaf.notAfter - leaf.notBefore < 45 * DAY)
  t.is(leaf.notBefore, Math.floor((now + 98 * DAY) / 1000) * 1000)
  const facts = parseCertificate(new X509Certificate(leaf.certPem).raw)!
  t.is(facts.notBefore, leaf.notBefore)
  t.is(facts.notAfter, leaf.notAfter)

  t.is(mint('a.example', now - DAY).notBefore, ca.public.notBefore)
  t.is(mint('a.example', ca.public.notAfter - DAY).notAfter, ca.public.notAfter)
  t.throws(() => mint('a.example', ca.public.notAfter + 1), { instanceOf: WeirError })
  t.throws(() => mint('a.example', ca.public.notBefore - 1), { instanceOf: WeirError })
})

test('serial numbers are 16 random octets, positive, without leading zero', t => {
  const serials = new Set<string>()
  for (let i = 0; i < 500; i++) {
    const serial = new X509Certificate(mint('a.example').certPem).serialNumber
    t.regex(serial, /^[4-7][0-9A-F]{31}$/)
    serials.add(serial)
  }
  t.is(serials.size, 500)
})

test('names that may not stand in a certificate are refused', t => {
  const bad = [
    '',
    '*',
    '*.example.org',
    'a..example',
    '.example',
    'example.',
    'a b.example',
    'a/b.example',
    'nul\0.example',
    'Upper.example',
    'bücher.example',
    '-a.example',
    'a-.example',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(126)}example`,
    '1.2.3',
    '1.2.3.4.5',
    '[::1]',
    'fe80::1%eth0',
    'a.example\n',
    'a.0x1f',
  ]
  for (const name of bad) {
    const error = t.throws(() => mint(name), { instanceOf: WeirError }, JSON.stringify(name))
    t.is(error.code, 'self-mint', JSON.stringify(name))
  }
})

test('a worker cannot have anything but a P-256 or RSA-2048 key certified', t => {
  const others = [
    spkiDer(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey),
    spkiDer(generateKeyPairSync('rsa', { modulusLength: 3072 }).publicKey),
    spkiDer(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey),
    Buffer.alloc(0),
    spki.subarray(1),
    Buffer.concat([spki, Buffer.from([0])]),
  ]
  for (const key of others)
    t.throws(() => mintLeaf(ca.key, ca.public, 'a.example', key, Date.now()), { instanceOf: WeirError })
})

test('whatever the name, the result is an error or a certificate for exactly that name', t => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.domain(), fc.ipV4(), fc.ipV6(), fc.string({ unit: 'binary' })), name => {
      let pem: string
      try {
        pem = mint(name).certPem
      } catch (error) {
        return error instanceof WeirError && error.code === 'self-mint'
      }
      const facts = parseCertificate(new X509Certificate(pem).raw)!
      return facts.dnsNames.length + facts.ipAddrs.length === 1 && (facts.dnsNames[0] ?? name) === name
    }),
    { numRuns: 500 },
  )
  t.pass()
})

test('the time of a mint', t => {
  const started = performance.now()
  for (let i = 0; i < 2000; i++) mint(`host${i}.example`)
  t.log(`${((performance.now() - started) / 2000).toFixed(3)} ms each over 2,000`)
  t.pass()
})
