import { readAll, readOid, readTlv, TAG, type Tlv } from '../der.ts'

const OID_EMAIL = '1.2.840.113549.1.9.1'
const UTF8_STRING = 0x0c
const BMP_STRING = 0x1e
const UNIVERSAL_STRING = 0x1c
/** PrintableString, T61String (read as Latin-1, as everybody does), IA5String, VisibleString, NumericString. */
const BYTE_STRINGS = new Set([0x13, 0x14, 0x16, 0x1a, 0x12])

/**
 * A Name as comparable text, one string per RDN (RFC 5280 §7.1): no case, no outer and doubled spaces, whatever the string
 * type. null: unreadable. For name constraints only: issuers are found by the octets, as Firefox does.
 */
export function canonicalName(nameDer: Buffer): string[] | null {
  const name = readTlv(nameDer, 0, nameDer.length)
  const rdns = name?.tag === TAG.sequence ? readAll(nameDer, name) : null
  if (rdns === null) return null
  const out: string[] = []
  for (const rdn of rdns) {
    const pairs = readAll(nameDer, rdn)?.map(pair => canonicalPair(nameDer, pair))
    if (pairs === undefined || pairs.includes(null)) return null
    out.push(pairs.sort().join('\n'))
  }
  return out
}

/** Is the name below the base: does it begin with all of its RDNs? */
export function isWithin(name: readonly string[], base: readonly string[]): boolean {
  return base.length <= name.length && base.every((rdn, i) => rdn === name[i])
}

/** emailAddress attributes of a subject. */
export function emailsIn(nameDer: Buffer): string[] {
  const name = readTlv(nameDer, 0, nameDer.length)
  const out: string[] = []
  for (const rdn of (name && readAll(nameDer, name)) ?? []) {
    for (const pair of readAll(nameDer, rdn) ?? []) {
      const [type, value] = readAll(nameDer, pair) ?? []
      if (type && value && readOid(nameDer, type) === OID_EMAIL)
        out.push(nameDer.toString('latin1', value.start, value.end))
    }
  }
  return out
}

function canonicalPair(buf: Buffer, pair: Tlv): string | null {
  const [type, value] = readAll(buf, pair) ?? []
  const oid = type === undefined ? null : readOid(buf, type)
  if (oid === null || value === undefined) return null
  const text = decode(buf, value)
  // Other types are compared as they stand.
  if (text === null) return `${oid}#${buf.toString('hex', value.from, value.end)}`
  return `${oid}=${text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')}`
}

function decode(buf: Buffer, { tag, start, end }: Tlv): string | null {
  if (tag === UTF8_STRING) return buf.toString('utf8', start, end)
  if (BYTE_STRINGS.has(tag)) return buf.toString('latin1', start, end)
  if (tag === BMP_STRING && (end - start) % 2 === 0)
    return Buffer.from(buf.subarray(start, end)).swap16().toString('utf16le')
  if (tag !== UNIVERSAL_STRING || (end - start) % 4 !== 0) return null
  const points: number[] = []
  for (let at = start; at < end; at += 4) points.push(buf.readUInt32BE(at))
  return points.every(point => point <= 0x10ffff) ? String.fromCodePoint(...points) : null
}
