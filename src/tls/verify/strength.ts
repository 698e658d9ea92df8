import type { KeyFacts } from '../key.ts'
import type { Floor } from './signature.ts'

/** 112 bits of security (RFC 9325 §4.1, CA/B Baseline Requirements §6.1.5). */
const MIN_RSA_BITS = 2048
/** What a host's exception may go down to: 512 bits are factored in hours. */
const MIN_RSA_BITS_LEGACY = 1024

/** Why the key is too weak, in plain words, or ''. A key with a `fault` is not weak but unfit: that is judged apart. */
export function keyWeakness(key: KeyFacts, floor: Floor): string {
  if (key.type !== 'rsa') return ''
  return key.bits < (floor === 'legacy' ? MIN_RSA_BITS_LEGACY : MIN_RSA_BITS)
    ? `its RSA key has only ${key.bits} bits`
    : ''
}
