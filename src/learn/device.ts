import type { HandshakeEvent } from '../core/tls-policy.ts'
import { isAlert, isSilent } from './event.ts'
import { CAPS, LEARN } from './thresholds.ts'

/** What one failure leads to. */
export interface Conclusion {
  kind: 'untrusting' | 'pinned'
  /** '' for every name. */
  host: string
  /** Newest first. */
  evidence: HandshakeEvent[]
}

/** What is remembered of one client address; apps of a device are told apart by their JA4. */
export class Device {
  /** First and last success; 0: none. */
  trustedSince = 0
  trustedAt = 0
  /** JA4 → last success. */
  readonly #apps = new Map<string, number>()
  /** Name → failures since the last success, newest first. */
  readonly #failures = new Map<string, HandshakeEvent[]>()
  /** Name → last success; apart, or a browser's many names would push out the few that fail. */
  readonly #successes = new Map<string, HandshakeEvent>()

  /** Things kept. */
  get size(): number {
    let failures = 0
    for (const one of this.#failures.values()) failures += one.length
    return this.#apps.size + this.#successes.size + failures
  }

  trusted(event: HandshakeEvent): void {
    const { time, host, ja4 } = event
    this.trustedSince ||= time
    this.trustedAt = Math.max(this.trustedAt, time)
    latest(this.#apps, ja4, time, CAPS.appsPerDevice)
    latest(this.#successes, host, event, CAPS.workingPerDevice)
    const left = this.#failures.get(host)?.filter(failure => failure.ja4 !== ja4)
    if (left === undefined) return
    if (left.length > 0) this.#failures.set(host, left)
    else this.#failures.delete(host)
  }

  /** Takes a failure down; false: it says nothing. */
  failed(event: HandshakeEvent): boolean {
    const { time, host, ja4 } = event
    const failures = this.#failures.get(host) ?? []
    if (isSilent(event.outcome)) {
      const success = this.#successes.get(host)
      if (success !== undefined && success.ja4 === ja4 && time - success.time < LEARN.spareWithin) return false
      const before = failures.find(failure => failure.ja4 === ja4)
      if (before !== undefined && time - before.time < LEARN.silentSpacing) return false
    }
    latest(this.#failures, host, [event, ...failures].slice(0, CAPS.evidence), CAPS.failingPerDevice)
    this.#trim()
    return true
  }

  /** Names not heard of for longest go first. */
  #trim(): void {
    let count = 0
    for (const failures of this.#failures.values()) count += failures.length
    for (const [host, failures] of this.#failures) {
      if (count <= CAPS.failuresPerDevice) return
      this.#failures.delete(host)
      count -= failures.length
    }
  }

  trusts(now: number): boolean {
    return this.trustedAt > 0 && now - this.trustedAt < LEARN.trustMemory
  }

  /** Has trusted us for long enough to speak for others. */
  established(now: number): boolean {
    return this.trusts(now) && now - this.trustedSince >= LEARN.established
  }

  /** From the first to the last success that still counts (ms). */
  standing(now: number): number {
    return this.trusts(now) ? this.trustedAt - this.trustedSince : 0
  }

  /** What is now known that was not before this failure. */
  conclude(event: HandshakeEvent, now: number): Conclusion[] {
    const distrust = this.trusts(now) ? this.#lostTrust(now) : this.#failing(null, now - LEARN.distrustWindow)
    if (enough(distrust)) return [{ kind: 'untrusting', host: '', evidence: newest(distrust) }]
    const failures = this.#recent(event.host, null, now - LEARN.pinWindow)
    const needed = this.trusts(now) ? LEARN.pinPoints : LEARN.lonelyPoints
    if (points(failures) >= needed) return [{ kind: 'pinned', host: event.host, evidence: failures }]
    return this.#ownStore(event.ja4, now)
  }

  /** An app that worked before fails with every name since, by its own word, and nothing else on the device works. */
  #lostTrust(now: number): HandshakeEvent[][] {
    if (now - this.trustedAt < LEARN.distrustSilence) return []
    for (const [ja4, trustedAt] of this.#apps) {
      const failing = this.#failing(ja4, Math.max(trustedAt + 1, now - LEARN.distrustWindow))
      if (enough(failing) && failing.some(failures => failures.some(failure => isAlert(failure.outcome))))
        return failing
    }
    return []
  }

  /**
   * An app that fails with all its names while others of the device work has a store of its own (Firefox, Android apps):
   * each of its names is spared as soon as it is seen.
   */
  #ownStore(ja4: string, now: number): Conclusion[] {
    if (ja4 === '' || !this.trusts(now) || now - (this.#apps.get(ja4) ?? 0) < LEARN.trustMemory) return []
    const failing = this.#failing(ja4, now - LEARN.pinWindow)
    if (!enough(failing)) return []
    return failing.map(evidence => ({ kind: 'pinned' as const, host: evidence[0]!.host, evidence }))
  }

  /** Failures since then by name, of one app or of all. */
  #failing(ja4: string | null, since: number): HandshakeEvent[][] {
    const out: HandshakeEvent[][] = []
    for (const host of this.#failures.keys()) {
      const failures = this.#recent(host, ja4, since)
      if (failures.length > 0) out.push(failures)
    }
    return out
  }

  #recent(host: string, ja4: string | null, since: number): HandshakeEvent[] {
    const failures = this.#failures.get(host) ?? []
    return failures.filter(failure => failure.time >= since && (ja4 === null || failure.ja4 === ja4))
  }
}

function points(failures: readonly HandshakeEvent[]): number {
  let sum = 0
  for (const { outcome } of failures) sum += isAlert(outcome) ? LEARN.alertPoints : LEARN.silentPoints
  return sum
}

/** One stubborn name cannot stand for many: of each only its last failure counts. */
function enough(byName: readonly HandshakeEvent[][]): boolean {
  return byName.length >= LEARN.distrustNames && points(byName.map(failures => failures[0]!)) >= LEARN.distrustPoints
}

/** One of each name and app first, so that the evidence shows how wide it is. */
function newest(byName: readonly HandshakeEvent[][]): HandshakeEvent[] {
  const heads = byName.map(failures => failures[0]!).sort((a, b) => b.time - a.time)
  const apps = new Map<string, HandshakeEvent>()
  for (const event of heads) if (!apps.has(event.ja4)) apps.set(event.ja4, event)
  const chosen = new Set([...apps.values(), ...heads])
  return [...chosen].slice(0, CAPS.evidence).sort((a, b) => b.time - a.time)
}

/** Puts it last, and drops the first when there are too many. */
function latest<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= max) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
