import { isLocalOnly, plainAddr } from '../core/addr.ts'

/**
 * Destinations that are never dialled. The box's own addresses: what comes back to Weir would loop, and what reaches
 * another service of the box would have passed its firewall as if it came from the box. Loopback and link-local: a
 * client cannot mean ours.
 */
export class LoopGuard {
  #addrs: Set<string>

  constructor(addrs: readonly string[]) {
    this.#addrs = new Set(addrs.map(plainAddr))
  }

  update(addrs: readonly string[]): void {
    this.#addrs = new Set(addrs.map(plainAddr))
  }

  isOwn(addr: string): boolean {
    return this.#addrs.has(addr) || isLocalOnly(addr)
  }
}
