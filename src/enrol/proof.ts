import { createHmac, timingSafeEqual } from 'node:crypto'

/** What a proof is for: one made for one purpose says nothing for another. */
export type Purpose = 'try' | 'override'

/**
 * Proves that a form came from a page that we made for this client a short while ago: a page of somebody else's can
 * make a browser send a request, but cannot read ours. Nothing is stored; any worker can check it.
 */
export class Proofs {
  readonly #key: Buffer

  /** `key`: 32 octets, the same in all workers. */
  constructor(key: Buffer) {
    this.#key = key
  }

  /** 43 characters of base64url. */
  make(purpose: Purpose, parts: readonly string[]): string {
    return this.#digest(purpose, parts).toString('base64url')
  }

  holds(proof: string, purpose: Purpose, parts: readonly string[]): boolean {
    const given = Buffer.from(proof.slice(0, 64), 'base64url')
    const right = this.#digest(purpose, parts)
    return given.length === right.length && timingSafeEqual(given, right)
  }

  /** As JSON, in which no two lists read the same. */
  #digest(purpose: Purpose, parts: readonly string[]): Buffer {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([purpose, ...parts]))
      .digest()
  }
}
