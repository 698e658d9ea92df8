import { hash } from 'node:crypto'
import { isBits, readAll, readOid, readTime, readTlv, TAG, type Tlv } from './der.ts'
import { isName } from './directory-name.ts'
import { type ExtensionFacts, noExtensions, readExtensions } from './extensions.ts'
import { type KeyFacts, readKey } from './key.ts'

/**
 * What Weir reads out of a certificate by itself. Node's X509Certificate hands names out as text that must be escaped
 * and unescaped (CVE-2021-44532 was a mistake in that); a verdict is made on the octets. Never changed after parsing:
 * memories of verdicts are keyed by `fingerprint`.
 */
export interface CertificateFacts extends ExtensionFacts {
  /** The whole certificate, in memory of its own. */
  der: Buffer
  /** SHA-256 of `der`, lower-case hex. */
  fingerprint: string
  /** As people count: 3 for v3. */
  version: number
  /** The content octets of the INTEGER: minimal, perhaps zero or negative. */
  serial: Buffer
  /** What is signed: the whole TBSCertificate element. */
  tbsDer: Buffer
  /** The AlgorithmIdentifier outside the signed part; the one inside is the same, octet by octet. */
  signatureAlgorithmDer: Buffer
  signatureOid: string
  /** Without the octet that counts unused bits (there are none). */
  signature: Buffer
  issuerDer: Buffer
  subjectDer: Buffer
  /** Milliseconds since the epoch; both ends belong to the validity. */
  notBefore: number
  notAfter: number
  spkiDer: Buffer
  key: KeyFacts
  /** What is malformed in its extensions, in plain words: only readPresented() gives such facts out; otherwise ''. */
  fault: string
}

/** Far above any real certificate (some CDNs' reach 10 KiB); OpenSSL's limit for a whole chain on the wire. */
const MAX_BYTES = 100 * 1024

/** Pure; null when it is not a well-formed X.509 certificate (RFC 5280 §4.1). */
export function parseCertificate(bytes: Uint8Array): CertificateFacts | null {
  const facts = readCertificate(bytes)
  return typeof facts === 'string' ? null : facts
}

/**
 * The facts, or in plain words why it is no well-formed certificate. `mildly`: a certificate whose extensions alone are
 * malformed comes with `fault` set, so that a verdict can name it; nothing may be believed of it.
 */
export function readCertificate(bytes: Uint8Array, mildly = false): CertificateFacts | string {
  if (bytes.length > MAX_BYTES) return 'it is too long'
  const buf = Buffer.allocUnsafeSlow(bytes.length)
  buf.set(bytes)
  const whole = readTlv(buf, 0, buf.length)
  if (whole === null || whole.tag !== TAG.sequence || whole.end !== buf.length) return 'it is not DER'
  const outer = readAll(buf, whole)
  if (outer?.length !== 3) return 'it is not DER'
  const [tbs, algorithm, signature] = outer as [Tlv, Tlv, Tlv]
  const fields = tbs.tag === TAG.sequence ? readAll(buf, tbs) : null
  if (fields === null || algorithm.tag !== TAG.sequence) return 'it is not DER'
  // X.690 §8.6.2: the first content octet counts unused bits; signatures are whole octets.
  if (signature.tag !== TAG.bitString || signature.end - signature.start < 2 || buf[signature.start] !== 0)
    return 'its signature is malformed'
  const facts = readTbs(buf, tbs, fields, algorithm, signature)
  return typeof facts === 'string' || facts.fault === '' || mildly ? facts : facts.fault
}

function readTbs(buf: Buffer, tbs: Tlv, fields: Tlv[], outer: Tlv, signature: Tlv): CertificateFacts | string {
  const version = fields[0]?.tag === 0xa0 ? readVersion(buf, fields[0]) : 1
  if (version === null) return 'its version is malformed'
  let at = fields[0]?.tag === 0xa0 ? 1 : 0
  const [serial, algorithm, issuer, validity, subject, spki] = fields.slice(at, at + 6)
  if (!serial || !algorithm || !issuer || !validity || !subject || !spki) return 'a part of it is missing'
  at += 6
  // issuerUniqueID and subjectUniqueID: long out of use and of no meaning here.
  for (const tag of [0x81, 0x82]) {
    const unique = fields[at]
    if (unique?.tag === tag && isBits(buf, unique.start, unique.end)) at++
  }
  const extensions = fields[at]?.tag === 0xa3 ? fields[at++]! : null
  if (at !== fields.length) return 'it has parts that do not belong there'
  if (!isInteger(buf, serial)) return 'its serial number is malformed'
  const algorithmDer = slice(buf, outer)
  // RFC 5280 §4.1.1.2: the outer one is not signed and so must say what the inner one says.
  if (!slice(buf, algorithm).equals(algorithmDer)) return 'it names two different signature algorithms'
  const oid = readTlv(buf, outer.start, outer.end)
  const signatureOid = oid === null ? null : readOid(buf, oid)
  if (signatureOid === null) return 'its signature algorithm is malformed'
  if (!isName(buf, issuer) || !isName(buf, subject)) return 'its subject or issuer is malformed'
  const times = validity.tag === TAG.sequence ? readAll(buf, validity) : null
  const notBefore = times?.length === 2 ? readTime(buf, times[0]!) : null
  const notAfter = times?.length === 2 ? readTime(buf, times[1]!) : null
  if (notBefore === null || notAfter === null) return 'its validity is malformed'
  const spkiDer = slice(buf, spki)
  const key = readKey(spkiDer)
  if (typeof key === 'string') return key
  const known = noExtensions()
  // RFC 5280 §4.1.2.9: extensions only in version 3.
  if (extensions !== null && version !== 3) return 'it has extensions but is not of version 3'
  const fault = extensions === null ? '' : readExtensions(buf, extensions, known)
  return {
    der: buf,
    fingerprint: hash('sha256', buf, 'hex'),
    version,
    serial: content(buf, serial),
    tbsDer: slice(buf, tbs),
    signatureAlgorithmDer: algorithmDer,
    signatureOid,
    signature: buf.subarray(signature.start + 1, signature.end),
    issuerDer: slice(buf, issuer),
    subjectDer: slice(buf, subject),
    notBefore,
    notAfter,
    spkiDer,
    key,
    fault,
    ...known,
  }
}

/** 2 or 3; version 1 is the default, which DER leaves out (X.690 §11.5). */
function readVersion(buf: Buffer, wrapper: Tlv): number | null {
  const number = readTlv(buf, wrapper.start, wrapper.end)
  if (number === null || number.tag !== TAG.integer || number.end !== wrapper.end) return null
  const version = number.end === number.start + 1 ? buf[number.start]! + 1 : 0
  return version === 2 || version === 3 ? version : null
}

/** X.690 §8.3.2: no more octets than needed. */
function isInteger(buf: Buffer, item: Tlv): boolean {
  if (item.tag !== TAG.integer || item.end === item.start) return false
  const first = buf[item.start]!
  if (item.end === item.start + 1 || (first !== 0 && first !== 0xff)) return true
  return (first === 0) === buf[item.start + 1]! >= 0x80
}

function slice(buf: Buffer, item: Tlv): Buffer {
  return buf.subarray(item.from, item.end)
}

function content(buf: Buffer, item: Tlv): Buffer {
  return buf.subarray(item.start, item.end)
}
