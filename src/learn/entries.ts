import { createHash } from 'node:crypto'
import net from 'node:net'
import type { HandshakeEvent, LearnedEntry, LearnedKind } from '../core/tls-policy.ts'
import { CAPS, LEARN } from './thresholds.ts'

/** Until further notice: 31 December 9999. */
export const FOR_EVER = 253_402_214_400_000

/** The same conclusion has the same id, also after a restart: links to it keep their meaning. */
export function entryId(kind: LearnedKind, client: string, host: string): string {
  return createHash('sha256').update(`${kind}\n${client}\n${host}`).digest('hex').slice(0, 16)
}

/** All conclusions, those in force and those a person does not want. Bounded in all and for each client. */
export class Entries {
  readonly #byId = new Map<string, LearnedEntry>()
  readonly #perClient = new Map<string, number>()

  constructor(entries: readonly LearnedEntry[]) {
    for (const entry of entries) this.#put(entry)
  }

  all(): LearnedEntry[] {
    return [...this.#byId.values()]
  }

  byId(id: string): LearnedEntry | null {
    return this.#byId.get(id) ?? null
  }

  find(kind: LearnedKind, client: string, host: string): LearnedEntry | null {
    return this.#byId.get(entryId(kind, client, host)) ?? null
  }

  /** A new conclusion, or the old one told again: its time begins anew and its re-test moves away. */
  conclude(
    kind: LearnedKind,
    client: string,
    host: string,
    evidence: HandshakeEvent[],
    devices: number,
    now: number,
  ): void {
    const before = this.find(kind, client, host)
    if (before === null) this.#makeRoom(client)
    const since = before?.since ?? now
    const { min, max } = LEARN.retest[kind]
    this.#put({
      id: entryId(kind, client, host),
      kind,
      client,
      host,
      since,
      until: now + LEARN.life[kind],
      retestAt: now + Math.min(max, Math.max(min, now - since)),
      failures: (before?.failures ?? 0) + (before === null ? evidence.length : 1),
      devices: Math.max(devices, before?.devices ?? 0),
      evidence: [...evidence, ...(before?.evidence ?? [])].slice(0, CAPS.evidence),
      state: 'active',
    })
  }

  /** A failure that came although it is known: one more piece of evidence, no change of its time. */
  note(entry: LearnedEntry, event: HandshakeEvent): void {
    this.#put({
      ...entry,
      failures: entry.failures + 1,
      evidence: [event, ...entry.evidence].slice(0, CAPS.evidence),
    })
  }

  /** Not this, until somebody removes the dismissal. What is concluded for clients that it covers goes too. */
  dismiss(entry: LearnedEntry, covers: (client: string) => boolean): void {
    const dismissed = this.all().filter(one => one.state === 'dismissed')
    if (dismissed.length >= CAPS.dismissed) this.remove(dismissed[0]!.id)
    this.#put({ ...entry, state: 'dismissed', until: FOR_EVER, retestAt: FOR_EVER })
    if (net.isIP(entry.client) !== 0) return
    for (const one of this.all()) {
      if (one.kind !== entry.kind || one.host !== entry.host || one.state !== 'active') continue
      if (net.isIP(one.client) !== 0 && covers(one.client)) this.remove(one.id)
    }
  }

  /** A dismissal taken back: it holds again, as if it had just been concluded. */
  restore(entry: LearnedEntry, now: number): void {
    const { kind } = entry
    const until = now + LEARN.life[kind]
    this.#put({ ...entry, state: 'active', until, retestAt: now + LEARN.retest[kind].min })
  }

  remove(id: string): boolean {
    const entry = this.#byId.get(id)
    if (entry === undefined) return false
    this.#byId.delete(id)
    const left = (this.#perClient.get(entry.client) ?? 0) - 1
    if (left > 0) this.#perClient.set(entry.client, left)
    else this.#perClient.delete(entry.client)
    return true
  }

  /** Drops what is over; true when there was any. */
  expire(now: number): boolean {
    const before = this.#byId.size
    for (const entry of this.#byId.values()) if (entry.until <= now) this.remove(entry.id)
    return this.#byId.size < before
  }

  /** The oldest of the client with the most gives way, so that one client cannot push out the others'. */
  #makeRoom(client: string): void {
    if ((this.#perClient.get(client) ?? 0) >= CAPS.entriesPerClient) this.#dropOldest(client)
    if (this.#byId.size < CAPS.entries) return
    let most = client
    for (const [one, count] of this.#perClient) if (count > (this.#perClient.get(most) ?? 0)) most = one
    this.#dropOldest(most)
  }

  /** Of the active ones: a dismissal is a person's word. */
  #dropOldest(client: string): void {
    let oldest: LearnedEntry | null = null
    for (const entry of this.#byId.values()) {
      if (entry.client !== client || entry.state === 'dismissed') continue
      if (oldest === null || entry.since < oldest.since) oldest = entry
    }
    if (oldest !== null) this.remove(oldest.id)
  }

  #put(entry: LearnedEntry): void {
    if (!this.#byId.has(entry.id)) this.#perClient.set(entry.client, (this.#perClient.get(entry.client) ?? 0) + 1)
    this.#byId.set(entry.id, entry)
  }
}
