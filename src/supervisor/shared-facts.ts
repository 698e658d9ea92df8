import type { SharedFact, ToWorker } from '../core/ipc.ts'
import { isSharedFact, SharedFacts } from '../enrol/shared-facts.ts'

/** Passes what one worker found out to all of them, and to those that start later. */
export class FactKeeper {
  readonly #facts: SharedFacts
  readonly #broadcast: (message: ToWorker) => void
  readonly #mayOverride: () => boolean

  /** `mayOverride`: does the policy in force let people click warnings away? */
  constructor(broadcast: (message: ToWorker) => void, mayOverride: () => boolean, facts = new SharedFacts()) {
    this.#broadcast = broadcast
    this.#mayOverride = mayOverride
    this.#facts = facts
  }

  /**
   * Throws for what is no fact: a worker may be in a stranger's hands. One too many is passed on to nobody, and a click that
   * the policy does not allow neither: a policy that allows it later must not find it waiting.
   */
  share(fact: unknown): void {
    if (!isSharedFact(fact)) throw new TypeError('no fact that workers share')
    if (fact.kind === 'override' && !this.#mayOverride()) return
    if (this.#facts.add(fact, Date.now())) this.#broadcast({ t: 'shared', fact })
  }

  all(): SharedFact[] {
    return this.#facts.all(Date.now())
  }
}
