import { constants, createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { readKey } from '../key.ts'
import type { CertificateFacts } from '../x509.ts'
import { type Algorithm, readAlgorithm } from './algorithm.ts'
import { keyWeakness } from './strength.ts'

/**
 * `weak`: made with MD5 or SHA-1, or by a key that is too small or otherwise unfit: it is not even computed.
 * `unsupported`: an algorithm that no browser takes, or a key that cannot be loaded.
 */
export type SignatureVerdict = 'good' | 'bad' | 'weak' | 'unsupported'

/** How far down the floor is: `legacy` (a host's exception) takes SHA-1 and RSA from 1024 bits, never MD5. */
export type Floor = 'modern' | 'legacy'

const MAX_KEYS = 1024
const MAX_VERDICTS = 8192

/** Keys of authorities by SHA-256 of the SPKI: loading one costs as much as a verification with it. */
const keys = new LRUCache<string, { key: KeyObject | null }>({ max: MAX_KEYS })
const verdicts = new LRUCache<string, SignatureVerdict>({ max: MAX_VERDICTS })

/** Is `child` signed by the key of `issuer`, with algorithms of today? Remembered by both fingerprints. */
export function signatureIsGood(child: CertificateFacts, issuer: CertificateFacts): boolean {
  return judgeSignature(child, issuer, 'modern') === 'good'
}

/** The same with all shades. What is remembered belongs to octets: both fingerprints cover key, algorithm and signature. */
export function judgeSignature(child: CertificateFacts, issuer: CertificateFacts, floor: Floor): SignatureVerdict {
  const id = `${floor}${child.fingerprint}${issuer.fingerprint}`
  let verdict = verdicts.get(id)
  if (verdict === undefined) {
    verdict = verifySigned(child.tbsDer, child.signatureAlgorithmDer, child.signature, issuer.spkiDer, floor)
    verdicts.set(id, verdict)
  }
  return verdict
}

/** Is the judgement remembered, so that asking costs nothing? */
export function isJudged(child: CertificateFacts, issuer: CertificateFacts, floor: Floor): boolean {
  return verdicts.has(`${floor}${child.fingerprint}${issuer.fingerprint}`)
}

/**
 * Any signed piece of PKIX: certificates, OCSP answers, CRLs. `algorithmDer` is the AlgorithmIdentifier, `signature`
 * comes without the BIT STRING's octet of unused bits. Never throws; not remembered.
 */
export function verifySigned(
  tbs: Buffer,
  algorithmDer: Buffer,
  signature: Buffer,
  issuerSpkiDer: Buffer,
  floor: Floor = 'modern',
): SignatureVerdict {
  const algorithm = readAlgorithm(algorithmDer)
  const facts = readKey(issuerSpkiDer)
  if (algorithm === null || typeof facts === 'string') return 'unsupported'
  if (algorithm.strength === 'broken' || (algorithm.strength === 'legacy' && floor === 'modern')) return 'weak'
  if (facts.fault !== '' || keyWeakness(facts, floor) !== '') return 'weak'
  // No key makes a signature of another kind: whoever made it, it was not this one.
  if (facts.type !== algorithm.key) return 'bad'
  const key = loadKey(issuerSpkiDer)
  if (key === null) return 'unsupported'
  return compute(algorithm, tbs, signature, key) ? 'good' : 'bad'
}

function compute(algorithm: Algorithm, tbs: Buffer, signature: Buffer, key: KeyObject): boolean {
  try {
    if (!algorithm.pss) return verify(algorithm.digest, tbs, key, signature)
    // RFC 4055 §3.1 as browsers narrow it: the salt is as long as the digest.
    const padding = constants.RSA_PKCS1_PSS_PADDING
    return verify(algorithm.digest, tbs, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
  } catch {
    // OpenSSL throws on signatures that it cannot even read.
    return false
  }
}

function loadKey(spki: Buffer): KeyObject | null {
  const id = hash('sha256', spki, 'base64')
  const known = keys.get(id)
  if (known !== undefined) return known.key
  let key: KeyObject | null = null
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  } catch {
    // A point that is not on its curve and the like: OpenSSL does not load it.
  }
  keys.set(id, { key })
  return key
}
