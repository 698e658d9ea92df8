/**
 * DER (X.690) in both directions, as far as X.509 needs it: one-byte tags, definite minimal lengths.
 * The writer glues ready pieces, which is what makes a mint cost microseconds; the reader never copies and never throws.
 */

/** One element: `start`..`end` are its content inside the buffer, `from` is where its tag stands. */
export interface Tlv {
  tag: number
  from: number
  start: number
  end: number
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** In octets: some UUIDs' worth. */
const MAX_OID = 64

/** An element of the given tag around the parts. */
export function der(tag: number, ...parts: Uint8Array[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const head = length < 0x80 ? 2 : length < 0x100 ? 3 : 4
  if (length > 0xffff) throw new RangeError('DER element over 64 KiB')
  const out = Buffer.allocUnsafe(head + length)
  out[0] = tag
  if (head === 2) out[1] = length
  else {
    out[1] = 0x80 | (head - 2)
    if (head === 3) out[2] = length
    else out.writeUInt16BE(length, 2)
  }
  let at = head
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** UTCTime until 2049, GeneralizedTime after it (RFC 5280 §4.1.2.5). */
export function derTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\.\d+Z$|[-:T]/g, '')
  const utc = digits < '2050'
  return der(utc ? TAG.utcTime : TAG.generalizedTime, Buffer.from(`${utc ? digits.slice(2) : digits}Z`, 'latin1'))
}

/** The element at `at`, or null when it is not DER or leaves `limit`. */
export function readTlv(buf: Uint8Array, at: number, limit: number): Tlv | null {
  if (at + 2 > limit) return null
  const tag = buf[at]!
  if ((tag & 0x1f) === 0x1f) return null
  const first = buf[at + 1]!
  if (first < 0x80) {
    const end = at + 2 + first
    return end > limit ? null : { tag, from: at, start: at + 2, end }
  }
  const count = first & 0x7f
  if (count === 0 || count > 3 || at + 2 + count > limit) return null
  let length = 0
  for (let i = 0; i < count; i++) length = (length << 8) | buf[at + 2 + i]!
  const minimal = count === 1 ? length >= 0x80 : length >>> (8 * (count - 1)) !== 0
  const start = at + 2 + count
  return !minimal || start + length > limit ? null : { tag, from: at, start, end: start + length }
}

/** The elements inside `outer`, or null when its content is not a run of whole elements. */
export function readAll(buf: Uint8Array, outer: Tlv): Tlv[] | null {
  const out: Tlv[] = []
  let at = outer.start
  while (at < outer.end) {
    const item = readTlv(buf, at, outer.end)
    if (item === null) return null
    out.push(item)
    at = item.end
  }
  return out
}

/** Dotted form of an object identifier, or null. */
export function readOid(buf: Uint8Array, item: Tlv): string | null {
  if (item.tag !== TAG.oid || item.end === item.start || item.end - item.start > MAX_OID || buf[item.end - 1]! & 0x80)
    return null
  const arcs: (number | bigint)[] = []
  let value: number | bigint = 0
  let begins = true
  for (let i = item.start; i < item.end; i++) {
    const byte = buf[i]!
    // X.690 §8.19.2: no leading zero groups.
    if (begins && byte === 0x80) return null
    value = typeof value === 'number' ? value * 128 + (byte & 0x7f) : value * 128n + BigInt(byte & 0x7f)
    // Arcs below 2.25 are UUIDs of 128 bits (X.667 §7).
    if (typeof value === 'number' && value > Number.MAX_SAFE_INTEGER / 128) value = BigInt(value)
    begins = (byte & 0x80) === 0
    if (!begins) continue
    if (arcs.length === 0) {
      const first = value < 80 ? Math.floor(Number(value) / 40) : 2
      arcs.push(first, typeof value === 'number' ? value - first * 40 : value - 80n)
    } else arcs.push(value)
    value = 0
  }
  return arcs.join('.')
}

/** Is this the content of a BIT STRING: the count of unused bits, then the octets (X.690 §8.6.2)? */
export function isBits(buf: Uint8Array, start: number, end: number): boolean {
  return end > start && buf[start]! <= (end === start + 1 ? 0 : 7)
}

/** Milliseconds since the epoch of a UTCTime or GeneralizedTime in the one form RFC 5280 allows, or null. */
export function readTime(buf: Uint8Array, item: Tlv): number | null {
  const text = Buffer.from(buf.buffer, buf.byteOffset + item.start, item.end - item.start).toString('latin1')
  let digits: string
  if (item.tag === TAG.utcTime && /^\d{12}Z$/.test(text)) digits = (text < '5' ? '20' : '19') + text
  else if (item.tag === TAG.generalizedTime && /^\d{14}Z$/.test(text)) digits = text
  else return null
  const iso = digits.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const ms = Date.parse(iso)
  // Date.parse takes 31 February for 3 March: a date must come back as it went in.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== iso.slice(0, 19) ? null : ms
}
