import type { HandshakeEvent } from '../core/tls-policy.ts'
import { isSilent, isTrust } from './event.ts'
import { LEARN } from './thresholds.ts'

/** At most one message in so many milliseconds, the first one at once. */
const INTERVAL_MS = 1000
/** Of each sort in one message: failures must not be crowded out by successes. */
const MAX_EVENTS = 256
/** Failures of one client in one message, so that none can crowd out the others. */
const MAX_PER_CLIENT = 32
/** A success of the same client, name and app is told once in so long. */
const REMEMBER_MS = 5 * 60_000
const MAX_REMEMBERED = 20_000

export interface ReporterDeps {
  send(events: HandshakeEvent[]): void
  /** Something was learned about this client and name: every outcome is told. */
  covers(client: string, host: string, nowMs: number): boolean
  now(): number
}

/**
 * A worker's side of learning: of the very many handshakes that succeed it tells the first, of those that fail all,
 * and of those that say nothing none. Bounded in what it keeps and sends, whatever clients do.
 */
export class HandshakeReporter {
  readonly #deps: ReporterDeps
  readonly #told: RecentSet
  /** Of the last seconds, told or not: a spare connection closed beside a used one is no failure. */
  readonly #used: RecentSet
  /** Client and name that failed: a success afterwards is news. */
  readonly #failed: RecentSet
  #failures: HandshakeEvent[] = []
  #successes: HandshakeEvent[] = []
  readonly #perClient = new Map<string, number>()
  #sentAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  /** Events left out because too many came at once. */
  dropped = 0

  constructor(deps: ReporterDeps) {
    this.#deps = deps
    const now = deps.now()
    this.#told = new RecentSet(REMEMBER_MS, now)
    this.#failed = new RecentSet(REMEMBER_MS, now)
    this.#used = new RecentSet(LEARN.spareWithin, now)
  }

  /** What is kept, in strings. */
  get remembered(): number {
    return this.#told.size + this.#used.size + this.#failed.size
  }

  report(event: HandshakeEvent): void {
    if (event.outcome === 'other') return
    const taken = isTrust(event.outcome) ? this.#success(event) : this.#failure(event)
    if (taken) this.#schedule()
  }

  /** Sends what is waiting. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#failures.length + this.#successes.length === 0) return
    // In the order of time: a success before a failure and one after it mean different things
    const events = [...this.#failures, ...this.#successes].sort((a, b) => a.time - b.time)
    this.#failures = []
    this.#successes = []
    this.#perClient.clear()
    this.#sentAt = this.#deps.now()
    this.#deps.send(events)
  }

  #success(event: HandshakeEvent): boolean {
    const { client, host, ja4 } = event
    const now = this.#deps.now()
    const pair = `${client} ${host}`
    const first = this.#told.add(`${pair} ${ja4}`, now)
    this.#used.add(`${pair} ${ja4}`, now)
    if (!first && !this.#failed.has(pair, now) && !this.#deps.covers(client, host, now)) return false
    return this.#push(this.#successes, event)
  }

  #failure(event: HandshakeEvent): boolean {
    const { client, host, ja4 } = event
    const now = this.#deps.now()
    if (isSilent(event.outcome) && this.#used.has(`${client} ${host} ${ja4}`, now)) return false
    this.#failed.add(`${client} ${host}`, now)
    const count = this.#perClient.get(client) ?? 0
    if (count >= MAX_PER_CLIENT) {
      this.dropped++
      return false
    }
    this.#perClient.set(client, count + 1)
    return this.#push(this.#failures, event)
  }

  #push(queue: HandshakeEvent[], event: HandshakeEvent): boolean {
    if (queue.length < MAX_EVENTS) {
      queue.push(event)
      return true
    }
    this.dropped++
    return false
  }

  #schedule(): void {
    if (this.#timer !== null) return
    const wait = this.#sentAt + INTERVAL_MS - this.#deps.now()
    // Within one turn of the loop several may come; the first message still takes them all
    this.#timer = setTimeout(() => this.flush(), Math.min(INTERVAL_MS, Math.max(0, wait)))
    this.#timer.unref()
  }
}

/** Strings added within the last one to two spans; bounded. */
class RecentSet {
  #young = new Set<string>()
  #old = new Set<string>()
  readonly #span: number
  #turnedAt: number

  constructor(span: number, now: number) {
    this.#span = span
    this.#turnedAt = now
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** false: it is there already. */
  add(key: string, now: number): boolean {
    if (this.has(key, now)) return false
    this.#young.add(key)
    if (this.#young.size > MAX_REMEMBERED) this.#turn(now)
    return true
  }

  has(key: string, now: number): boolean {
    // A clock that was set back turns it too
    if (Math.abs(now - this.#turnedAt) >= this.#span) this.#turn(now)
    return this.#young.has(key) || this.#old.has(key)
  }

  #turn(now: number): void {
    this.#old = Math.abs(now - this.#turnedAt) >= 2 * this.#span ? new Set() : this.#young
    this.#young = new Set()
    this.#turnedAt = now
  }
}
