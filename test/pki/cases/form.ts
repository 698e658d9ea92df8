import { type Cert, type CertSpec, makeCert, pemOf } from '../certificate.ts'
import { bool, explicit, ia5, implicit, int, octets, oid, seq, tlv, utf8 } from '../der.ts'
import { authorityInfo, extension, extKeyUsage, generalName, ID, subjectAltName } from '../extensions.ts'
import { keyIdOf, spkiOf } from '../keys.ts'
import { type Case, ca, INTER, ROOT, SAN, server, withInter, withLeaf, withRoot } from './case.ts'

const form = (title: string, expect: Case['expect'], build: Case['build'], words?: RegExp): Case => ({
  class: 'form',
  title,
  expect,
  build,
  ...(words && { words }),
})
const INVALID = 'origin-cert-invalid'
const UNKNOWN = '1.3.6.1.4.1.99999.7'
const EXTENSIONS = 7

/** The leaf's octets spoiled after it was signed. */
const spoiled = (change: (der: Buffer) => Buffer) => () => {
  const good = server(INTER)
  const der = change(good.der)
  return { presented: [{ ...good, der, pem: pemOf(der) } satisfies Cert, INTER] }
}
const rawSan = (value: Buffer): CertSpec => ({
  extensions: { [ID.subjectAltName]: extension(ID.subjectAltName, value) },
})
const lastExtensions = (wrapper: (fields: Buffer[]) => Buffer[]): CertSpec => ({ fields: wrapper })

