import { readAll, readOid, readTime, readTlv, TAG, type Tlv } from '../der.ts'
import { KEY_USAGE } from '../extensions.ts'
import { signatureIsGood, verifySigned } from '../verify/signature.ts'
import { type CertificateFacts, parseCertificate } from '../x509.ts'
import { isCertId, keyBits, sha1 } from './cert-id.ts'
import { eachExtension, readSigned, type Signed } from './signed.ts'
import {
  good,
  guarded,
  none,
  REASON_HOLD,
  readReason,
  revoked,
  SIGNATURE_WORDS,
  SKEW_MS,
  type Standing,
  unknown,
  unusable,
} from './standing.ts'

/** Real answers have 300 octets to 4 KiB (with a delegate's certificate). */
export const MAX_OCSP_BYTES = 64 * 1024

const OID_BASIC = '1.3.6.1.5.5.7.48.1.1'
const OID_OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
const MAX_RESPONSES = 256
const MAX_CERTS = 8
const DAY_MS = 86_400_000
/**
 * How old an answer may get whatever it says of itself: a signed answer is replayed by whoever recorded it. As Firefox:
 * 10 days for leaves (also the Baseline Requirements' limit), a year for authorities, a day for answers that name no end.
 */
const MAX_AGE_MS = { leaf: 10 * DAY_MS, authority: 366 * DAY_MS, endless: DAY_MS } as const

const STATUS_WORDS: Record<number, string> = {
  1: 'the responder found the request malformed',
  2: 'the responder had an internal error',
  3: 'the responder asks to try again later',
  5: 'the responder wants a signed request',
  6: 'the responder turned the request down',
}

/** ResponseData (RFC 6960 §4.2.1), framed but not judged. */
interface ResponseData {
  responderId: Tlv
  responses: Tlv[]
}

/**
 * What an OCSP answer says about `cert`, which `issuer` has signed (the caller has verified that). Pure, never throws;
 * everything in `body` is hostile. A good standing needs all of it to be right; a revocation needs no freshness.
 */
export function judgeOcsp(body: Buffer, cert: CertificateFacts, issuer: CertificateFacts, nowMs: number): Standing {
  return guarded(() => judge(body, cert, issuer, nowMs))
}

function judge(body: Buffer, cert: CertificateFacts, issuer: CertificateFacts, nowMs: number): Standing {
  if (body.length > MAX_OCSP_BYTES) return unusable('The OCSP answer is too large.')
  const status = readStatus(body)
  if (status === null) return unusable('The OCSP answer is malformed.')
  if (status.code !== 0) return none(`No OCSP answer: ${STATUS_WORDS[status.code] ?? `status ${status.code}`}.`)
  const signed = status.response === null ? null : readSigned(body, status.response.start, status.response.end)
  const data = signed === null ? null : readResponseData(body, signed.tbs)
  if (signed === null || data === null) return unusable('The OCSP answer is malformed.')
  const ours = data.responses.filter(response => isOurs(body, response, cert, issuer))
  if (ours.length === 0) return unusable('The OCSP answer is about another certificate.')
  const signerUntil = judgeSigner(body, signed, data.responderId, issuer, nowMs)
  if (typeof signerUntil === 'string') return unusable(signerUntil)
  // One certificate twice, with different answers: the worst one counts.
  const standing = ours.map(response => judgeSingle(body, response, cert.isCa, nowMs)).reduce(worse)
  return standing.until <= signerUntil ? standing : { ...standing, until: signerUntil }
}

function readStatus(buf: Buffer): { code: number; response: Tlv | null } | null {
  const whole = readTlv(buf, 0, buf.length)
  const parts = whole?.tag === TAG.sequence && whole.end === buf.length ? readAll(buf, whole) : null
  const code = parts?.[0]
  if (parts === null || code?.tag !== 0x0a || code.end !== code.start + 1 || parts.length > 2) return null
  if (parts.length === 1) return { code: buf[code.start]!, response: null }
  const wrapper = parts[1]!
  const bytes = wrapper.tag === 0xa0 ? readTlv(buf, wrapper.start, wrapper.end) : null
  const [type, response] = (bytes?.tag === TAG.sequence ? readAll(buf, bytes) : null) ?? []
  if (type === undefined || readOid(buf, type) !== OID_BASIC || response?.tag !== TAG.octetString) return null
  return { code: buf[code.start]!, response }
}

