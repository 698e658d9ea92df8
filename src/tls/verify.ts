import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { type ErrorCode, WeirError } from '../core/errors.ts'
import { certificateCovers } from './match.ts'
import { type CertificateFacts, parseCertificate } from './x509.ts'

export interface OriginVerdict {
  /** null: the certificate proves the name. */
  error: WeirError | null
  /** Until when the verdict may be relied on by a resumed session: the first end of life in the chain (ms). */
  validUntil: number
}

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
export function checkOrigin(socket: TLSSocket, name: string, nowMs: number): OriginVerdict {
  const cert = socket.getPeerX509Certificate()
  const facts = cert === undefined ? null : parseCertificate(cert.raw)
  if (cert === undefined) return refuse('origin-cert-invalid', 'The server showed none.')
  if (facts === null || facts.version !== 3) return refuse('origin-cert-invalid', 'It is malformed.')
  if (nowMs > facts.notAfter || nowMs < facts.notBefore) return refuse('origin-cert-expired', describe(cert, facts))
  if (isWeak(cert, facts)) return refuse('origin-cert-weak', describe(cert, facts))
  if (!socket.authorized) return chainError(socket, cert, facts)
  if (!certificateCovers(facts, name))
    return refuse('origin-cert-name', `Asked for ${plain(name)}. ${describe(cert, facts)}`)
  if (facts.extKeyUsage !== null && !facts.extKeyUsage.includes(OID_SERVER_AUTH))
    return refuse('origin-cert-invalid', `${CHAIN_WORDS.INVALID_PURPOSE} ${describe(cert, facts)}`)
  return { error: null, validUntil: firstEnd(cert) }
}

function refuse(code: ErrorCode, detail: string): OriginVerdict {
  return { error: new WeirError(code, detail), validUntil: 0 }
}

function chainError(socket: TLSSocket, cert: X509Certificate, facts: CertificateFacts): OriginVerdict {
  // Node stores the code as a string here; the types say Error.
  const code = String(socket.authorizationError ?? 'UNSPECIFIED')
  // What Node has no name for is, at level 2, mostly an authority with a weak key or signature.
  if (code === 'UNSPECIFIED' && issuers(socket).some(hasWeakness))
    return refuse('origin-cert-weak', `An authority above it is too weak. ${describe(cert, facts)}`)
  return refuse(
    CHAIN_CODES[code] ?? 'origin-cert-invalid',
    `${CHAIN_WORDS[code] ?? plain(code)} ${describe(cert, facts)}`,
  )
}

/** The first end of life among the certificates sent. */
function firstEnd(leaf: X509Certificate): number {
  let end = leaf.validToDate.getTime()
  let above = leaf.issuerCertificate
  for (let i = 0; above !== undefined && i < MAX_CHAIN; i++) {
    end = Math.min(end, above.validToDate.getTime())
    above = above.issuerCertificate
  }
  return end
}

/** The certificates above the leaf, as sent and as found among the roots; four times the price of those sent alone. */
function issuers(socket: TLSSocket): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = []
  let at = socket.getPeerCertificate(true)
  // The root is its own issuer.
  while (at.issuerCertificate !== undefined && at.issuerCertificate !== at && chain.length < MAX_CHAIN) {
    at = at.issuerCertificate
    chain.push(at)
  }
  return chain
}

function hasWeakness(above: DetailedPeerCertificate): boolean {
  const facts = parseCertificate(above.raw)
  return facts === null || isWeak(new X509Certificate(above.raw), facts)
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
