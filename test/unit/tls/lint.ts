import { readAll, readOid, readTime, readTlv, TAG, type Tlv } from '../../../src/tls/der.ts'

/**
 * The rules that certificate linters apply to a TLS server's leaf, as far as they make sense below a private root:
 * RFC 5280, the CA/Browser Forum's Baseline Requirements (BR) and Apple's limits. Answers what is wrong, nothing when all is well.
 */
export function lint(der: Buffer): string[] {
  const wrong: string[] = []
  const must = (holds: boolean, rule: string) => {
    if (!holds) wrong.push(rule)
  }
  const whole = readTlv(der, 0, der.length)!
  const [tbs, algorithm, signature] = readAll(der, whole) as [Tlv, Tlv, Tlv]
  const fields = readAll(der, tbs)!
  must(whole.end === der.length, 'nothing follows the certificate')
  must(fields.length === 8, 'eight fields: no unique identifiers (RFC 5280 §4.1.2.8)')
  const [version, serial, inner, , validity, subject, spki, wrapper] = fields as [
    Tlv,
    Tlv,
    Tlv,
    Tlv,
    Tlv,
    Tlv,
    Tlv,
    Tlv,
  ]
  const bytes = (item: Tlv) => der.subarray(item.from, item.end)
  const content = (item: Tlv) => der.subarray(item.start, item.end)

  must(bytes(version).equals(Buffer.from('a003020102', 'hex')), 'version 3')
  const number = content(serial)
  must(
    number.length <= 20 && number[0]! < 0x80 && number.some(octet => octet > 0),
    'serial number: positive, at most 20 octets (§4.1.2.2)',
  )
  must(number.length >= 8, 'serial number: 64 random bits and more (BR 7.1)')
  must(number[0] !== 0 || number[1]! >= 0x80, 'serial number: minimal DER')
  must(bytes(inner).equals(bytes(algorithm)), 'the same signature algorithm in both places (§4.1.1.2)')
  const RSA_OR_ECDSA = /^1\.2\.840\.(113549\.1\.1\.11|10045\.4\.3\.[23])$/
  const [algorithmId, parameters] = readAll(der, algorithm) as [Tlv, Tlv?]
  must(RSA_OR_ECDSA.test(readOid(der, algorithmId) ?? ''), 'a signature algorithm that BR 7.1.3.2 allows')
  must(
    (parameters?.tag === 0x05) === readOid(der, algorithmId)!.startsWith('1.2.840.113549'),
    'NULL with RSA, nothing with ECDSA',
  )
  must(der[signature.start] === 0, 'a signature of whole octets')

  const [from, until] = readAll(der, validity)!.map(item => readTime(der, item)) as [number, number]
  must(until > from, 'ends after it begins')
  must(until - from + 1000 <= 45 * 24 * 3600_000, 'at most 45 days, both ends counted')
  must(content(subject).length === 0, 'an empty subject: the name is in the SAN alone (BR 7.1.2.7.2)')
  must(spki.tag === TAG.sequence, 'a public key')

  const extensions = new Map<string, { critical: boolean; value: Tlv }>()
  for (const item of readAll(der, readAll(der, wrapper)![0]!)!) {
    const parts = readAll(der, item)!
    const id = readOid(der, parts[0]!)!
    must(!extensions.has(id), `${id} stands there once (§4.2)`)
    must(parts.length === 2 || content(parts[1]!).equals(Buffer.from([0xff])), `${id}: no encoded default (DER)`)
    extensions.set(id, { critical: parts.length === 3, value: readTlv(der, parts.at(-1)!.start, parts.at(-1)!.end)! })
  }
  const sequenceOf = (id: string) => readAll(der, extensions.get(id)!.value)!
  for (const [id, critical, name] of [
    ['2.5.29.15', true, 'keyUsage'],
    ['2.5.29.17', true, 'subjectAltName below an empty subject (§4.2.1.6)'],
    ['2.5.29.37', false, 'extKeyUsage'],
    ['2.5.29.14', false, 'subjectKeyIdentifier (§4.2.1.2)'],
    ['2.5.29.35', false, 'authorityKeyIdentifier (§4.2.1.1)'],
  ] as const)
    must(extensions.get(id)?.critical === critical, `${name}: there, and ${critical ? '' : 'not '}critical`)
  must(extensions.size === 5, 'nothing else: no name of ours, no URL, nothing of the origin')
  must(
    content(extensions.get('2.5.29.15')!.value).equals(Buffer.from('0780', 'hex')),
    'keyUsage: digitalSignature only, minimal',
  )
  must(
    sequenceOf('2.5.29.37')
      .map(item => readOid(der, item))
      .join() === '1.3.6.1.5.5.7.3.1',
    'extKeyUsage: serverAuth only',
  )
  must(content(extensions.get('2.5.29.14')!.value).length === 20, 'a key identifier of 160 bits')
  must(
    sequenceOf('2.5.29.35')
      .map(item => item.tag)
      .join() === String(0x80),
    'the authority by its key identifier alone',
  )
  const names = sequenceOf('2.5.29.17')
  must(names.length === 1 && (names[0]!.tag === 0x82 || names[0]!.tag === 0x87), 'one dNSName or iPAddress')
  if (names[0]!.tag === 0x82) {
    const name = content(names[0]!).toString('latin1')
    must(
      name.length <= 253 && name.split('.').every(label => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)),
      'a host name in lower case',
    )
  } else must([4, 16].includes(content(names[0]!).length), 'an address of 4 or 16 octets')
  return wrong
}
