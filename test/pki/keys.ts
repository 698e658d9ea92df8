import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'

export interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

/** `ec:<OpenSSL's name of the curve>`, `rsa:<bits>`, `rsa:<bits>:<exponent>`. */
export type KeyKind =
  | 'p256'
  | 'p384'
  | 'p521'
  | 'ed25519'
  | 'ed448'
  | 'dsa'
  | 'rsa-pss'
  | `ec:${string}`
  | `rsa:${number}`
  | `rsa:${number}:${number}`

const CURVES: Record<string, string> = { p256: 'P-256', p384: 'P-384', p521: 'P-521' }
const made = new Map<string, KeyPair>()

/** The n-th key of that kind: made once in a process, for some take a second. */
export function testKey(kind: KeyKind = 'p256', n = 0): KeyPair {
  const id = `${kind} ${n}`
  let pair = made.get(id)
  if (pair === undefined) made.set(id, (pair = make(kind)))
  return pair
}

let fresh = 1000
/** A P-256 key that no other certificate has. */
export function freshKey(): KeyPair {
  return testKey('p256', fresh++)
}

function make(kind: KeyKind): KeyPair {
  const [type, detail, exponent] = kind.split(':') as [string, string?, string?]
  switch (type) {
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: Number(detail), publicExponent: Number(exponent ?? 65537) })
    case 'rsa-pss':
      return generateKeyPairSync('rsa-pss', {
        modulusLength: 2048,
        hashAlgorithm: 'sha256',
        mgf1HashAlgorithm: 'sha256',
      })
    case 'dsa':
      return generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 })
    case 'ed25519':
      return generateKeyPairSync('ed25519')
    case 'ed448':
      return generateKeyPairSync('ed448')
    default:
      return generateKeyPairSync('ec', { namedCurve: detail ?? CURVES[type]! })
  }
}

export function spkiOf(keys: KeyPair): Buffer {
  return keys.publicKey.export({ type: 'spki', format: 'der' })
}

/** SHA-1 of the SPKI, as key identifiers are mostly made. */
export function keyIdOf(spki: Buffer): Buffer {
  return createHash('sha1').update(spki).digest()
}
