import net from 'node:net'
import { isLocalOnly, plainAddr } from '../core/addr.ts'
import type { OwnAddresses } from '../core/ipc.ts'

/**
 * Destinations that are never dialled. The box's own addresses: what comes back to Weir would loop, and what reaches
 * another service of the box would have passed its firewall as if it came from the box. Loopback and link-local: a
 * client cannot mean ours.
 */
export class LoopGuard {
  #addrs = new Set<string>()
  #lan = new net.BlockList()

  constructor(own: OwnAddresses) {
    this.update(own)
  }

  update({ addrs, lan }: OwnAddresses): void {
    this.#addrs = new Set(addrs.map(plainAddr))
    this.#lan = new net.BlockList()
    for (const cidr of lan) {
      const [addr = '', bits] = cidr.split('/')
      const v6 = net.isIPv6(addr)
      this.#lan.addSubnet(addr, Number(bits ?? (v6 ? 128 : 32)), v6 ? 'ipv6' : 'ipv4')
    }
  }

  isOwn(addr: string): boolean {
    return this.#addrs.has(addr) || isLocalOnly(addr)
  }

  /** Is it where clients are? Nothing that a stranger writes into a certificate may make the box ask there. */
  isLan(addr: string): boolean {
    return this.#lan.check(addr, net.isIPv6(addr) ? 'ipv6' : 'ipv4')
  }
}
