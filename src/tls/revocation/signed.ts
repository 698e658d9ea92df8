import { readAll, readOid, readTlv, TAG, type Tlv } from '../der.ts'

/** The frame of everything that is signed in PKIX: what is signed, the algorithm, the signature, perhaps more. */
export interface Signed {
  tbs: Tlv
  tbsDer: Buffer
  algorithmDer: Buffer
  /** Without the octet that counts unused bits. */
  signature: Buffer
  /** What follows the signature (an OCSP response's certificates). */
  rest: Tlv[]
}

/** `buf` from `at` to `limit` holds one signed piece and nothing else, or null. */
export function readSigned(buf: Buffer, at: number, limit: number): Signed | null {
  const whole = readTlv(buf, at, limit)
  if (whole?.tag !== TAG.sequence || whole.end !== limit) return null
  const parts = readAll(buf, whole)
  const [tbs, algorithm, bits, ...rest] = parts ?? []
  if (tbs?.tag !== TAG.sequence || algorithm?.tag !== TAG.sequence || bits?.tag !== TAG.bitString) return null
  if (bits.end - bits.start < 2 || buf[bits.start] !== 0) return null
  return {
    tbs,
    tbsDer: buf.subarray(tbs.from, tbs.end),
    algorithmDer: buf.subarray(algorithm.from, algorithm.end),
    signature: buf.subarray(bits.start + 1, bits.end),
    rest,
  }
}

/**
 * Calls back for each of the Extensions inside the explicit tag `wrapper`; false when they are malformed, when one
 * stands there twice, or when `take` does not want one.
 */
export function eachExtension(
  buf: Buffer,
  wrapper: Tlv,
  take: (oid: string, critical: boolean, value: Tlv) => boolean,
): boolean {
  const list = readTlv(buf, wrapper.start, wrapper.end)
  const items = list?.tag === TAG.sequence && list.end === wrapper.end ? readAll(buf, list) : null
  if (items === null || items.length > 32) return false
  const seen = new Set<string>()
  return items.every(item => {
    const parts = item.tag === TAG.sequence ? readAll(buf, item) : null
    if (parts === null || parts.length < 2 || parts.length > 3) return false
    const oid = readOid(buf, parts[0]!)
    const value = parts[parts.length - 1]!
    if (oid === null || seen.has(oid) || value.tag !== TAG.octetString) return false
    seen.add(oid)
    if (parts.length === 3 && parts[1]!.tag !== TAG.boolean) return false
    const critical = parts.length === 3 && buf[parts[1]!.start] !== 0
    return take(oid, critical, value)
  })
}
