import type { X509Certificate } from 'node:crypto'
import { children, dotted, fromDer } from './asn1.ts'
import { keyLabel, signatureAlgorithmOf } from './kinds.ts'
import { type CaFacts, isSelfSigned, readCaFacts, subjectOf } from './read.ts'

/** Signatures with SHA-2: with RSA (both paddings) and ECDSA. Nothing else is accepted anywhere any more. */
const STRONG = new Set([
  '1.2.840.113549.1.1.10',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
])

/**
 * Why leaves signed by `path[0]` would not be accepted by a careful client that trusts the last one, in one sentence
 * without its final stop; null when they would. `path`: the CA, then each issuer, a root last.
 */
export function whatIsWrong(path: readonly X509Certificate[], nowMs: number): string | null {
  for (const [i, cert] of path.entries()) {
    const wrong = wrongInItself(cert, i === 0) ?? wrongInPath(path, i) ?? wrongTime(cert, nowMs)
    if (wrong !== null) return i === 0 ? wrong : `${wrong} (the issuer “${subjectOf(cert)}”)`
  }
  return null
}

function wrongInItself(cert: X509Certificate, signsLeaves: boolean): string | null {
  let facts: CaFacts
  try {
    facts = readCaFacts(Buffer.from(cert.raw))
  } catch {
    return 'the certificate is not a well-formed X.509 v3 one'
  }
  // RFC 5280 §4.1.2.4: leaves repeat it as their issuer, which must not be empty.
  if (!cert.subject) return 'its subject is empty'
  if (!facts.isCa) return 'it is not the certificate of a certificate authority (basicConstraints CA:TRUE)'
  if (!facts.maySign) return 'its keyUsage does not allow it to sign certificates (keyCertSign)'
  if (!facts.mayServe) return 'its extKeyUsage does not allow certificates of web servers (serverAuth)'
  if (facts.pathLength !== null && facts.pathLength < 0) return 'its path length is negative'
  if (facts.unknownCritical.length > 0)
    return `it has a critical extension that clients do not know (${facts.unknownCritical[0]})`
  if (signsLeaves && !facts.hasKeyId)
    return 'it has no subject key identifier (RFC 5280 §4.2.1.2), without which clients cannot build the chain'
  return wrongStrength(cert, signsLeaves)
}

function wrongStrength(cert: X509Certificate, signsLeaves: boolean): string | null {
  const { publicKey } = cert
  const label = keyLabel(publicKey)
  const usable = signatureAlgorithmOf(publicKey) !== null || (!signsLeaves && label === 'ECDSA P-521')
  if (!usable)
    return `its key is ${label}; ECDSA P-256, ECDSA P-384 and RSA of 2048 to 8192 bits are accepted by clients`
  // Nobody checks the signature of a root: it is trusted because it is there.
  const algorithm = dotted(children(children(fromDer(Buffer.from(cert.raw)))[1])[0])
  if (!isSelfSigned(cert) && !STRONG.has(algorithm)) return 'it is signed with a weak algorithm (such as SHA-1)'
  return null
}

function wrongInPath(path: readonly X509Certificate[], i: number): string | null {
  const cert = path[i]!
  const { pathLength } = readCaFacts(Buffer.from(cert.raw))
  // Below the certificate at i stand i further CAs (RFC 5280 §4.2.1.9).
  if (pathLength !== null && pathLength < i)
    return `its path length of ${pathLength} does not allow the ${i === 1 ? 'CA' : 'CAs'} below it`
  const issuer = path[i + 1]
  if (issuer === undefined)
    return isSelfSigned(cert)
      ? null
      : `the certificate of its issuer is missing (${cert.issuer.replaceAll('\n', ', ')})`
  return cert.checkIssued(issuer) && cert.verify(issuer.publicKey)
    ? null
    : 'it was not signed by the next one of its chain'
}

function wrongTime(cert: X509Certificate, nowMs: number): string | null {
  const day = (date: Date) => date.toISOString().slice(0, 10)
  if (cert.validToDate.getTime() <= nowMs) return `it expired on ${day(cert.validToDate)}`
  if (cert.validFromDate.getTime() > nowMs)
    return `it is valid only from ${day(cert.validFromDate)}, and the clock says ${day(new Date(nowMs))}. Set the clock`
  return null
}

/** The certificates above `cert` among `others`, nearest first, as far as they can be found. */
export function issuersOf(cert: X509Certificate, others: readonly X509Certificate[]): X509Certificate[] {
  const found: X509Certificate[] = []
  // A root before a cross-signed certificate of the same name: the shortest way up.
  const ordered = [...others.filter(isSelfSigned), ...others.filter(other => !isSelfSigned(other))]
  let at = cert
  // Ten CAs above each other exist nowhere; a circle of cross-signed ones would never end.
  while (!isSelfSigned(at) && found.length < 10) {
    const issuer = ordered.find(other => at.checkIssued(other) && at.verify(other.publicKey))
    if (issuer === undefined) break
    found.push(issuer)
    at = issuer
  }
  return found
}
