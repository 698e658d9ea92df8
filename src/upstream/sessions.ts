import { LRUCache } from 'lru-cache'
import type { UpstreamTarget } from '../core/exchange.ts'
import type { OriginVerdict } from '../core/origin.ts'
import { exceptionKey } from './exception-key.ts'

/**
 * A resumed session shows no certificate: it rests on the verdict of the handshake it came from. So a session is kept
 * only after that verdict, never beyond the life of any certificate in that chain, and not longer than this in any case.
 */
const MAX_AGE_MS = 3600_000
/** A session holds the server's certificate, which may have 100 KiB; real ones have 2 to 6 KiB. */
const MAX_SESSION_BYTES = 16 * 1024

interface Saved {
  session: Buffer
  /** Of the full handshake the session came from. */
  verdict: OriginVerdict
  until: number
}

/** What verified handshakes leave behind: TLS sessions and proofs, per address, name and source address. */
export class OriginSessions {
  readonly #saved: LRUCache<string, Saved>
  /** Until when (ms) who answers there is taken for who is meant. */
  readonly #proven: LRUCache<string, number>
  /** Grows when what verdicts rest on has changed: whoever was judged before saves nothing any more. */
  era = 0

  constructor(max = 1000) {
    this.#saved = new LRUCache({ max })
    this.#proven = new LRUCache({ max })
  }

  get size(): number {
    return this.#saved.size
  }

  clear(): void {
    this.era++
    this.#saved.clear()
    this.#proven.clear()
  }

  /** The server there has proved the name to somebody who showed nothing himself. */
  prove(target: UpstreamTarget, verdict: OriginVerdict, era: number, nowMs: number): void {
    if (era === this.era) this.#proven.set(keyOf(target), Math.min(verdict.validUntil, nowMs + MAX_AGE_MS))
  }

  isProven(target: UpstreamTarget, nowMs: number): boolean {
    return nowMs < (this.#proven.get(keyOf(target)) ?? 0)
  }

  /** `era`: when the connection began that the session is of. TLS 1.3 hands sessions out as long as it lasts. */
  save(target: UpstreamTarget, session: Buffer, verdict: OriginVerdict, era: number, nowMs: number): void {
    if (era !== this.era || session.length > MAX_SESSION_BYTES) return
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
