import type { SharedFact } from '../core/ipc.ts'
import { type Allowance, OVERLOOKABLE, type TlsException, type TlsPolicy } from '../core/tls-policy.ts'

/**
 * However long a fact says it lasts, it does not last longer. A trial takes a moment and is renewed with each try: what the
 * device does besides at that host is not to be looked into because of it.
 */
export const FACT_MS = { enrolling: 30_000, override: 60 * 60_000 } as const
/** One that differs from the known one by no more than this part of its time need not be told again. */
const SLACK = 0.1

const MAX_FACTS = 4096
/** One device cannot take the room of all others. */
const MAX_PER_CLIENT = 32
/** Longest name in DNS, and longer than any address. */
const MAX_TEXT = 253

const ALLOWANCES: readonly Allowance[] = Object.values(OVERLOOKABLE)

/** What the policy document says about exceptions. */
export interface ClickPolicy {
  exceptionFor(host: string, nowMs: number): TlsException | null
  tls: Pick<TlsPolicy, 'override'>
}

interface Kept {
  fact: SharedFact
  /** The same object as long as the fact stands: connections made under it are shared. */
  exception: TlsException | null
}

/** What one worker found out and all must know, in each of them: few, short-lived, bounded. */
export class SharedFacts {
  readonly #kept = new Map<string, Kept>()
  readonly #perClient = new Map<string, number>()
  readonly #max: number
  readonly #maxPerClient: number

  constructor(limits: { max?: number; maxPerClient?: number } = {}) {
    this.#max = limits.max ?? MAX_FACTS
    this.#maxPerClient = limits.maxPerClient ?? MAX_PER_CLIENT
  }

  get size(): number {
    return this.#kept.size
  }

  /** False: over already, or there is no room. Takes the place of what was known about the same client and host. */
  add(fact: SharedFact, nowMs: number): boolean {
    const until = Math.min(fact.until, nowMs + FACT_MS[fact.kind])
    if (!(until > nowMs)) return false
    const key = keyOf(fact.kind, fact.client, fact.host)
    const known = this.#kept.get(key)
    if (!this.takes(fact, nowMs)) return false
    if (known === undefined) this.#perClient.set(fact.client, this.#count(fact.client) + 1)
    const kept = fact.kind === 'enrolling' ? { ...fact, until } : { ...fact, until, allow: allowed(fact, known, nowMs) }
    this.#kept.set(key, { fact: kept, exception: exceptionOf(kept) })
    return true
  }

  /** In force as it is, so that nobody has to be told again. */
  knows(fact: SharedFact, nowMs: number): boolean {
    const known = this.#inForce(fact.kind, fact.client, fact.host, nowMs)?.fact
    const until = Math.min(fact.until, nowMs + FACT_MS[fact.kind])
    if (known === undefined || known.until < until - SLACK * FACT_MS[fact.kind]) return false
    if (fact.kind === 'enrolling' || known.kind === 'enrolling') return true
    return known.fingerprint === fact.fingerprint && fact.allow.every(word => known.allow.includes(word))
  }

  /** Would it find room? */
  takes({ kind, client, host }: SharedFact, nowMs: number): boolean {
    return this.#kept.has(keyOf(kind, client, host)) || this.#room(client, nowMs)
  }

  /** What a person clicked away: only for this client, host and the certificate in `only`. */
  overrideFor(client: string, host: string, nowMs: number): TlsException | null {
    return this.#inForce('override', client, host, nowMs)?.exception ?? null
  }

  /**
   * The same on top of what policy overlooks there: who clicked was told only what was wrong besides. A click counts only
   * as long as policy lets people click.
   */
  exceptionFor(policy: ClickPolicy, client: string, host: string, nowMs: number): TlsException | null {
    const byPolicy = policy.exceptionFor(host, nowMs)
    const clicked = policy.tls.override === 'allow' ? this.overrideFor(client, host, nowMs) : null
    if (clicked === null || byPolicy === null) return clicked ?? byPolicy
    const until = Math.min(clicked.until, byPolicy.until)
    return { ...clicked, until, allow: new Set([...byPolicy.allow, ...clicked.allow]) }
  }

  /** The device tries out, at this host, whether it trusts us. */
  enrolling(client: string, host: string, nowMs: number): boolean {
    return this.#inForce('enrolling', client, host, nowMs) !== null
  }

  /** For a worker that starts later. */
  all(nowMs: number): SharedFact[] {
    return [...this.#kept.values()].map(kept => kept.fact).filter(fact => nowMs < fact.until)
  }

  #inForce(kind: SharedFact['kind'], client: string, host: string, nowMs: number): Kept | null {
    if (this.#kept.size === 0) return null
    const kept = this.#kept.get(keyOf(kind, client, host))
    return kept !== undefined && nowMs < kept.fact.until ? kept : null
  }

  #room(client: string, nowMs: number): boolean {
    if (this.#fits(client)) return true
    for (const [key, { fact }] of this.#kept) if (nowMs >= fact.until) this.#drop(key, fact.client)
    return this.#fits(client)
  }

  #fits(client: string): boolean {
    return this.#kept.size < this.#max && this.#count(client) < this.#maxPerClient
  }

  #drop(key: string, client: string): void {
    this.#kept.delete(key)
    const left = this.#count(client) - 1
    if (left > 0) this.#perClient.set(client, left)
    else this.#perClient.delete(client)
  }

  #count(client: string): number {
    return this.#perClient.get(client) ?? 0
  }
}

/** Whether this, from a process that reads bytes of the network, has the shape of a fact and its bounds. */
export function isSharedFact(value: unknown): value is SharedFact {
  if (typeof value !== 'object' || value === null) return false
  const { kind, client, host, until, fingerprint, allow } = value as Record<string, unknown>
  if (!isShort(client) || !isShort(host) || !Number.isFinite(until)) return false
  if (kind === 'enrolling') return true
  const words =
    Array.isArray(allow) && allow.length <= ALLOWANCES.length && allow.every(word => ALLOWANCES.includes(word))
  return kind === 'override' && words && typeof fingerprint === 'string' && /^[0-9a-f]{64}$/.test(fingerprint)
}

function isShort(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT
}

/** A second click about the same certificate, on another thing that is wrong with it, adds to the first. */
function allowed(fact: SharedFact & { kind: 'override' }, known: Kept | undefined, nowMs: number): Allowance[] {
  const before = known?.fact
  const same = before?.kind === 'override' && before.fingerprint === fact.fingerprint && nowMs < before.until
  return same ? [...new Set([...before.allow, ...fact.allow])] : fact.allow
}

function exceptionOf(fact: SharedFact): TlsException | null {
  if (fact.kind !== 'override') return null
  const { client, host, fingerprint, allow, until } = fact
  return { host, allow: new Set(allow), until, reason: 'override', line: 0, only: { client, fingerprint } }
}

/** A space is in no address. */
function keyOf(kind: SharedFact['kind'], client: string, host: string): string {
  return `${kind} ${client} ${host}`
}
