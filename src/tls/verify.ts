import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type ErrorCode, WeirError } from '../core/errors.ts'
import type { OriginHandshake, OriginVerdict } from '../core/origin.ts'
import { certificateCovers } from './match.ts'
import { type CertificateFacts, parseCertificate } from './x509.ts'

const OID_SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
/** md2/md4/md5/sha1 with RSA, sha1WithRSA's old name, DSA and ECDSA with SHA-1. */
const WEAK_SIGNATURES = new Set([
  '1.2.840.113549.1.1.2',
  '1.2.840.113549.1.1.3',
  '1.2.840.113549.1.1.4',
  '1.2.840.113549.1.1.5',
  '1.3.14.3.2.29',
  '1.2.840.10040.4.3',
  '1.2.840.10045.4.1',
])
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
/** A chain is as long as the origin likes; whoever needs more than this is not a web server. */
const MAX_CHAIN = 16
const MAX_TEXT = 80

/** What OpenSSL's verdicts mean to a person; every other one is `origin-cert-invalid`. */
const CHAIN_CODES: Record<string, ErrorCode> = {
  CERT_HAS_EXPIRED: 'origin-cert-expired',
  CERT_NOT_YET_VALID: 'origin-cert-expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'origin-cert-untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'origin-cert-untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'origin-cert-untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'origin-cert-untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'origin-cert-untrusted',
  CERT_UNTRUSTED: 'origin-cert-untrusted',
}

const CHAIN_WORDS: Record<string, string> = {
  CERT_HAS_EXPIRED: 'A certificate in its chain has expired.',
  CERT_NOT_YET_VALID: 'A certificate in its chain is not valid yet.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'It is self-signed.',
  SELF_SIGNED_CERT_IN_CHAIN: 'Its chain ends in a root that is not trusted here.',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'Its issuer is not trusted here, or the server left out an intermediate certificate.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'Its issuer is not trusted here, or the server left out an intermediate certificate.',
  CERT_SIGNATURE_FAILURE: 'Its signature is wrong.',
  INVALID_PURPOSE: 'It, or an authority above it, was not issued for web servers.',
  CERT_REVOKED: 'It has been revoked.',
  UNSPECIFIED: 'Its chain breaks a rule.',
}

/**
 * Judges a finished full handshake (not a resumed one, which shows no certificate) before a byte of a request is sent.
 * OpenSSL has verified the chain at level 2 against the roots; name, time, purpose and strength are judged here again
 * on the octets, so that no default of the library decides. `name` is lower case without final dot, or an address.
 */
export function checkOrigin({ chain, name, opensslError }: OriginHandshake, nowMs: number): OriginVerdict {
  const certs = chain.map(der => new X509Certificate(der))
  const cert = certs[0]
  const facts = cert === undefined ? null : parseCertificate(cert.raw)
  if (cert === undefined) return refuse('origin-cert-invalid', 'The server showed none.')
  if (facts === null || facts.version !== 3) return refuse('origin-cert-invalid', 'It is malformed.')
  if (nowMs > facts.notAfter || nowMs < facts.notBefore) return refuse('origin-cert-expired', describe(cert, facts))
  if (isWeak(cert, facts)) return refuse('origin-cert-weak', describe(cert, facts))
  if (opensslError !== null) return chainError(opensslError, certs.slice(1), cert, facts)
  if (!certificateCovers(facts, name))
    return refuse('origin-cert-name', `Asked for ${plain(name)}. ${describe(cert, facts)}`)
  if (facts.extKeyUsage !== null && !facts.extKeyUsage.includes(OID_SERVER_AUTH))
    return refuse('origin-cert-invalid', `${CHAIN_WORDS.INVALID_PURPOSE} ${describe(cert, facts)}`)
  const validUntil = Math.min(...certs.slice(0, MAX_CHAIN).map(each => each.validToDate.getTime()))
  return { error: null, validUntil, exception: '', revocation: 'none', covers: host => certificateCovers(facts, host) }
}

function refuse(code: ErrorCode, detail: string): OriginVerdict {
  return { error: new WeirError(code, detail), validUntil: 0, exception: '', revocation: 'none', covers: () => false }
}

function chainError(
  code: string,
  above: X509Certificate[],
  cert: X509Certificate,
  facts: CertificateFacts,
): OriginVerdict {
  // What Node has no name for is, at level 2, mostly an authority with a weak key or signature.
  if (code === 'UNSPECIFIED' && above.slice(0, MAX_CHAIN).some(hasWeakness))
    return refuse('origin-cert-weak', `An authority above it is too weak. ${describe(cert, facts)}`)
  return refuse(
    CHAIN_CODES[code] ?? 'origin-cert-invalid',
    `${CHAIN_WORDS[code] ?? plain(code)} ${describe(cert, facts)}`,
  )
}

/** Every certificate the server sent, in its order. */
export function presentedChain(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = []
  let at = socket.getPeerX509Certificate()
  for (; at !== undefined && chain.length < MAX_CHAIN; at = at.issuerCertificate) chain.push(at.raw)
  return chain
}

function hasWeakness(above: X509Certificate): boolean {
  const facts = parseCertificate(above.raw)
  return facts === null || isWeak(above, facts)
}

function isWeak(cert: X509Certificate, facts: CertificateFacts): boolean {
  if (WEAK_SIGNATURES.has(facts.signatureOid) && !facts.issuerDer.equals(facts.subjectDer)) return true
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = cert.publicKey
    if (type === 'rsa' || type === 'rsa-pss') return (details?.modulusLength ?? 0) < 2048
    if (type === 'ec') return !CURVES.has(details?.namedCurve ?? '')
    return type !== 'ed25519' && type !== 'ed448'
  } catch {
    // A key that OpenSSL cannot load.
    return true
  }
}

/** One line for the page and the log. Everything in a certificate may be hostile text. */
function describe(cert: X509Certificate, facts: CertificateFacts): string {
  const names = [
    ...facts.dnsNames.slice(0, 3).map(plain),
    ...facts.ipAddrs.slice(0, 1).map(addr => `address ${addr.toString('hex')}`),
  ]
  const more = facts.dnsNames.length + facts.ipAddrs.length - names.length
  const whom = names.length === 0 ? 'no name' : names.join(', ') + (more > 0 ? ` and ${more} more` : '')
  return `Issued by “${plain(commonName(cert.issuer))}” for ${whom}, valid from ${day(facts.notBefore)} to ${day(facts.notAfter)}.`
}

function commonName(distinguishedName: string | undefined): string {
  const text = distinguishedName ?? ''
  return /(?:^|\n)CN=([^\n]*)/.exec(text)?.[1] ?? text
}

/** Printable ASCII, bounded: no line breaks for logs, no direction marks or markup for pages. */
function plain(text: string): string {
  const clean = text.replace(/[^ -~]|[<>"`&]/g, '?')
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}…` : clean
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
