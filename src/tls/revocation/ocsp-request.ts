import { der, TAG } from '../der.ts'
import type { CertificateFacts } from '../x509.ts'
import { keyBits, sha1 } from './cert-id.ts'

/** AlgorithmIdentifier of SHA-1, with NULL as parameters (RFC 5019 §2.1.1 wants SHA-1 for the CertID). */
const SHA1_ALGORITHM = Buffer.from('300906052b0e03021a0500', 'hex')
/** Longer ones are sent as a POST (RFC 5019 §5), because caches on the way do not keep them. */
const MAX_GET_URL = 255

/**
 * The DER of a request for one certificate. No nonce (RFC 9654): responders of size sign answers in advance and would
 * ignore it; freshness is judged by time.
 */
export function ocspRequest(cert: CertificateFacts, issuer: CertificateFacts): Buffer {
  const certId = der(
    TAG.sequence,
    SHA1_ALGORITHM,
    der(TAG.octetString, sha1(cert.issuerDer)),
    der(TAG.octetString, sha1(keyBits(issuer.spkiDer))),
    der(TAG.integer, cert.serial),
  )
  // OCSPRequest > TBSRequest > requestList > Request > CertID
  return der(TAG.sequence, der(TAG.sequence, der(TAG.sequence, der(TAG.sequence, certId))))
}

/** The URL that asks with a GET (RFC 6960 appendix A.1), or null when it would be too long. */
export function ocspGetUrl(responder: string, request: Buffer): string | null {
  // A responder whose URL has a query can take no path behind it.
  if (responder.includes('?') || responder.includes('#')) return null
  const url = `${responder}${responder.endsWith('/') ? '' : '/'}${encodeURIComponent(request.toString('base64'))}`
  return url.length > MAX_GET_URL ? null : url
}
