import { isUtf8 } from 'node:buffer'
import { isBits, readAll, readOid, readTlv, TAG, type Tlv } from './der.ts'

/** One attribute of a Name (RFC 5280 §4.1.2.4); `value` is where its string stands in the Name's octets. */
export interface Attribute {
  oid: string
  value: Tlv
}

const OID_EMAIL = '1.2.840.113549.1.9.1'
const UTF8_STRING = 0x0c
const BMP_STRING = 0x1e
const UNIVERSAL_STRING = 0x1c
/** PrintableString, T61String (read as Latin-1, as everybody does), IA5String, NumericString. */
const BYTE_STRINGS = new Set([0x13, 0x14, 0x16, 0x12])

/** RDNSequence: sets, not empty, of type and string; as OpenSSL reads it, which the handshake has to pass too. */
export function isName(buf: Buffer, name: Tlv): boolean {
  const rdns = name.tag === TAG.sequence ? readAll(buf, name) : null
  return rdns?.every(rdn => isRdn(buf, rdn)) ?? false
}

function isRdn(buf: Buffer, rdn: Tlv): boolean {
  const pairs = rdn.tag === TAG.set ? readAll(buf, rdn) : null
  if (pairs === null || pairs.length === 0) return false
  return pairs.every(pair => {
    const parts = pair.tag === TAG.sequence ? readAll(buf, pair) : null
    return parts?.length === 2 && readOid(buf, parts[0]!) !== null && isString(buf, parts[1]!)
  })
}

function isString(buf: Buffer, { tag, start, end }: Tlv): boolean {
  if (tag === UTF8_STRING) return isUtf8(buf.subarray(start, end))
  if (tag === BMP_STRING) return (end - start) % 2 === 0
  if (tag === UNIVERSAL_STRING) return (end - start) % 4 === 0
  // Unique identifiers are BIT STRINGs.
  return BYTE_STRINGS.has(tag) || (tag === TAG.bitString && isBits(buf, start, end))
}

/** All attributes by RDN, in their order; null: unreadable. */
export function attributesOf(nameDer: Buffer): Attribute[][] | null {
  const name = readTlv(nameDer, 0, nameDer.length)
  if (name === null || !isName(nameDer, name)) return null
  return readAll(nameDer, name)!.map(rdn =>
    readAll(nameDer, rdn)!.map(pair => {
      const [type, value] = readAll(nameDer, pair) as [Tlv, Tlv]
      return { oid: readOid(nameDer, type)!, value }
    }),
  )
}

/**
 * A Name as comparable text, one string per RDN (RFC 5280 §7.1): no case, no outer and doubled spaces, whatever the string
 * type. null: unreadable. For name constraints only: issuers are found by the octets, as Firefox does.
 */
export function canonicalName(nameDer: Buffer): string[] | null {
  const rdns = attributesOf(nameDer)
  if (rdns === null) return null
  return rdns.map(rdn => {
    const pairs = rdn.map(({ oid, value }) => `${oid}=${canonicalText(attributeText(nameDer, value))}`)
    return pairs.sort().join('\n')
  })
}

/** Is the name below the base: does it begin with all of its RDNs? */
export function isWithin(name: readonly string[], base: readonly string[]): boolean {
  return base.length <= name.length && base.every((rdn, i) => rdn === name[i])
}

/** emailAddress attributes of a subject. */
export function emailsIn(nameDer: Buffer): string[] {
  const all = attributesOf(nameDer)?.flat() ?? []
  return all.filter(({ oid }) => oid === OID_EMAIL).map(({ value }) => attributeText(nameDer, value))
}

/** The text of an attribute; of a BIT STRING its octets. */
export function attributeText(buf: Buffer, { tag, start, end }: Tlv): string {
  if (tag === UTF8_STRING) return buf.toString('utf8', start, end)
  if (tag === BMP_STRING) return Buffer.from(buf.subarray(start, end)).swap16().toString('utf16le')
  if (tag !== UNIVERSAL_STRING) return buf.toString('latin1', start, end)
  let text = ''
  for (let at = start; at < end; at += 4) {
    const point = buf.readUInt32BE(at)
    text += point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd'
  }
  return text
}

function canonicalText(text: string): string {
  return text.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')
}