export const formCases: Case[] = [
  form(
    'an unknown critical extension in the leaf (RFC 5280 §4.2)',
    INVALID,
    withLeaf({ extra: [extension(UNKNOWN, ia5('x'), true)] }),
    /critical/,
  ),
  form(
    'an unknown critical extension in the intermediate',
    INVALID,
    withInter({ extra: [extension(UNKNOWN, ia5('x'), true)] }),
  ),
  form(
    'an unknown critical extension in the root (Firefox, OpenSSL)',
    INVALID,
    withRoot({ extra: [extension(UNKNOWN, ia5('x'), true)] }),
  ),
  form('an unknown extension', null, withLeaf({ extra: [extension(UNKNOWN, ia5('x'))] })),
  form(
    'an unknown extension that holds no DER',
    null,
    withLeaf({ extra: [seq(oid(UNKNOWN), octets(Buffer.from('x')))] }),
  ),
  form(
    'a precertificate (RFC 6962 §3.1)',
    INVALID,
    withLeaf({ extra: [extension('1.3.6.1.4.1.11129.2.4.3', tlv(5), true)] }),
  ),
  form(
    'critical authority information (RFC 5280 §4.2.2.1)',
    INVALID,
    withLeaf({
      extra: [
        extension(ID.authorityInfo, seq(seq(oid('1.3.6.1.5.5.7.48.1'), generalName('uri:http://a.example/'))), true),
      ],
    }),
  ),
  form(
    'critical subject key identifier (RFC 5280 §4.2.1.2)',
    INVALID,
    withLeaf({ extensions: { [ID.subjectKeyId]: extension(ID.subjectKeyId, octets(keyIdOf(Buffer.alloc(1))), true) } }),
  ),
  form(
    'critical policies with an unknown qualifier (RFC 5280 §4.2.1.4)',
    INVALID,
    withLeaf({ extra: [extension(ID.policies, seq(seq(oid('1.2.3'), seq(seq(oid(UNKNOWN), ia5('x'))))), true)] }),
  ),
  form(
    'authority information and TLS feature as usual',
    null,
    withLeaf({ extra: [authorityInfo({ ocsp: ['http://ocsp.a.example/'], issuers: ['http://a.example/ca.der'] })] }),
  ),
  form('an extension twice (RFC 5280 §4.2)', INVALID, withLeaf({ extra: [extKeyUsage('1.3.6.1.5.5.7.3.1')] }), /twice/),
  form('SAN twice', INVALID, withLeaf({ extra: [subjectAltName(['dns:b.example'])] }), /twice/),
  form(
    'an unknown extension twice',
    INVALID,
    withLeaf({ extra: [extension(UNKNOWN, ia5('x')), extension(UNKNOWN, ia5('x'))] }),
  ),
  form('an empty SAN (RFC 5280 §4.2.1.6)', INVALID, withLeaf(rawSan(seq()))),
  form('SAN that is no sequence', INVALID, withLeaf(rawSan(ia5('www.a.example')))),
  form('SAN cut off', INVALID, withLeaf(rawSan(seq(Buffer.from([0x82, 20, 0x77]))))),
  form(
    'SAN with octets behind it',
    INVALID,
    withLeaf(rawSan(Buffer.concat([seq(generalName(SAN[0]!)), Buffer.from([5, 0])]))),
  ),
  form(
    'SAN with an unknown kind of name',
    INVALID,
    withLeaf(rawSan(seq(generalName(SAN[0]!), implicit(9, Buffer.from('x'))))),
  ),
  form('a constructed dNSName (X.690 §10.2)', INVALID, withLeaf(rawSan(seq(tlv(0xa2, ia5('www.a.example')))))),
  form('a critical SAN beside a subject', null, withLeaf({ sanCritical: true })),
  form('an empty subject and a critical SAN (RFC 5280 §4.1.2.6)', null, withLeaf({ subject: '', sanCritical: true })),
  form(
    'critical FALSE written out, which DER leaves out but browsers take',
    null,
    withLeaf({ extra: [seq(oid(UNKNOWN), bool(false), octets(ia5('x')))] }),
  ),
  form(
    'critical neither all ones nor all zeros (X.690 §11.1)',
    INVALID,
    withLeaf({ extra: [seq(oid(UNKNOWN), tlv(1, Buffer.from([1])), octets(ia5('x')))] }),
  ),
  form('an extension without a value', INVALID, withLeaf({ extra: [seq(oid(UNKNOWN))] })),
  form(
    'an empty list of extensions (RFC 5280 §4.1)',
    INVALID,
    withLeaf(lastExtensions(f => [...f.slice(0, EXTENSIONS), explicit(3, seq())])),
  ),
  form(
    '100 extensions',
    INVALID,
    withLeaf({ extra: Array.from({ length: 100 }, (_, i) => extension(`1.3.6.1.4.1.99999.8.${i}`, ia5('x'))) }),
  ),
  form('version 1 (RFC 5280 §4.1.2.1)', INVALID, withLeaf({ version: null })),
  form('version 1 in an intermediate', INVALID, withInter({ version: null })),
  form('version 1 with extensions (RFC 5280 §4.1.2.9)', INVALID, withLeaf(lastExtensions(f => f.slice(1)))),
  form('version 2', INVALID, withLeaf({ version: 2 })),
  form('version 4', INVALID, withLeaf({ version: 4 })),
  form('version 1 written out (X.690 §11.5)', INVALID, withLeaf({ version: 1 })),
  form('a negative version', INVALID, withLeaf(lastExtensions(f => [explicit(0, int(-1)), ...f.slice(1)]))),
  form('serial number 0 (RFC 5280 §4.1.2.2)', INVALID, withLeaf({ serial: 0 })),
  form('a negative serial number', INVALID, withLeaf({ serial: -5 })),
  form('a serial number of 20 octets', null, withLeaf({ serial: Buffer.alloc(20, 0x11) })),
  form('a serial number of 21 octets', INVALID, withLeaf({ serial: Buffer.alloc(21, 0x11) })),
  form('a serial number with a needless zero (X.690 §8.3.2)', INVALID, withLeaf({ serial: Buffer.from([0, 0x11]) })),
  form('an empty serial number', INVALID, withLeaf({ serial: Buffer.alloc(0) })),
  form('serial number 0 in an intermediate', INVALID, withInter({ serial: 0 })),
  form('serial number 0 in a root', null, withRoot({ serial: 0 })),
  form(
    'octets behind the certificate',
    INVALID,
    spoiled(der => Buffer.concat([der, Buffer.from([0])])),
  ),
  form(
    'a certificate cut off',
    INVALID,
    spoiled(der => der.subarray(0, der.length - 1)),
  ),
  form(
    'no octets at all',
    INVALID,
    spoiled(() => Buffer.alloc(0)),
  ),
  form(
    'an indefinite length (X.690 §10.1)',
    INVALID,
    spoiled(der => Buffer.concat([Buffer.from([0x30, 0x80]), der.subarray(4), Buffer.from([0, 0])])),
  ),
  form(
    'a length that is not minimal (X.690 §10.1)',
    INVALID,
    spoiled(der => Buffer.concat([Buffer.from([0x30, 0x83, 0]), der.subarray(2)])),
  ),
  form('octets behind the last field', INVALID, withLeaf(lastExtensions(f => [...f, tlv(5)]))),
  form('a field is missing', INVALID, withLeaf(lastExtensions(f => f.filter((_field, i) => i !== 4)))),
  form(
    'issuerUniqueID and subjectUniqueID, out of use but legal',
    null,
    withLeaf(
      lastExtensions(f => [
        ...f.slice(0, EXTENSIONS),
        implicit(1, Buffer.from([0, 1])),
        implicit(2, Buffer.from([0, 1])),
        ...f.slice(EXTENSIONS),
      ]),
    ),
  ),
  form('a subject that is no name', INVALID, withLeaf({ subject: utf8('x') })),
  form('a subject with an empty RDN (X.501: SIZE 1..MAX)', INVALID, withLeaf({ subject: seq(tlv(0x31)) })),
  form('a malformed certificate among strangers', null, () => {
    const broken = makeCert({ subject: 'Broken', serial: Buffer.alloc(0) })
    return { presented: [server(INTER), broken, INTER] }
  }),
  form('a malformed intermediate', INVALID, () => {
    const inter = ca('Broken', ROOT, { extra: [extension(ID.extKeyUsage, seq())] })
    return { presented: [server(inter), inter] }
  }),
  form('a leaf of 110 KiB', INVALID, withLeaf({ extra: [extension(UNKNOWN, octets(Buffer.alloc(110 * 1024)))] })),
  form('the public key is malformed', INVALID, withLeaf({ spki: seq(spkiOf(INTER.keys)) })),
]
