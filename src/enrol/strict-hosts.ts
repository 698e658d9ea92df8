import { isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { Exchange } from '../core/exchange.ts'
import { headerGet } from '../core/headers.ts'

/** Hosts remembered: those visited last. */
const MAX_HOSTS = 10_000
/** Two years is what sites ask for at most. */
const MAX_AGE_MS = 2 * 365 * 86_400_000
/** A policy of some fields; longer is nobody's. */
const MAX_VALUE = 256

interface Strict {
  /** As sent: the same again says nothing new. */
  value: string
  subdomains: boolean
  until: number
  /** From here on the same again counts from then. */
  renewAt: number
}

/**
 * Hosts that forbid to click warnings away (HSTS, RFC 6797 §8.4). Our page stands in the place of the browser's, so what
 * the browser would not offer we may not offer either. This is only what this worker has seen since it started; the lists
 * that browsers come with are not ours.
 */
export class StrictHosts {
  readonly #hosts: LRUCache<string, Strict>

  constructor(max = MAX_HOSTS) {
    this.#hosts = new LRUCache({ max })
  }

  get size(): number {
    return this.#hosts.size
  }

  /** §8.1: counts only over a connection on which nothing was overlooked, and never for an address. */
  note({ request, response, upstream }: Exchange, nowMs: number): void {
    if (request.scheme !== 'https' || response === null || upstream?.exception !== '') return
    const value = headerGet(response.headers, 'strict-transport-security')
    if (value === null || value.length > MAX_VALUE) return
    const known = this.#hosts.get(request.host)
    if (known !== undefined && known.value === value && nowMs < known.renewAt) return
    const seconds = /(?:^|;)\s*max-age\s*=\s*"?(\d{1,10})"?\s*(?:;|$)/i.exec(value)?.[1]
    if (seconds === undefined || isIP(request.host) !== 0) return
    const ageMs = Math.min(Number(seconds) * 1000, MAX_AGE_MS)
    // §6.1.1: zero takes it back
    if (ageMs === 0) this.#hosts.delete(request.host)
    else {
      const subdomains = /(?:^|;)\s*includesubdomains\s*(?:;|$)/i.test(value)
      this.#hosts.set(request.host, { value, subdomains, until: nowMs + ageMs, renewAt: nowMs + ageMs / 10 })
    }
  }

  /** §8.2: the host itself, or one above it that speaks for its subdomains. */
  has(host: string, nowMs: number): boolean {
    for (let name = host; name !== ''; name = name.slice(name.indexOf('.') + 1)) {
      const strict = this.#hosts.get(name)
      if (strict !== undefined && nowMs < strict.until && (name === host || strict.subdomains)) return true
      if (!name.includes('.')) return false
    }
    return false
  }
}
