import net from 'node:net'
import type { HandshakeEvent, LearnedEntry, LearnedKind } from '../core/tls-policy.ts'
import { Device } from './device.ts'
import { Entries, entryId } from './entries.ts'
import { isAlert, isEvent, isSilent, isTrust } from './event.ts'
import { rulesText } from './rules.ts'
import { CAPS, LEARN } from './thresholds.ts'
import { voterOf } from './voter.ts'

export interface LearnerDeps {
  /** Milliseconds since the epoch. */
  now(): number
  /** Names of the policy's groups that hold an address, the most important first. */
  groupsOf(client: string): readonly string[]
  /** Hardware address behind a client's address; null: behind a router, or not known. */
  hardwareOf(client: string): string | null
  /** What was known before (`LearnedStore.load`). */
  entries: readonly LearnedEntry[]
  /** The conclusions have changed: to be kept, and told to every worker. Called at most once for each batch. */
  onChange(entries: LearnedEntry[]): void
}

const DAY = 86_400_000

/**
 * Learns from how handshakes end which connections are better left closed:
 *
 *   one device fails with all names        → `untrusting`, for that device
 *   one name fails, the device trusts us   → `pinned`, for that device and name; then for its group; then for everybody
 *   one app fails, others of the device do not → `pinned`, for that device and each of the app's names
 *   the origin wants the client's own certificate → `client-cert`, likewise
 *
 * A device alone can only ever spare itself. For more than itself it takes several that have trusted us for a while, and
 * several addresses of one network card are one.
 */
export class Learner {
  readonly #deps: LearnerDeps
  readonly #entries: Entries
  /** Least recently heard of first. */
  readonly #devices = new Map<string, Device>()
  /** Ids of single devices' conclusions that count for others. */
  readonly #votes = new Set<string>()
  /** Times of conclusions for more than one device, within a day. */
  readonly #widenings: Record<keyof typeof LEARN.wideningsPerDay, number[]> = { group: [], everybody: [] }
  #changed = false

  constructor(deps: LearnerDeps) {
    this.#deps = deps
    this.#entries = new Entries(deps.entries)
    this.#entries.expire(deps.now())
  }

  /** Devices something is remembered of. */
  get devices(): number {
    return this.#devices.size
  }

  /** What workers saw. Anything that is no event is passed over. */
  handshakes(events: readonly HandshakeEvent[]): void {
    const now = this.#deps.now()
    if (this.#entries.expire(now)) this.#changed = true
    for (const event of events.slice(0, CAPS.batch)) {
      if (!isEvent(event)) continue
      // A worker's clock is ours; an event from the future would never grow old
      this.#take(event.time > now ? { ...event, time: now } : event, now)
    }
    this.#tell()
  }

  /** All conclusions, also dismissed ones, without those whose time is over. */
  entries(): LearnedEntry[] {
    if (this.#entries.expire(this.#deps.now())) this.#changed = true
    this.#tell()
    return this.#entries.all()
  }

  /** Undone, and not concluded again until the dismissal is removed. false: there is none. */
  dismiss(id: string): boolean {
    const entry = this.#entries.byId(id)
    if (entry === null) return false
    const { client: scope } = entry
    this.#entries.dismiss(entry, client => scope === '' || this.#deps.groupsOf(client).includes(scope))
    return this.#done()
  }

  /** A dismissed conclusion holds again. false: there is none such. */
  restore(id: string): boolean {
    const entry = this.#entries.byId(id)
    if (entry?.state !== 'dismissed') return false
    this.#entries.restore(entry, this.#deps.now())
    return this.#done()
  }

  /** Forgotten: a conclusion may be drawn again, a dismissal no longer stands in its way. */
  remove(id: string): boolean {
    return this.#entries.remove(id) && this.#done()
  }

  /** Everything about one device, also what has led to nothing yet. Returns how many conclusions went. */
  forget(client: string): number {
    this.#devices.delete(client)
    const own = this.#entries.all().filter(entry => entry.client === client)
    for (const { id } of own) this.#entries.remove(id)
    if (own.length > 0) this.#done()
    return own.length
  }

  /** The conclusion as a rule to add to the policy document, YAML; null: there is none. */
  permanent(id: string): string | null {
    const entry = this.#entries.byId(id)
    return entry === null ? null : rulesText([entry])
  }

  /** Every conclusion in force as rules. */
  exportRules(): string {
    return rulesText(this.entries().filter(entry => entry.state === 'active'))
  }

  // ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #take(event: HandshakeEvent, now: number): void {
    const { outcome } = event
    if (isTrust(outcome)) this.#trusted(event)
    else if (outcome === 'client-cert-wanted') this.#clientCert(event, now)
    else if (isAlert(outcome) || isSilent(outcome)) this.#failed(event, now)
    // 'other' is a bug of the client, a time limit, a lost network: nothing follows from it
  }

  #trusted(event: HandshakeEvent): void {
    const { client, host, ja4 } = event
    this.#device(client).trusted(event)
    const distrust = this.#active('untrusting', client, '')
    if (distrust !== null) this.#drop(distrust)
    // The public name of ECH was accepted, the name itself was not tried
    if (event.outcome === 'ech-retry') return
    for (const scope of this.#scopes(client)) {
      const pinned = this.#active('pinned', scope, host)
      // Another app's success with the name proves nothing about the one that pins it
      if (pinned?.evidence.some(seen => seen.ja4 === ja4)) this.#drop(pinned)
    }
  }

  #clientCert(event: HandshakeEvent, now: number): void {
    const { client, host } = event
    if (this.#dismissed('client-cert', client, host)) return
    this.#conclude('client-cert', client, host, [event], now)
  }

