import { createHash } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { MAX_LIST_BYTES, type RevocationList, readRevocationList } from '../../../../src/tls/revocation/lists.ts'
import { authority, DAY, leaf, pemOf } from '../../../pki/certificate.ts'
import { spkiOf } from '../../../pki/keys.ts'
import { crlOf, facts } from './answers.ts'

const inter = authority('Inter', authority('Root'))
const site = leaf(inter, { san: ['dns:www.a.example'] })
const other = leaf(inter, { san: ['dns:www.b.example'], keys: authority('x').keys })
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const crlPem = (der: Buffer) => pemOf(der).replaceAll('CERTIFICATE', 'X509 CRL')

function list(content: string | Buffer): RevocationList {
  const { list: read, faults } = readRevocationList('bad.txt', Buffer.from(content))
  if (read === null) throw new Error(faults.join('\n'))
  return read
}

const names = (it: RevocationList, cert = site, issuer: typeof inter | null = inter) =>
  it.find(facts(cert), issuer === null ? null : facts(issuer))

test('a certificate is named by fingerprint, key or serial number, in the spellings openssl prints', t => {
  const { serial } = facts(site)
  const colons = sha256(site.der)
    .toUpperCase()
    .replace(/..(?!$)/g, '$&:')
  for (const line of [
    `sha256 ${sha256(site.der)}`,
    `SHA256 ${colons}   # stolen`,
    `spki ${sha256(spkiOf(site.keys))}`,
    `serial ${sha256(inter.der)} ${serial.toString('hex')}`,
    `serial ${sha256(inter.name)} 0x00${serial.toString('hex').toUpperCase()}`,
  ]) {
    const it = list(`# comment\r\n\r\n  ${line}\r\n`)
    t.is(it.size, 1)
    t.is(names(it), 'It is named in the revocation list bad.txt of this network.', line)
    t.is(names(it, other), null, line)
  }
  t.is(names(list(`serial ${sha256(inter.der)} ${serial.toString('hex')}`), site, null), null)
  t.not(names(list(`serial ${sha256(inter.name)} ${serial.toString('hex')}`), site, null), null)
})

test('CRLs in DER and PEM, several in a file, whatever their age; only of the authority that signed them', t => {
  const mine = crlOf({
    issuer: inter,
    entries: [site],
    reason: 4,
    revokedAt: Date.UTC(2026, 0, 2),
    nextUpdate: Date.now() - 1000,
  })
  const twin = authority('Inter')
  const foreign = crlOf({ issuer: twin, entries: [other] })
  for (const content of [mine, Buffer.from(crlPem(foreign) + crlPem(mine))]) {
    const it = list(content)
    t.is(names(it), 'It was revoked on 2026-01-02: it was replaced.')
    t.is(names(it, other), null)
    t.is(names(it, site, twin), null)
  }
  t.not(names(list(crlOf({ issuer: inter, entries: [site], digest: 'sha1' }))), null)
})

test('an imported CRL that is current clears who is not in it', t => {
  const clears = (der: Buffer, cert = site) => list(der).clears(facts(cert), facts(inter), Date.now())
  const nextUpdate = Math.floor((Date.now() + DAY) / 1000) * 1000
  const current = crlOf({ issuer: inter, entries: [other], nextUpdate })
  t.deepEqual([clears(current), clears(current, other)], [nextUpdate, 0])
  t.is(clears(crlOf({ issuer: inter, nextUpdate: Date.now() - 1000 })), 0)
  t.is(clears(crlOf({ issuer: authority('Inter') })), 0)
})

test('all mistakes come back at once, with their lines', t => {
  const text = [
    'sha256 12',
    '# fine',
    `spki ${'a'.repeat(64)} more`,
    'md5 x',
    `serial ${'a'.repeat(64)}`,
    `serial ${'b'.repeat(64)} 1g`,
    `serial ${'b'.repeat(64)} 1 2`,
  ]
  const { list: none, faults } = readRevocationList('bad.txt', Buffer.from(text.join('\n')))
  t.is(none, null)
  t.deepEqual(faults, [
    'bad.txt:1: sha256 is followed by a SHA-256 of 64 hexadecimal digits.',
    'bad.txt:3: there is more than one value on this line.',
    'bad.txt:4: a line begins with sha256, spki or serial.',
    'bad.txt:5: the serial number after the issuer has 1 to 64 hexadecimal digits.',
    'bad.txt:6: the serial number after the issuer has 1 to 64 hexadecimal digits.',
    'bad.txt:7: there is more than one serial number on this line.',
  ])
})

test('mistakes in PEM have the line of their block', t => {
  const good = crlPem(crlOf({ issuer: inter }))
  const cut = good.slice(0, good.indexOf('-----END'))
  const lines = good.trimEnd().split('\n').length
  const { faults } = readRevocationList(
    'x.pem',
    Buffer.from(`${good}${site.pem}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n${cut}`),
  )
  t.is(faults[0], `x.pem:${lines + 1}: a CRL is expected here, not "CERTIFICATE".`)
  t.regex(faults[1]!, /^x\.pem:\d+: the CRL cannot be used: it is malformed\.$/)
  t.regex(faults[2]!, /^x\.pem:\d+: the CRL has no end\.$/)
  t.is(faults.length, 3)
  t.deepEqual(readRevocationList('x.crl', Buffer.from('3003020100', 'hex')).faults, [
    'x.crl: the CRL cannot be used: it is malformed.',
  ])
})

test('files, entries and mistakes are bounded', t => {
  t.regex(readRevocationList('x', Buffer.alloc(MAX_LIST_BYTES + 1)).faults.join(), /larger than 32 MiB/)
  const many = Array.from({ length: 200_002 }, (_, i) => `sha256 ${i.toString(16).padStart(64, '0')}\n`).join('')
  t.deepEqual(readRevocationList('x', Buffer.from(many)).faults, ['x:200001: more than 200000 entries; use a CRL.'])
  const { faults } = readRevocationList('x', Buffer.from('no\n'.repeat(1000)))
  t.is(faults.length, 51)
})

test('any octets: mistakes or a list, never a throw', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, pem) => {
      const content = Buffer.concat([Buffer.from(pem ? '-----BEGIN X509 CRL-----' : ''), bytes])
      const { list: read, faults } = readRevocationList('x', content)
      t.is(read === null, faults.length > 0)
    }),
    { numRuns: 2000 },
  )
})
