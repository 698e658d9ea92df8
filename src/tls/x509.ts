import { readAll, readOid, readTime, readTlv, TAG, type Tlv } from './der.ts'

/**
 * What Weir reads out of a certificate by itself. Node's X509Certificate hands names out as text that must be escaped
 * and unescaped (CVE-2021-44532 was a mistake in that); a verdict on a name is made on the bytes.
 */
export interface CertificateFacts {
  /** As people count: 3 for v3. */
  version: number
  /** The signature algorithm's OID; the one outside the signed part equals the one inside. */
  signatureOid: string
  issuerDer: Buffer
  subjectDer: Buffer
  notBefore: number
  notAfter: number
  spkiDer: Buffer
  subjectKeyId: Buffer | null
  /** dNSName entries as sent, one character per octet. */
  dnsNames: string[]
  /** iPAddress entries: 4 or 16 octets when well-formed. */
  ipAddrs: Buffer[]
  /** Purposes (OIDs), or null when the extension is absent. */
  extKeyUsage: string[] | null
  /** KeyUsage's first octet (0x80 = digitalSignature), or -1 when absent. */
  keyUsage: number
  isCa: boolean
}

const OID = { subjectKeyId: '2.5.29.14', keyUsage: '2.5.29.15', subjectAltName: '2.5.29.17' } as const
const OID_BASIC_CONSTRAINTS = '2.5.29.19'
const OID_EXT_KEY_USAGE = '2.5.29.37'
const GENERAL_NAME = { dns: 0x82, ip: 0x87 } as const
/** OpenSSL's limit for a whole chain on the wire. */
const MAX_BYTES = 100 * 1024

/** Pure; null when it is not a well-formed X.509 certificate (RFC 5280 §4.1). */
export function parseCertificate(bytes: Uint8Array): CertificateFacts | null {
  const buf = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buf.length > MAX_BYTES) return null
  const whole = readTlv(buf, 0, buf.length)
  if (whole === null || whole.tag !== TAG.sequence || whole.end !== buf.length) return null
  const outer = readAll(buf, whole)
  const tbs = outer?.[0]
  if (outer?.length !== 3 || tbs?.tag !== TAG.sequence) return null
  const fields = readAll(buf, tbs)
  return fields === null ? null : readTbs(buf, fields, outer[1]!)
}

function readTbs(buf: Buffer, fields: Tlv[], outerAlgorithm: Tlv): CertificateFacts | null {
  let version = 1
  let at = 0
  if (fields[0]?.tag === 0xa0) {
    const number = readTlv(buf, fields[0].start, fields[0].end)
    if (number === null || number.tag !== TAG.integer || number.end !== number.start + 1) return null
    version = buf[number.start]! + 1
    at = 1
  }
  const [serial, algorithm, issuer, validity, subject, spki, ...rest] = fields.slice(at)
  if (!serial || !algorithm || !issuer || !validity || !subject || !spki || serial.tag !== TAG.integer) return null
  const algorithmDer = buf.subarray(algorithm.from, algorithm.end)
  if (!algorithmDer.equals(buf.subarray(outerAlgorithm.from, outerAlgorithm.end))) return null
  const oid = readTlv(buf, algorithm.start, algorithm.end)
  const signatureOid = oid === null ? null : readOid(buf, oid)
  const times = readAll(buf, validity)
  if (signatureOid === null || times?.length !== 2) return null
  const notBefore = readTime(buf, times[0]!)
  const notAfter = readTime(buf, times[1]!)
  if (notBefore === null || notAfter === null) return null
  const facts: CertificateFacts = {
    version,
    signatureOid,
    issuerDer: buf.subarray(issuer.from, issuer.end),
    subjectDer: buf.subarray(subject.from, subject.end),
    notBefore,
    notAfter,
    spkiDer: buf.subarray(spki.from, spki.end),
    subjectKeyId: null,
    dnsNames: [],
    ipAddrs: [],
    extKeyUsage: null,
    keyUsage: -1,
    isCa: false,
  }
  const extensions = rest.find(item => item.tag === 0xa3)
  return extensions === undefined || readExtensions(buf, extensions, facts) ? facts : null
}

function readExtensions(buf: Buffer, wrapper: Tlv, facts: CertificateFacts): boolean {
  const list = readTlv(buf, wrapper.start, wrapper.end)
  const items = list?.tag === TAG.sequence ? readAll(buf, list) : null
  if (items === null) return false
  const seen = new Set<string>()
  for (const item of items) {
    const parts = item.tag === TAG.sequence ? readAll(buf, item) : null
    if (parts === null || parts.length < 2 || parts.length > 3) return false
    const oid = readOid(buf, parts[0]!)
    const wrapped = parts[parts.length - 1]!
    // RFC 5280 §4.2: not more than one instance of an extension; two SAN lists are read differently by different parsers.
    if (oid === null || seen.has(oid) || wrapped.tag !== TAG.octetString) return false
    seen.add(oid)
    const value = readTlv(buf, wrapped.start, wrapped.end)
    if (!readExtension(buf, oid, value, facts)) return false
  }
  return true
}

function readExtension(buf: Buffer, oid: string, value: Tlv | null, facts: CertificateFacts): boolean {
  switch (oid) {
    case OID.subjectKeyId:
      if (value?.tag !== TAG.octetString) return false
      facts.subjectKeyId = buf.subarray(value.start, value.end)
      return true
    case OID.keyUsage:
      if (value?.tag !== TAG.bitString) return false
      facts.keyUsage = value.end - value.start > 1 ? buf[value.start + 1]! : 0
      return true
    case OID.subjectAltName:
      return value?.tag === TAG.sequence && readNames(buf, value, facts)
    case OID_BASIC_CONSTRAINTS: {
      const first = value?.tag === TAG.sequence ? readAll(buf, value) : null
      if (first === null) return false
      facts.isCa = first[0]?.tag === TAG.boolean && buf[first[0].start] !== 0
      return true
    }
    case OID_EXT_KEY_USAGE: {
      const purposes = value?.tag === TAG.sequence ? readAll(buf, value) : null
      if (purposes === null) return false
      const oids = purposes.map(purpose => readOid(buf, purpose))
      if (oids.includes(null)) return false
      facts.extKeyUsage = oids as string[]
      return true
    }
    default:
      return true
  }
}

function readNames(buf: Buffer, list: Tlv, facts: CertificateFacts): boolean {
  const names = readAll(buf, list)
  if (names === null) return false
  for (const name of names) {
    if (name.tag === GENERAL_NAME.dns) facts.dnsNames.push(buf.toString('latin1', name.start, name.end))
    else if (name.tag === GENERAL_NAME.ip) facts.ipAddrs.push(buf.subarray(name.start, name.end))
  }
  return true
}
