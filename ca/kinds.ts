import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { CaSignatureAlgorithm } from '../src/core/ca.ts'
import { type Node, NULL, oid, seq } from './asn1.ts'

export const CA_KINDS = ['p256', 'p384', 'rsa2048', 'rsa3072', 'rsa4096'] as const

export type CaKind = (typeof CA_KINDS)[number]

export interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

export function generateCaKey(kind: CaKind): KeyPair {
  switch (kind) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' })
    default:
      return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(3)) })
  }
}

/**
 * How a key of this kind signs, or null for one that clients do not accept from a CA (small or odd-sized RSA, other curves,
 * RSASSA-PSS, Ed25519).
 */
export function signatureAlgorithmOf(key: KeyObject): CaSignatureAlgorithm | null {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'ec':
      // The digest as long as the curve is wide: the only pairs that the browsers' root programs allow.
      return namedCurve === 'prime256v1' ? 'ecdsa-sha256' : namedCurve === 'secp384r1' ? 'ecdsa-sha384' : null
    case 'rsa':
      // The root programs want a multiple of 8; above 8192 bits BoringSSL refuses.
      return modulusLength >= 2048 && modulusLength <= 8192 && modulusLength % 8 === 0 ? 'rsa-sha256' : null
    default:
      return null
  }
}

/** `ECDSA P-256`, `RSA 2048`, for people. */
export function keyLabel(key: KeyObject): string {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return `RSA ${modulusLength}`
  const curve = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }[namedCurve ?? ''] ?? namedCurve
  return curve === undefined ? (key.asymmetricKeyType ?? 'unknown') : `ECDSA ${curve}`
}

/** AlgorithmIdentifier: RSA's has a NULL (RFC 4055 §5), ECDSA's has nothing (RFC 5758 §3.2). */
export function algorithmIdentifier(algorithm: CaSignatureAlgorithm): Node {
  switch (algorithm) {
    case 'ecdsa-sha256':
      return seq(oid('1.2.840.10045.4.3.2'))
    case 'ecdsa-sha384':
      return seq(oid('1.2.840.10045.4.3.3'))
    case 'rsa-sha256':
      return seq(oid('1.2.840.113549.1.1.11'), NULL)
  }
}

export function signWith(key: KeyObject, algorithm: CaSignatureAlgorithm, bytes: Buffer): Buffer {
  return sign(algorithm === 'ecdsa-sha384' ? 'sha384' : 'sha256', bytes, { key, dsaEncoding: 'der' })
}
