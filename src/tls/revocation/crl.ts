import { readAll, readTime, readTlv, TAG, type Tlv } from '../der.ts'
import { KEY_USAGE } from '../extensions.ts'
import { verifySigned } from '../verify/signature.ts'
import type { CertificateFacts } from '../x509.ts'
import { eachExtension, readSigned } from './signed.ts'
import { SIGNATURE_WORDS, SKEW_MS } from './standing.ts'

/** The DER reader's own limit; the largest lists of public authorities have about 10 MB. */
export const MAX_CRL_BYTES = 16 * 1024 * 1024 - 1

/** A CRL's frame (RFC 5280 §5.1); its entries are not looked at yet. */
export interface CrlFacts {
  buf: Buffer
  tbsDer: Buffer
  algorithmDer: Buffer
  signature: Buffer
  issuerDer: Buffer
  thisUpdate: number
  nextUpdate: number
  /** Where the entries stand in `buf`. */
  entriesStart: number
  entriesEnd: number
  /** URIs of the issuing distribution point's name; null: the list is not limited to one point. */
  points: string[] | null
  /** Which certificates it is about. */
  scope: 'all' | 'leaves' | 'authorities'
}

const OID = {
  deltaIndicator: '2.5.29.27',
  issuingPoint: '2.5.29.28',
  authorityKeyId: '2.5.29.35',
  crlNumber: '2.5.29.20',
} as const

/** Pure; in plain words why it is no CRL that can be used. */
export function readCrl(buf: Buffer): CrlFacts | string {
  if (buf.length > MAX_CRL_BYTES) return 'it is too large'
  const signed = readSigned(buf, 0, buf.length)
  if (signed === null || signed.rest.length > 0) return 'it is malformed'
  const fields = readAll(buf, signed.tbs)
  if (fields === null) return 'it is malformed'
  // Absent means v1, which can say nothing about itself; a v1 list is complete.
  const version = fields[0]?.tag === TAG.integer ? fields.shift() : undefined
  if (version !== undefined && (version.end !== version.start + 1 || buf[version.start] !== 1))
    return 'its version is unknown'
  const [algorithm, issuer, first] = fields.splice(0, 3)
  if (algorithm?.tag !== TAG.sequence || issuer?.tag !== TAG.sequence || first === undefined) return 'it is malformed'
  // RFC 5280 §5.1.1.2: the outer one is not signed.
  if (!buf.subarray(algorithm.from, algorithm.end).equals(signed.algorithmDer))
    return 'it names two signature algorithms'
  const second = fields[0]?.tag === TAG.utcTime || fields[0]?.tag === TAG.generalizedTime ? fields.shift() : undefined
  const thisUpdate = readTime(buf, first)
  const nextUpdate = second === undefined ? null : readTime(buf, second)
  // RFC 5280 §5.1.2.5: nextUpdate must be there; without it nobody knows when the list is stale.
  if (thisUpdate === null || nextUpdate === null || nextUpdate < thisUpdate) return 'its times are malformed'
  const entries = fields[0]?.tag === TAG.sequence ? fields.shift() : undefined
  const crl: CrlFacts = {
    buf,
    tbsDer: signed.tbsDer,
    algorithmDer: signed.algorithmDer,
    signature: signed.signature,
    issuerDer: buf.subarray(issuer.from, issuer.end),
    thisUpdate,
    nextUpdate,
    entriesStart: entries?.start ?? 0,
    entriesEnd: entries?.end ?? 0,
    points: null,
    scope: 'all',
  }
  const extensions = fields.shift()
  if (fields.length > 0) return 'it is malformed'
  return extensions === undefined ? crl : readExtensions(buf, extensions, version !== undefined, crl)
}

function readExtensions(buf: Buffer, wrapper: Tlv, isV2: boolean, crl: CrlFacts): CrlFacts | string {
  if (wrapper.tag !== 0xa0 || !isV2) return 'it is malformed'
  let fault = ''
  const whole = eachExtension(buf, wrapper, (oid, critical, value) => {
    // A delta names only what changed: its silence proves nothing, and some mark it as not critical.
    if (oid === OID.deltaIndicator) fault = 'it is a delta, not a complete list'
    else if (oid === OID.issuingPoint) fault = readIssuingPoint(buf, value, crl)
    else if (critical && oid !== OID.authorityKeyId && oid !== OID.crlNumber)
      fault = `it has a critical extension (${oid.slice(0, 40)}) that is unknown here`
    return fault === ''
  })
  if (fault !== '') return fault
  return whole ? crl : 'its extensions are malformed'
}

/** IssuingDistributionPoint (RFC 5280 §5.2.5): which part of the authority's certificates the list is about. */
function readIssuingPoint(buf: Buffer, value: Tlv, crl: CrlFacts): string {
  const whole = readTlv(buf, value.start, value.end)
  const parts = whole?.tag === TAG.sequence && whole.end === value.end ? readAll(buf, whole) : null
  if (parts === null) return 'its distribution point is malformed'
  for (const part of parts) {
    if (part.tag === 0xa0) {
      crl.points = readPointNames(buf, part)
      continue
    }
    // The others are booleans but [3], the reasons covered: none of them may be left over for another list.
    if (part.tag === 0x83) return 'it covers some reasons only'
    const set = part.end === part.start + 1 && buf[part.start] !== 0
    if (part.tag === 0x81 && set) crl.scope = 'leaves'
    else if (part.tag === 0x82 && set) crl.scope = 'authorities'
    else if (part.tag === 0x84 && set) return 'it is an indirect list'
    else if (part.tag === 0x85 && set) return 'it is about attribute certificates'
    else if (part.tag < 0x81 || part.tag > 0x85) return 'its distribution point is malformed'
  }
  return ''
}

/** URIs of a fullName; a name relative to the issuer has none and so matches nothing. */
function readPointNames(buf: Buffer, part: Tlv): string[] {
  const full = readTlv(buf, part.start, part.end)
  const names = full?.tag === 0xa0 ? readAll(buf, full) : null
  return (names ?? []).filter(name => name.tag === 0x86).map(name => buf.toString('latin1', name.start, name.end))
}

/** '' when `crl` is by `issuer`'s key and may be, else why not. Hashes all of the list. */
export function crlSignatureFault(crl: CrlFacts, issuer: CertificateFacts): string {
  if (!crl.issuerDer.equals(issuer.subjectDer)) return 'The revocation list is by another authority.'
  if (issuer.keyUsage !== -1 && (issuer.keyUsage & KEY_USAGE.crlSign) === 0)
    return 'The revocation list is by an authority that may not sign lists.'
  const verdict = verifySigned(crl.tbsDer, crl.algorithmDer, crl.signature, issuer.spkiDer)
  return verdict === 'good' ? '' : `The revocation list is ${SIGNATURE_WORDS[verdict]}.`
}

/** '' when the absence of `cert` from `crl` means that it is not revoked (RFC 5280 §6.3.3 b), else why not. */
export function crlCoverageFault(crl: CrlFacts, cert: CertificateFacts, nowMs: number): string {
  if (crl.thisUpdate > nowMs + SKEW_MS) return 'The revocation list is from the future.'
  if (crl.nextUpdate < nowMs) return 'The revocation list has expired.'
  if (crl.scope !== 'all' && (crl.scope === 'authorities') !== cert.isCa)
    return 'The revocation list is about other certificates.'
  // Over plain HTTP anybody can hand out another part of a divided list: it must be the one the certificate names.
  if (crl.points !== null && !crl.points.some(point => cert.crlUrls.includes(point)))
    return 'The revocation list is about other certificates.'
  return ''
}
