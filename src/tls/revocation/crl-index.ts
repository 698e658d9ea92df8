import { randomInt } from 'node:crypto'
import { readTime, readTlv, TAG } from '../der.ts'
import type { CrlFacts } from './crl.ts'
import { readReason } from './standing.ts'

/** No entry is smaller: two octets of frame, three of serial number, fifteen of time. */
const MIN_ENTRY = 20
const OID_REASON = Buffer.from('0603551d15', 'hex')
/** FNV-1a's prime, with a start nobody outside knows: an authority cannot choose serials that collide. */
const FNV_PRIME = 0x01000193
const SEED = randomInt(0x7fffffff)

/**
 * The serial numbers of a CRL, found without an object per entry: an open hash table of offsets into the list's own
 * octets. A 10 MB list (280,000 entries) costs 2 to 4 MB on top, and is read in steps of some milliseconds.
 */
export class CrlIndex {
  readonly #buf: Buffer
  readonly #end: number
  #at: number
  /** Offset of the entry's serial INTEGER (its tag), 0 = free; at most half full. */
  readonly #slots: Uint32Array
  readonly #mask: number
  #count = 0

  constructor(crl: CrlFacts) {
    this.#buf = crl.buf
    this.#at = crl.entriesStart
    this.#end = crl.entriesEnd
    const most = Math.ceil((crl.entriesEnd - crl.entriesStart) / MIN_ENTRY)
    const size = 1 << (32 - Math.clz32(Math.max(8, most * 2 - 1)))
    this.#slots = new Uint32Array(size)
    this.#mask = size - 1
  }

  /** Entries read so far. */
  get count(): number {
    return this.#count
  }

  /** Beside the list itself. */
  get bytes(): number {
    return this.#slots.byteLength
  }

  /** Reads at most `entries` more; `bad`: the list must not be used, for any certificate. */
  step(entries: number): 'more' | 'done' | 'bad' {
    for (let i = 0; i < entries; i++) {
      if (this.#at === this.#end) return 'done'
      if (!this.#readEntry()) return 'bad'
    }
    return 'more'
  }

  /** revokedCertificates' element: serial, date, extensions. Frames are read in place: this runs 280,000 times. */
  #readEntry(): boolean {
    const buf = this.#buf
    const at = this.#at
    const start = contentStart(buf, at, this.#end, TAG.sequence)
    if (start === 0) return false
    const end = start + contentLength(buf, at)
    const serial = contentStart(buf, start, end, TAG.integer)
    if (serial === 0) return false
    const serialEnd = serial + contentLength(buf, start)
    if (serialEnd === serial || serialEnd + 2 > end) return false
    // The one length each kind of time has in DER also keeps entries at MIN_ENTRY, and the table half empty.
    const timeLength = buf[serialEnd] === TAG.utcTime ? 13 : 15
    const isTime = buf[serialEnd] === TAG.utcTime || buf[serialEnd] === TAG.generalizedTime
    const timeEnd = serialEnd + 2 + timeLength
    if (!isTime || buf[serialEnd + 1] !== timeLength || timeEnd > end) return false
    if (timeEnd < end && !this.#areKnown(timeEnd, end)) return false
    this.#insert(start, serial, serialEnd)
    this.#at = end
    return true
  }

  /**
   * RFC 5280 §5.3: an unknown critical extension of one entry makes the whole list unusable (the only one in use,
   * certificateIssuer, makes entries be about another authority's certificates).
   */
  #areKnown(at: number, end: number): boolean {
    const buf = this.#buf
    const list = contentStart(buf, at, end, TAG.sequence)
    if (list === 0 || list + contentLength(buf, at) !== end) return false
    for (let item = list; item < end; ) {
      const oid = contentStart(buf, item, end, TAG.sequence)
      if (oid === 0) return false
      const itemEnd = oid + contentLength(buf, item)
      const oidStart = contentStart(buf, oid, itemEnd, TAG.oid)
      if (oidStart === 0) return false
      const oidEnd = oidStart + contentLength(buf, oid)
      if (oidEnd + 2 > itemEnd) return false
      const isCritical = buf[oidEnd] === TAG.boolean && buf[oidEnd + 2] !== 0
      if (isCritical && buf.compare(OID_REASON, 0, OID_REASON.length, oid, oidEnd) !== 0) return false
      item = itemEnd
    }
    return true
  }

  #insert(at: number, start: number, end: number): void {
    const slots = this.#slots
    let slot = hashOf(this.#buf, start, end) & this.#mask
    while (slots[slot] !== 0) slot = (slot + 1) & this.#mask
    slots[slot] = at
    this.#count++
  }

  /** Since when and why (CRLReason or -1), or null when the serial number is not in the list. */
  find(serial: Buffer): { at: number; reason: number } | null {
    const buf = this.#buf
    for (let slot = hashOf(serial, 0, serial.length) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = this.#slots[slot]!
      if (at === 0) return null
      const item = readTlv(buf, at, this.#end)!
      if (buf.compare(serial, 0, serial.length, item.start, item.end) === 0) return this.#describe(item.end)
    }
  }

  #describe(timeAt: number): { at: number; reason: number } {
    const buf = this.#buf
    const time = readTlv(buf, timeAt, this.#end)
    const since = (time === null ? null : readTime(buf, time)) ?? 0
    // Where the reason's extension stands: right behind its OID, an OCTET STRING around an ENUMERATED.
    const next = time === null ? null : readTlv(buf, time.end, this.#end)
    const oidAt = next?.tag === TAG.sequence ? buf.subarray(next.start, next.end).indexOf(OID_REASON) : -1
    if (next === null || oidAt < 0) return { at: since, reason: -1 }
    let value = readTlv(buf, next.start + oidAt + OID_REASON.length, next.end)
    if (value?.tag === TAG.boolean) value = readTlv(buf, value.end, next.end)
    const code = value?.tag === TAG.octetString ? readTlv(buf, value.start, value.end) : null
    return { at: since, reason: code?.tag === 0x0a ? readReason(buf, code.start, code.end) : -1 }
  }
}

/** Where the content of the element at `at` begins, 0 when it is not a `tag` or not DER; entries are under 64 KiB. */
function contentStart(buf: Buffer, at: number, limit: number, tag: number): number {
  if (at + 2 > limit || buf[at] !== tag) return 0
  const first = buf[at + 1]!
  const start = at + (first < 0x80 ? 2 : first - 0x80 + 2)
  if (first === 0x80 || first > 0x82 || start > limit) return 0
  const length = contentLength(buf, at)
  const minimal = first < 0x80 || length >= (first === 0x81 ? 0x80 : 0x100)
  return minimal && start + length <= limit ? start : 0
}

function contentLength(buf: Buffer, at: number): number {
  const first = buf[at + 1]!
  return first < 0x80 ? first : first === 0x81 ? buf[at + 2]! : (buf[at + 2]! << 8) | buf[at + 3]!
}

function hashOf(buf: Buffer, start: number, end: number): number {
  let value = SEED
  for (let i = start; i < end; i++) value = Math.imul(value ^ buf[i]!, FNV_PRIME)
  return (value ^ (value >>> 15)) >>> 0
}