function readResponseData(buf: Buffer, tbs: Tlv): ResponseData | null {
  const fields = readAll(buf, tbs)
  if (fields === null) return null
  // version [0] is v1 by default, which DER leaves out; a written v1 is met in the field.
  if (fields[0]?.tag === 0xa0) {
    const version = readTlv(buf, fields[0].start, fields[0].end)
    if (version?.tag !== TAG.integer || version.end !== version.start + 1 || buf[version.start] !== 0) return null
    fields.shift()
  }
  const [responderId, producedAt, list, extensions, more] = fields
  if (responderId?.tag !== 0xa1 && responderId?.tag !== 0xa2) return null
  if (producedAt === undefined || time(buf, producedAt) === null || more !== undefined) return null
  const responses = list?.tag === TAG.sequence ? readAll(buf, list) : null
  if (responses === null || responses.length > MAX_RESPONSES) return null
  // RFC 6960 §4.4: none of the response extensions is critical; one that is changes the meaning in a way unknown here.
  if (extensions !== undefined && (extensions.tag !== 0xa1 || !eachExtension(buf, extensions, isNotCritical)))
    return null
  return { responderId, responses }
}

function isNotCritical(_oid: string, critical: boolean): boolean {
  return !critical
}

/** GeneralizedTime only: OCSP has no UTCTime. */
function time(buf: Buffer, item: Tlv): number | null {
  return item.tag === TAG.generalizedTime ? readTime(buf, item) : null
}

function isOurs(buf: Buffer, response: Tlv, cert: CertificateFacts, issuer: CertificateFacts): boolean {
  const id = response.tag === TAG.sequence ? readTlv(buf, response.start, response.end) : null
  return id !== null && isCertId(buf, id, cert, issuer)
}

/** Signed by the issuer itself or by one it delegated (RFC 6960 §4.2.2.2)? Until when that holds (ms), or what is wrong. */
function judgeSigner(
  buf: Buffer,
  signed: Signed,
  responderId: Tlv,
  issuer: CertificateFacts,
  nowMs: number,
): number | string {
  let fault = 'The OCSP answer is signed by somebody who may not speak for the authority.'
  if (isResponder(buf, responderId, issuer)) {
    const verdict = verifySigned(signed.tbsDer, signed.algorithmDer, signed.signature, issuer.spkiDer)
    if (verdict === 'good') return Infinity
    fault = `The OCSP answer is ${SIGNATURE_WORDS[verdict]}.`
  }
  for (const delegate of delegates(buf, signed)) {
    if (!isResponder(buf, responderId, delegate)) continue
    const verdict = verifySigned(signed.tbsDer, signed.algorithmDer, signed.signature, delegate.spkiDer)
    if (verdict !== 'good') fault = `The OCSP answer is ${SIGNATURE_WORDS[verdict]}.`
    else if (mayAnswerFor(delegate, issuer, nowMs)) return delegate.notAfter
    else fault = 'The OCSP answer is signed by a responder that its authority has not appointed.'
  }
  return fault
}

function* delegates(buf: Buffer, signed: Signed): Generator<CertificateFacts> {
  const wrapper = signed.rest[0]
  const list = wrapper?.tag === 0xa0 ? readTlv(buf, wrapper.start, wrapper.end) : null
  const certs = list?.tag === TAG.sequence ? readAll(buf, list) : null
  for (const item of (certs ?? []).slice(0, MAX_CERTS)) {
    const facts = parseCertificate(buf.subarray(item.from, item.end))
    if (facts !== null) yield facts
  }
}

