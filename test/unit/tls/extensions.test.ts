import { X509Certificate } from 'node:crypto'
import test from 'ava'
import { readOid, readTlv } from '../../../src/tls/der.ts'
import { KEY_USAGE } from '../../../src/tls/extensions.ts'
import { ipText } from '../../../src/tls/general-name.ts'
import { parseCertificate, readCertificate } from '../../../src/tls/x509.ts'
import { authority, type CertSpec, leaf, makeCert } from '../../pki/certificate.ts'
import { explicit, implicit, octets, seq, tlv } from '../../pki/der.ts'
import { authorityInfo, crlPoints, extension, generalName, ID, ocspNoCheck, tlsFeature } from '../../pki/extensions.ts'

const read = (spec: CertSpec) => parseCertificate(leaf(null, spec).der)!

test('what a verdict and the revocation of a certificate need is read', t => {
  const root = authority('Root', null, {
    nameConstraints: { permitted: ['dns:a.example'], excluded: ['ip:0000000000000000'] },
  })
  const cert = leaf(root, {
    san: ['dns:a.example', 'email:x@a.example', 'uri:http://a.example/', 'ip:7f000001', 'registered:1.2.3'],
    serial: 0x1234n,
    extra: [
      tlsFeature(5, 17),
      ocspNoCheck(),
      authorityInfo({ ocsp: ['http://ocsp.example/a'], issuers: ['http://ca.example/a.der'] }),
      crlPoints('http://crl.example/a.crl'),
    ],
  })
  const facts = parseCertificate(cert.der)!
  const node = new X509Certificate(cert.der)
  t.is(facts.fingerprint, node.fingerprint256.replaceAll(':', '').toLowerCase())
  t.is(facts.serial.toString('hex').toUpperCase(), node.serialNumber)
  t.deepEqual(facts.tbsDer, cert.tbs)
  t.true(facts.mustStaple)
  t.true(facts.ocspNoCheck)
  t.deepEqual(facts.ocspUrls, ['http://ocsp.example/a'])
  t.deepEqual(facts.caIssuerUrls, ['http://ca.example/a.der'])
  t.deepEqual(facts.crlUrls, ['http://crl.example/a.crl'])
  t.is(facts.keyUsage, KEY_USAGE.digitalSignature)
  t.deepEqual(facts.altNames!.email, ['x@a.example'])
  t.deepEqual(facts.altNames!.uri, ['http://a.example/'])
  t.deepEqual(facts.unknownCritical, [])
  const above = parseCertificate(root.der)!
  t.deepEqual(facts.authorityKeyId, above.subjectKeyId)
  t.true(above.isCa)
  t.is(above.pathLen, -1)
  t.is(above.keyUsage, KEY_USAGE.keyCertSign | KEY_USAGE.crlSign)
  t.deepEqual(above.nameConstraints!.permitted.dns, ['a.example'])
  t.is(above.nameConstraints!.excluded.ip.length, 1)
  t.is(parseCertificate(authority('Short', null, { pathLen: 300 }).der)!.pathLen, 300)
})

test('what is absent is told apart from what is empty', t => {
  const facts = parseCertificate(makeCert({ without: [ID.subjectKeyId] }).der)!
  t.is(facts.keyUsage, -1)
  t.is(facts.pathLen, -1)
  t.is(facts.extKeyUsage, null)
  t.is(facts.altNames, null)
  t.is(facts.policies, null)
  t.is(facts.subjectKeyId, null)
  t.not(facts.authorityKeyId, null)
  t.false(facts.mustStaple)
})

test('addresses to fetch from: http only, of bounded number and length', t => {
  const many = Array.from({ length: 30 }, (_, i) => `http://ocsp.example/${i}`)
  t.is(read({ extra: [authorityInfo({ ocsp: many })] }).ocspUrls.length, 8)
  t.is(read({ extra: [authorityInfo({ issuers: many })] }).caIssuerUrls.length, 8)
  t.is(read({ extra: [crlPoints(...many)] }).crlUrls.length, 8)
  const odd = [
    'https://a.example/',
    'ldap://a.example/',
    'file:///etc/passwd',
    'http://a.example/\r\nX: y',
    `http://a.example/${'x'.repeat(3000)}`,
  ]
  t.deepEqual(read({ extra: [authorityInfo({ ocsp: odd, issuers: odd }), crlPoints(...odd)] }).ocspUrls, [])
  t.deepEqual(read({ extra: [crlPoints(...odd)] }).crlUrls, [])
})

test('CRLs that are signed by others or cover some reasons only are left out', t => {
  const full = explicit(0, explicit(0, generalName('uri:http://a.example/crl')))
  const point = (...parts: Buffer[]) => extension(ID.crlPoints, seq(seq(...parts)))
  t.is(read({ extra: [point(full)] }).crlUrls.length, 1)
  t.is(read({ extra: [point(full, implicit(1, Buffer.from([1, 2])))] }).crlUrls.length, 0)
  t.is(read({ extra: [point(full, explicit(2, generalName('uri:http://b.example/')))] }).crlUrls.length, 0)
})

test('4096 names are read, not more', t => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `dns:${i.toString(36)}.x`)
  t.is(read({ san: names(4096) }).dnsNames.length, 4096)
  t.regex(String(readCertificate(leaf(null, { san: names(4097) }).der)), /list of names is malformed/)
})

test('object identifiers with UUIDs are no reason to refuse a certificate', t => {
  // 2.25 and 128 bits (X.667 §7)
  const content = Buffer.concat([Buffer.from([0x69, 0x83]), Buffer.alloc(17, 0xc5), Buffer.from([0x45])])
  const item = tlv(0x06, content)
  const uuid = [0x83, ...Buffer.alloc(17, 0xc5), 0x45].reduce((sum, octet) => sum * 128n + BigInt(octet & 0x7f), 0n)
  t.is(readOid(item, readTlv(item, 0, item.length)!), `2.25.${uuid}`)
  const cert = leaf(null, { extra: [seq(item, octets(Buffer.from('0500', 'hex')))] })
  t.truthy(new X509Certificate(cert.der))
  t.truthy(parseCertificate(cert.der))
})

test('addresses for people', t => {
  t.is(ipText(Buffer.from('c0000207', 'hex')), '192.0.2.7')
  t.is(ipText(Buffer.from('20010db8000000000000000000000007', 'hex')), '2001:db8::7')
})
