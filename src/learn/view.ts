import type { LearnedEntry } from '../core/tls-policy.ts'
import { LEARN } from './thresholds.ts'

interface Slot {
  readonly entry: LearnedEntry
  /** When a connection was last opened to try it; 0: never. */
  testedAt: number
}

/**
 * What was learned, as a worker looks it up for each TLS connection: two or three map look-ups, nothing allocated.
 * Replaced whole by each message of the supervisor.
 */
export class LearnedView {
  readonly #groupsOf: (client: string) => readonly string[]
  #untrusting = new Map<string, Slot>()
  /** Name → client, group or '' → what is known. */
  #names = new Map<string, Map<string, Slot>>()
  #byId = new Map<string, Slot>()
  #hasGroups = false

  constructor(groupsOf: (client: string) => readonly string[]) {
    this.#groupsOf = groupsOf
  }

  load(entries: readonly LearnedEntry[]): void {
    const before = this.#byId
    this.#untrusting = new Map()
    this.#names = new Map()
    this.#byId = new Map()
    this.#hasGroups = false
    for (const entry of entries) {
      const old = before.get(entry.id)
      const slot = { entry, testedAt: old?.entry.retestAt === entry.retestAt ? old.testedAt : 0 }
      this.#byId.set(entry.id, slot)
      if (entry.host === '') this.#untrusting.set(entry.client, slot)
      else {
        let scopes = this.#names.get(entry.host)
        if (scopes === undefined) this.#names.set(entry.host, (scopes = new Map()))
        // Pinned and wanting a certificate at once: the one that closes it
        if (entry.state === 'active' || !scopes.has(entry.client)) scopes.set(entry.client, slot)
        if (startsWithLetter(entry.client)) this.#hasGroups = true
      }
    }
  }

  /** What holds for a connection; null: nothing, or this connection is to show whether it still holds. */
  lookup(client: string, host: string, ja4: string, nowMs: number): LearnedEntry | null {
    const device = inForce(this.#untrusting.get(client), nowMs)
    const name = inForce(this.#name(client, host), nowMs)
    // A name that is known to fail would tell nothing about the device
    if (device !== null && (name !== null || !deviceTestDue(device, ja4, nowMs))) return device.entry
    if (device !== null) {
      device.testedAt = nowMs
      return null
    }
    if (name === null || !nameTestDue(name, ja4, nowMs)) return name?.entry ?? null
    name.testedAt = nowMs
    return null
  }

  /** Is anything known about it: then every outcome is worth telling. */
  covers(client: string, host: string, nowMs: number): boolean {
    return inForce(this.#untrusting.get(client), nowMs) !== null || inForce(this.#name(client, host), nowMs) !== null
  }

  /** The narrowest, be it a person's word that for this client it does not hold. */
  #name(client: string, host: string): Slot | undefined {
    const scopes = this.#names.get(host)
    if (scopes === undefined) return undefined
    const own = scopes.get(client)
    if (own !== undefined) return own
    if (this.#hasGroups) {
      for (const group of this.#groupsOf(client)) {
        const slot = scopes.get(group)
        if (slot !== undefined) return slot
      }
    }
    return scopes.get('')
  }
}

/** What workers need of the conclusions: of the evidence one event of each app. */
export function forWorkers(entries: readonly LearnedEntry[]): LearnedEntry[] {
  return entries.map(entry => {
    const apps = new Map(entry.evidence.map(event => [event.ja4, event]))
    return apps.size < entry.evidence.length ? { ...entry, evidence: [...apps.values()] } : entry
  })
}

function inForce(slot: Slot | undefined, now: number): Slot | null {
  return slot !== undefined && slot.entry.state === 'active' && now < slot.entry.until ? slot : null
}

/** Only the app that failed can show whether it still does. */
function nameTestDue(slot: Slot, ja4: string, now: number): boolean {
  return now >= slot.entry.retestAt && rested(slot, now) && slot.entry.evidence.some(seen => seen.ja4 === ja4)
}

/** An app not heard of yet may trust us although those before it do not: it need not wait. */
function deviceTestDue(slot: Slot, ja4: string, now: number): boolean {
  if (!rested(slot, now)) return false
  return now >= slot.entry.retestAt || slot.entry.evidence.every(seen => seen.ja4 !== ja4)
}

function rested(slot: Slot, now: number): boolean {
  return slot.testedAt === 0 || now - slot.testedAt >= LEARN.retestAgain
}

/** Names of groups do; addresses begin with a digit or a colon, or (IPv6) hold one. */
function startsWithLetter(scope: string): boolean {
  return scope !== '' && !scope.includes(':') && !/^\d/.test(scope)
}
