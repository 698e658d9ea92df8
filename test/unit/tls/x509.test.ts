import { X509Certificate } from 'node:crypto'
import tls from 'node:tls'
import test from 'ava'
import fc from 'fast-check'
import { der, derTime, readOid, readTime, readTlv } from '../../../src/tls/der.ts'
import { parseCertificate } from '../../../src/tls/x509.ts'
import { CLIENT_AUTH, makeCert, SERVER_AUTH } from './pki.ts'

test('reads what stands in a certificate', t => {
  const cert = makeCert({
    san: ['dns:a.example', 'ip:7f000001', 'dns:*.b.example'],
    extKeyUsage: [SERVER_AUTH, CLIENT_AUTH],
  })
  const facts = parseCertificate(cert.der)!
  t.is(facts.version, 3)
  t.is(facts.signatureOid, '1.2.840.10045.4.3.2')
  t.deepEqual(facts.dnsNames, ['a.example', '*.b.example'])
  t.deepEqual(facts.ipAddrs, [Buffer.from([127, 0, 0, 1])])
  t.deepEqual(facts.extKeyUsage, [SERVER_AUTH, CLIENT_AUTH])
  t.false(facts.isCa)
  t.true(parseCertificate(makeCert({ ca: true }).der)!.isCa)
})

test('agrees with Node on every root of the bundled store', t => {
  const roots = tls.getCACertificates('bundled')
  t.true(roots.length > 50)
  for (const pem of roots) {
    const cert = new X509Certificate(pem)
    const facts = parseCertificate(cert.raw)!
    t.is(facts.notBefore, cert.validFromDate.getTime())
    t.is(facts.notAfter, cert.validToDate.getTime())
    t.deepEqual(facts.spkiDer, cert.publicKey.export({ type: 'spki', format: 'der' }))
    if (facts.version === 3) t.true(facts.isCa)
  }
})

test('a second extension of the same kind, a different outer algorithm and trailing octets are refused', t => {
  const cert = makeCert({ san: ['dns:a.example'] })
  t.is(parseCertificate(Buffer.concat([cert.der, Buffer.from([0])])), null)
  const doubled = Buffer.from(cert.der)
  // Turns the authority key id (2.5.29.35) into a second SAN.
  doubled[doubled.indexOf(Buffer.from('551d23', 'hex')) + 2] = 0x11
  t.is(parseCertificate(doubled), null)
  const outer = Buffer.from(cert.der)
  outer[outer.lastIndexOf(Buffer.from('2a8648ce3d040302', 'hex')) + 7] = 1
  t.is(parseCertificate(outer), null)
})

test('DER lengths and times come back as written; what is not minimal or not a date is refused', t => {
  for (const size of [0, 1, 127, 128, 255, 256, 65000]) {
    const item = der(0x04, Buffer.alloc(size))
    t.deepEqual(readTlv(item, 0, item.length), { tag: 4, from: 0, start: item.length - size, end: item.length })
  }
  for (const bad of ['0480', '048100', '04817f', '04820001', '0485', '1f0100', '04', '040100'.slice(0, 4)])
    t.is(readTlv(Buffer.from(bad, 'hex'), 0, bad.length / 2), null, bad)
  for (const iso of ['1999-12-31T23:59:59Z', '2049-12-31T23:59:59Z', '2050-01-01T00:00:00Z', '2026-02-28T00:00:00Z']) {
    const item = derTime(Date.parse(iso))
    t.is(readTime(item, readTlv(item, 0, item.length)!), Date.parse(iso))
  }
  for (const text of ['260231000000Z', '261301000000Z', '2601010000Z', '260101000000+0100', '260101240000Z']) {
    const item = der(0x17, Buffer.from(text))
    t.is(readTime(item, readTlv(item, 0, item.length)!), null, text)
  }
  const oid = Buffer.from('06092a864886f70d01010b', 'hex')
  t.is(readOid(oid, readTlv(oid, 0, oid.length)!), '1.2.840.113549.1.1.11')
})

test('no octets make the parser throw', t => {
  const good = makeCert({ san: ['dns:a.example', 'ip:7f000001'] }).der
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      fc.nat(good.length),
      (changes, cut) => {
        const bytes = Buffer.from(good)
        for (const [at, value] of changes) bytes[at] = value
        parseCertificate(bytes)
        parseCertificate(bytes.subarray(0, cut))
      },
    ),
    { numRuns: 3000 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), bytes => void parseCertificate(bytes)))
  t.pass()
})
