import { LRUCache } from 'lru-cache'
import type { UpstreamTarget } from '../core/exchange.ts'
import type { OriginVerdict } from '../core/origin.ts'
import { exceptionKey } from './exception-key.ts'

/**
 * A resumed session shows no certificate: it rests on the verdict of the handshake it came from. So a session is kept
 * only after that verdict, never beyond the life of any certificate in that chain, and not longer than this in any case.
 */
const MAX_AGE_MS = 3600_000

interface Saved {
  session: Buffer
  /** Of the full handshake the session came from. */
  verdict: OriginVerdict
  until: number
}

/** TLS sessions of verified origins, per address, name and source address. */
export class OriginSessions {
  readonly #saved: LRUCache<string, Saved>

  constructor(max = 1000) {
    this.#saved = new LRUCache({ max })
  }

  get size(): number {
    return this.#saved.size
  }

  clear(): void {
    this.#saved.clear()
  }

  save(target: UpstreamTarget, session: Buffer, verdict: OriginVerdict, nowMs: number): void {
    const until = Math.min(verdict.validUntil, nowMs + MAX_AGE_MS)
    if (until > nowMs) this.#saved.set(keyOf(target), { session, verdict, until })
  }

  /** At most once each: a ticket used twice lets an onlooker link the two connections (RFC 8446 appendix C.4). */
  take(target: UpstreamTarget, nowMs: number): Saved | null {
    const key = keyOf(target)
    const saved = this.#saved.get(key)
    if (saved === undefined) return null
    this.#saved.delete(key)
    return saved.until > nowMs ? saved : null
  }
}

function keyOf(target: UpstreamTarget): string {
  return `${target.addr}|${target.port}|${target.name}|${target.sourceAddr ?? ''}|${exceptionKey(target.exception)}`
}
