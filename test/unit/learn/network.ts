import type { HandshakeEvent, HandshakeOutcome, LearnedEntry } from '../../../src/core/tls-policy.ts'
import { Learner } from '../../../src/learn/learner.ts'
import { HandshakeReporter } from '../../../src/learn/reporter.ts'
import { forWorkers, LearnedView } from '../../../src/learn/view.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
export const START = Date.parse('2026-11-23T08:00:00Z')

/** How an app of a device ends a handshake with us for a name. */
export type App = (host: string) => HandshakeOutcome

/**
 * A network with its clock: a Learner, one worker that reports to it and knows what it found out, and devices whose apps
 * connect. Weekdays pass in no time.
 */
export class Network {
  time = START
  told: LearnedEntry[] = []
  changes = 0
  readonly learner: Learner
  readonly view: LearnedView
  readonly reporter: HandshakeReporter
  /** A device has one address here, unless a test says otherwise. */
  hardwareOf: (client: string) => string | null = client => client

  constructor(groupsOf: (client: string) => readonly string[] = () => [], entries: LearnedEntry[] = []) {
    this.view = new LearnedView(groupsOf)
    this.view.load(entries)
    this.reporter = new HandshakeReporter({
      send: events => this.learner.handshakes(events),
      covers: (client, host) => this.view.covers(client, host, this.time),
      now: () => this.time,
    })
    this.learner = new Learner({
      now: () => this.time,
      groupsOf,
      hardwareOf: client => this.hardwareOf(client),
      entries,
      onChange: told => {
        this.told = told
        this.changes++
        this.view.load(forWorkers(told))
      },
    })
  }

  event(client: string, host: string, outcome: HandshakeOutcome, ja4 = 'browser'): HandshakeEvent {
    return { time: this.time, client, host, outcome, ja4 }
  }

  /** Past the worker. */
  say(client: string, host: string, outcome: HandshakeOutcome, ja4 = 'browser'): void {
    this.learner.handshakes([this.event(client, host, outcome, ja4)])
  }

  /** One connection: `spliced` when what was learned keeps it closed, else how its handshake ended. */
  connect(client: string, host: string, app: App, ja4 = 'browser'): HandshakeOutcome | 'spliced' {
    this.time += 2 * SECOND
    if (this.view.lookup(client, host, ja4, this.time) !== null) return 'spliced'
    const outcome = app(host)
    this.reporter.report(this.event(client, host, outcome, ja4))
    this.reporter.flush()
    return outcome
  }

  /** Conclusions in force as `kind client host`. */
  active(): string[] {
    return this.learner
      .entries()
      .filter(entry => entry.state === 'active')
      .map(entry => `${entry.kind} ${entry.client || '*'} ${entry.host || '*'}`)
      .sort()
  }
}

export const trusting: App = () => 'trusted'
export const withoutCa: App = () => 'unknown-ca'
/** Trusts us but for those names. */
export const pinning =
  (...names: string[]): App =>
  host =>
    names.includes(host) ? 'bad-certificate' : 'trusted'
