import { readAll, readOid, readTlv, TAG, type Tlv } from './der.ts'

/** The public key of a certificate, as far as a verdict and a page need it. */
export interface KeyFacts {
  /** `other`: a kind that no browser takes from a web server (DSA, DH, RSASSA-PSS keys, Ed448, unknown curves). */
  type: 'rsa' | 'ec' | 'ed25519' | 'other'
  /** Of the RSA modulus or the curve; 0 for `other`. */
  bits: number
  /** For people: `RSA 2048`, `ECDSA P-256`. */
  label: string
  /** What forbids its use whatever the size, in plain words: an exponent of 1, a compressed point; ''. */
  fault: string
  /** The fault is one of strength, not of form. */
  weak: boolean
}

const OID_RSA = '1.2.840.113549.1.1.1'
const OID_EC = '1.2.840.10045.2.1'
const OID_ED25519 = '1.3.101.112'

/** The curves of browsers (and RFC 5480 §2.1.1.1's of at least 112 bits that anybody certifies). */
const CURVES: Record<string, { label: string; bits: number }> = {
  '1.2.840.10045.3.1.7': { label: 'P-256', bits: 256 },
  '1.3.132.0.34': { label: 'P-384', bits: 384 },
  '1.3.132.0.35': { label: 'P-521', bits: 521 },
}

/** Kinds given up as weak, by name for the page. */
const WEAK_KINDS: Record<string, string> = {
  '1.2.840.10040.4.1': 'DSA',
  '1.2.840.10046.2.1': 'DH',
  '1.2.840.113549.1.3.1': 'DH',
}
/** Kinds that no browser takes from a web server for other reasons. */
const OTHER_KINDS: Record<string, string> = {
  '1.2.840.113549.1.1.7': 'RSA-OAEP',
  '1.2.840.113549.1.1.10': 'RSASSA-PSS',
  '1.3.101.110': 'X25519',
  '1.3.101.111': 'X448',
  '1.3.101.113': 'Ed448',
  '1.3.132.1.12': 'ECDH',
}

/** BoringSSL's and so Chrome's limit; a verification's price grows with the square of it. */
const MAX_RSA_BITS = 8192
/** Likewise: BoringSSL takes public exponents of up to 33 bits. */
const MAX_EXPONENT_OCTETS = 5

/** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), or in plain words why it is malformed. */
export function readKey(spki: Buffer): KeyFacts | string {
  const malformed = 'its public key is malformed'
  const whole = readTlv(spki, 0, spki.length)
  const parts = whole?.tag === TAG.sequence ? readAll(spki, whole) : null
  const [algorithm, bits] = parts ?? []
  if (parts?.length !== 2 || algorithm?.tag !== TAG.sequence || bits?.tag !== TAG.bitString) return malformed
  const pieces = readAll(spki, algorithm)
  const oid = pieces?.[0] === undefined ? null : readOid(spki, pieces[0])
  if (pieces === null || pieces.length > 2 || oid === null) return malformed
  if (bits.end - bits.start < 2 || spki[bits.start] !== 0) return malformed
  const parameters = pieces[1] ?? null
  switch (oid) {
    case OID_RSA:
      return readRsa(spki, parameters, bits.start + 1, bits.end) ?? malformed
    case OID_EC:
      return readEc(spki, parameters, bits)
    case OID_ED25519:
      // RFC 8410 §3: parameters absent.
      return parameters === null && bits.end - bits.start === 33
        ? { type: 'ed25519', bits: 256, label: 'Ed25519', fault: '', weak: false }
        : malformed
    default:
      return other(WEAK_KINDS[oid] ?? OTHER_KINDS[oid] ?? oid.slice(0, 40), oid in WEAK_KINDS)
  }
}

function other(label: string, weak: boolean): KeyFacts {
  return { type: 'other', bits: 0, label, fault: `its key (${label}) is of a kind that browsers do not take`, weak }
}

function readRsa(spki: Buffer, parameters: Tlv | null, start: number, end: number): KeyFacts | null {
  // RFC 3279 §2.3.1: the parameters are NULL.
  if (parameters?.tag !== TAG.null || parameters.start !== parameters.end) return null
  const key = readTlv(spki, start, end)
  const numbers = key?.tag === TAG.sequence && key.end === end ? readAll(spki, key) : null
  const modulus = numbers?.length === 2 ? positive(spki, numbers[0]!) : null
  const exponent = numbers?.length === 2 ? positive(spki, numbers[1]!) : null
  if (modulus === null || exponent === null) return null
  const bits = modulus.length * 8 - Math.clz32(modulus[0]!) + 24
  return {
    type: 'rsa',
    bits,
    label: `RSA ${bits}`,
    fault: rsaFault(bits, modulus, exponent),
    weak: bits <= MAX_RSA_BITS,
  }
}

function rsaFault(bits: number, modulus: Buffer, exponent: Buffer): string {
  if (bits > MAX_RSA_BITS) return `its RSA key is longer than ${MAX_RSA_BITS} bits`
  if ((modulus[modulus.length - 1]! & 1) === 0) return 'its RSA modulus is even'
  // FIPS 186-5 §5.1 and RFC 8017 §3.1: odd and at least 3; 1 would make every signature valid.
  const odd = (exponent[exponent.length - 1]! & 1) === 1
  if (!odd || (exponent.length === 1 && exponent[0] === 1)) return 'its RSA exponent is not usable'
  if (exponent.length > MAX_EXPONENT_OCTETS || (exponent.length === MAX_EXPONENT_OCTETS && exponent[0]! > 1))
    return 'its RSA exponent is absurdly large'
  return ''
}

/** The octets of a positive INTEGER without the leading zero. */
function positive(buf: Buffer, item: Tlv): Buffer | null {
  if (item.tag !== TAG.integer || item.end === item.start || buf[item.start]! >= 0x80) return null
  const padded = buf[item.start] === 0
  // Zero itself, or a zero octet that is not needed.
  if (padded && (item.end === item.start + 1 || buf[item.start + 1]! < 0x80)) return null
  return buf.subarray(item.start + (padded ? 1 : 0), item.end)
}

function readEc(spki: Buffer, parameters: Tlv | null, bits: Tlv): KeyFacts {
  // RFC 5480 §2.1.1: a named curve; explicit ones let an attacker choose the generator (CVE-2020-0601).
  const oid = parameters === null ? null : readOid(spki, parameters)
  const curve = oid === null ? undefined : CURVES[oid]
  if (curve === undefined)
    return other(oid === null ? 'ECDSA, explicit curve' : `ECDSA, curve ${oid.slice(0, 40)}`, true)
  const octets = Math.ceil(curve.bits / 8)
  const uncompressed = spki[bits.start + 1] === 4 && bits.end - bits.start === 2 + 2 * octets
  return {
    type: 'ec',
    bits: curve.bits,
    label: `ECDSA ${curve.label}`,
    fault: uncompressed ? '' : 'its key is not an uncompressed point',
    weak: false,
  }
}
