import type { Logger } from 'pino'
import type { ToWorker } from '../core/ipc.ts'
import type { HandshakeEvent, LearnedEntry } from '../core/tls-policy.ts'
import { Learner } from '../learn/learner.ts'
import { LearnedStore } from '../learn/store.ts'
import { forWorkers } from '../learn/view.ts'
import { Neighbours } from '../os/neighbours.ts'

export interface LearningOptions {
  /** `<stateDir>/learned.json` */
  file: string
  groupsOf(client: string): readonly string[]
  broadcast(message: ToWorker): void
  log: Logger
}

/** What is learned from how handshakes end: kept over restarts, told to every worker. */
export class Learning {
  readonly learner: Learner
  readonly #store: LearnedStore
  readonly #neighbours = new Neighbours()

  constructor({ file, groupsOf, broadcast, log }: LearningOptions) {
    this.#store = new LearnedStore({ file, warn: message => log.warn(message) })
    this.learner = new Learner({
      now: Date.now,
      groupsOf,
      hardwareOf: client => this.#neighbours.hardwareOf(client),
      entries: this.#store.load(),
      onChange: entries => {
        this.#store.save(entries)
        broadcast({ t: 'learned', entries: forWorkers(entries) })
      },
    })
  }

  /** Of a worker, which may be in a stranger's hands: throws for what is no list. */
  take(events: HandshakeEvent[]): void {
    if (!Array.isArray(events)) throw new TypeError('no list of handshakes')
    this.#neighbours.refresh()
    this.learner.handshakes(events)
  }

  /** For a worker that starts. */
  entries(): LearnedEntry[] {
    return forWorkers(this.learner.entries())
  }

  close(): void {
    this.#store.flush()
  }
}