/** ResponderID: byName [1] with a Name, or byKey [2] with the SHA-1 of the key. */
function isResponder(buf: Buffer, responderId: Tlv, cert: CertificateFacts): boolean {
  const inner = readTlv(buf, responderId.start, responderId.end)
  if (inner === null || inner.end !== responderId.end) return false
  if (responderId.tag === 0xa1) return buf.subarray(inner.from, inner.end).equals(cert.subjectDer)
  return inner.tag === TAG.octetString && sha1(keyBits(cert.spkiDer)).equals(buf.subarray(inner.start, inner.end))
}

/**
 * Issued by that very authority, for this purpose and no other role, in time. Its own revocation is not asked for, with
 * or without ocspNoCheck: the answer would come from the same hand.
 */
function mayAnswerFor(delegate: CertificateFacts, issuer: CertificateFacts, nowMs: number): boolean {
  return (
    delegate.issuerDer.equals(issuer.subjectDer) &&
    delegate.version === 3 &&
    !delegate.isCa &&
    delegate.unknownCritical.length === 0 &&
    delegate.extKeyUsage?.includes(OID_OCSP_SIGNING) === true &&
    (delegate.keyUsage === -1 || (delegate.keyUsage & KEY_USAGE.digitalSignature) !== 0) &&
    nowMs >= delegate.notBefore &&
    nowMs <= delegate.notAfter &&
    signatureIsGood(delegate, issuer)
  )
}

/** SingleResponse: certID, certStatus, thisUpdate, nextUpdate [0], singleExtensions [1]. */
function judgeSingle(buf: Buffer, response: Tlv, ofAuthority: boolean, nowMs: number): Standing {
  const fields = readAll(buf, response)
  const malformed = unusable('The OCSP answer is malformed.')
  const [, status, first, ...rest] = fields ?? []
  const thisUpdate = first === undefined ? null : time(buf, first)
  if (status === undefined || thisUpdate === null) return malformed
  let nextUpdate: number | null = thisUpdate + MAX_AGE_MS.endless
  if (rest[0]?.tag === 0xa0) {
    const wrapped = readTlv(buf, rest[0].start, rest[0].end)
    nextUpdate = wrapped === null ? null : time(buf, wrapped)
    rest.shift()
  }
  if (nextUpdate === null || nextUpdate < thisUpdate) return malformed
  if (rest[0]?.tag === 0xa1 && eachExtension(buf, rest[0], isNotCritical)) rest.shift()
  if (rest.length > 0) return malformed
  const until = Math.min(nextUpdate, thisUpdate + (ofAuthority ? MAX_AGE_MS.authority : MAX_AGE_MS.leaf))
  if (thisUpdate > nowMs + SKEW_MS) return unusable('The OCSP answer is from the future.')
  const expired = until < nowMs
  if (status.tag === 0xa1) {
    const standing = readRevoked(buf, status, until)
    if (standing === null) return malformed
    // A certificate once revoked stays so; only a hold may have been lifted since.
    if (!expired || standing.reason !== REASON_HOLD) return standing
  }
  if (expired) return unusable('The OCSP answer has expired.')
  if (status.start !== status.end) return malformed
  return status.tag === 0x80 ? good(until) : status.tag === 0x82 ? unknown(until) : malformed
}

/** RevokedInfo: revocationTime, revocationReason [0]. */
function readRevoked(buf: Buffer, status: Tlv, until: number): Standing | null {
  const [since, wrapper] = readAll(buf, status) ?? []
  const at = since === undefined ? null : time(buf, since)
  if (at === null) return null
  const reason = wrapper?.tag === 0xa0 ? readTlv(buf, wrapper.start, wrapper.end) : null
  return revoked(at, reason?.tag === 0x0a ? readReason(buf, reason.start, reason.end) : -1, until)
}

const RANK = { revoked: 4, unknown: 3, unusable: 2, none: 1, good: 0 } as const

function worse(a: Standing, b: Standing): Standing {
  if (RANK[a.kind] === RANK[b.kind]) return a.until <= b.until ? a : b
  return RANK[a.kind] > RANK[b.kind] ? a : b
}
