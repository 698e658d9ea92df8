/** Sets of small numbers as 32-bit words, one bit each. */

/** Number of words for that many rules; at least one, so that nothing has to look for none. */
export function wordsFor(rules: number): number {
  return Math.max(1, Math.ceil(rules / 32))
}

export function setBit(bits: Uint32Array, index: number): void {
  bits[index >>> 5] = bits[index >>> 5]! | (1 << (index & 31))
}

export function hasBit(bits: Uint32Array, index: number): boolean {
  return (bits[index >>> 5]! & (1 << (index & 31))) !== 0
}