  #failed(event: HandshakeEvent, now: number): void {
    const { client, host } = event
    const device = this.#device(client)
    const counts = device.failed(event)
    const known = this.#covering(client, host)
    if (known !== null) {
      this.#stillSo(known, event, now)
      return
    }
    if (!counts) return
    for (const { kind, host: name, evidence } of device.conclude(event, now)) {
      if (this.#dismissed(kind, client, name) || this.#active(kind, client, name) !== null) continue
      this.#conclude(kind, client, name, evidence, now)
    }
  }

  /** A connection failed although this is known: the re-test, or one that began before the workers heard of it. */
  #stillSo(entry: LearnedEntry, event: HandshakeEvent, now: number): void {
    if (now < entry.retestAt) {
      // Counted and shown, but nothing that workers need to hear of at once
      this.#entries.note(entry, event)
    } else if (entry.client === event.client) {
      this.#conclude(entry.kind, entry.client, entry.host, [event], now)
    } else {
      this.#entries.conclude(entry.kind, entry.client, entry.host, [event], entry.devices, now)
      this.#changed = true
    }
  }

  // ── conclusions ──────────────────────────────────────────────────────────────────────────────────────────────────

  #conclude(kind: LearnedKind, client: string, host: string, evidence: HandshakeEvent[], now: number): void {
    this.#entries.conclude(kind, client, host, evidence, 1, now)
    this.#changed = true
    if (kind === 'untrusting' || !this.#device(client).established(now)) return
    this.#votes.add(entryId(kind, client, host))
    this.#widen(kind, client, host, now)
  }

  /** Several devices found out the same about a name: the others need not each find out by failing. */
  #widen(kind: LearnedKind, client: string, host: string, now: number): void {
    const alike = this.#entries
      .all()
      .filter(
        entry => entry.kind === kind && entry.host === host && entry.state === 'active' && this.#votes.has(entry.id),
      )
    const group = this.#group(client)
    const everywhere = this.#ofEachVoter(alike)
    const inGroup = group === '' ? [] : this.#ofEachVoter(alike.filter(entry => this.#group(entry.client) === group))
    const elsewhere = everywhere.length > inGroup.length
    if (elsewhere && everywhere.length >= LEARN.everyoneDevices) this.#widenTo('', kind, host, everywhere, now)
    else if (inGroup.length >= LEARN.groupDevices) this.#widenTo(group, kind, host, inGroup, now)
  }

  #ofEachVoter(entries: readonly LearnedEntry[]): LearnedEntry[] {
    const byVoter = new Map<string, LearnedEntry>()
    for (const entry of entries) byVoter.set(voterOf(entry.client, this.#deps.hardwareOf(entry.client)), entry)
    return [...byVoter.values()]
  }

  #widenTo(scope: string, kind: LearnedKind, host: string, alike: LearnedEntry[], now: number): void {
    if (this.#entries.find(kind, scope, host) !== null) return
    const whose = scope === '' ? 'everybody' : 'group'
    const today = this.#widenings[whose].filter(time => now - time < DAY)
    this.#widenings[whose] = today
    if (today.length >= LEARN.wideningsPerDay[whose]) return
    today.push(now)
    const evidence = alike.flatMap(entry => entry.evidence.slice(0, 1)).sort((a, b) => b.time - a.time)
    this.#entries.conclude(kind, scope, host, evidence.slice(0, CAPS.evidence), alike.length, now)
  }

  /** The conclusion in force that speaks about this client and name, the narrowest first. */
  #covering(client: string, host: string): LearnedEntry | null {
    for (const scope of this.#scopes(client)) {
      const entry = this.#active('pinned', scope, host) ?? this.#active('client-cert', scope, host)
      if (entry !== null) return entry
    }
    return this.#active('untrusting', client, '')
  }

  #active(kind: LearnedKind, scope: string, host: string): LearnedEntry | null {
    const entry = this.#entries.find(kind, scope, host)
    return entry?.state === 'active' ? entry : null
  }

  #dismissed(kind: LearnedKind, client: string, host: string): boolean {
    return this.#scopes(client).some(scope => this.#entries.find(kind, scope, host)?.state === 'dismissed')
  }

  #scopes(client: string): string[] {
    return [client, ...this.#deps.groupsOf(client), '']
  }

  /** '' without one. */
  #group(client: string): string {
    return net.isIP(client) === 0 ? '' : (this.#deps.groupsOf(client)[0] ?? '')
  }

  #drop(entry: LearnedEntry): void {
    this.#entries.remove(entry.id)
    this.#votes.delete(entry.id)
    this.#changed = true
  }

  #device(client: string): Device {
    const device = this.#devices.get(client) ?? new Device()
    this.#devices.delete(client)
    this.#devices.set(client, device)
    if (this.#devices.size > CAPS.devices) this.#forgetLeast(client)
    return device
  }

  /** The one that has shown trust for the shortest time goes: made-up addresses push out each other and nobody else. */
  #forgetLeast(but: string): void {
    const now = this.#deps.now()
    let least = ''
    let shortest = Infinity
    for (const [client, device] of this.#devices) {
      const standing = device.standing(now)
      if (client === but || standing >= shortest) continue
      least = client
      shortest = standing
      if (shortest === 0) break
    }
    this.#devices.delete(least)
  }

  #done(): true {
    this.#changed = true
    this.#tell()
    return true
  }

  #tell(): void {
    if (!this.#changed) return
    this.#changed = false
    for (const id of this.#votes) if (this.#entries.byId(id) === null) this.#votes.delete(id)
    this.#deps.onChange(this.#entries.all())
  }
}
