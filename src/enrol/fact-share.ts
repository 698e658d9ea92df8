import type { SharedFact } from '../core/ipc.ts'
import type { SharedFacts } from './shared-facts.ts'

/** The supervisor answers within a millisecond; so long it may be busy. */
const ECHO_MS = 2000
/** Facts on their way at one time. */
const MAX_WAITING = 256

interface Waiting {
  fact: SharedFact
  done(shared: boolean): void
}

/**
 * A worker's way of telling the others: the fact goes to the supervisor, which sends it to every worker, this one
 * included. Only what came back counts, so that the client's next connection finds it known wherever it is accepted.
 */
export class FactShare {
  readonly #facts: SharedFacts
  readonly #send: (fact: SharedFact) => void
  readonly #echoMs: number
  readonly #waiting = new Set<Waiting>()

  constructor(facts: SharedFacts, send: (fact: SharedFact) => void, echoMs = ECHO_MS) {
    this.#facts = facts
    this.#send = send
    this.#echoMs = echoMs
  }

  /** False: it was not taken, because there are too many. */
  share(fact: SharedFact): Promise<boolean> {
    const now = Date.now()
    if (this.#facts.knows(fact, now)) return Promise.resolve(true)
    if (this.#waiting.size >= MAX_WAITING || !this.#facts.takes(fact, now)) return Promise.resolve(false)
    return new Promise(resolve => {
      const done = (shared: boolean) => {
        clearTimeout(timer)
        this.#waiting.delete(waiting)
        resolve(shared)
      }
      const timer = setTimeout(done, this.#echoMs, false)
      const waiting: Waiting = { fact, done }
      this.#waiting.add(waiting)
      this.#send(fact)
    })
  }

  /** From the supervisor. */
  heard(fact: SharedFact, nowMs: number): void {
    const added = this.#facts.add(fact, nowMs)
    for (const waiting of this.#waiting) if (isSame(waiting.fact, fact)) waiting.done(added)
  }
}

function isSame(a: SharedFact, b: SharedFact): boolean {
  return a.kind === b.kind && a.client === b.client && a.host === b.host && a.until === b.until
}
