import type { Logger } from 'pino'
import { applyRules, drainRules, type RulesConfig, removeRules, rulesState } from '../os/rules.ts'

/** So long may no worker accept before the rules go (a replaced worker needs well under a second). */
const UNHEALTHY_MS = 2000
const RETRY_MS = 5000

/**
 * Ties the kernel rules to the health of the data plane. With `rules: manual` it does nothing but say so.
 * fail-open: without a worker the rules are taken out, clients go straight to their destinations, and the gap is logged.
 */
export class RulesKeeper {
  readonly #config: RulesConfig
  readonly #auto: boolean
  readonly #failOpen: boolean
  readonly #log: Logger
  #state: 'applied' | 'manual' | 'removed-unhealthy' = 'manual'
  #timer: NodeJS.Timeout | null = null
  #draining = false
  #ready = 0

  constructor(config: RulesConfig, options: { auto: boolean; failOpen: boolean; log: Logger }) {
    this.#config = config
    this.#auto = options.auto
    this.#failOpen = options.failOpen
    this.#log = options.log
  }

  state(): 'applied' | 'manual' | 'removed-unhealthy' {
    return this.#state
  }

  /** Throws UserError when they cannot be loaded. */
  apply(): void {
    if (!this.#auto) return
    applyRules(this.#config)
    this.#state = 'applied'
    this.health(this.#ready) // the workers may have gone while nothing was loaded
  }

  /** Number of workers that accept, whenever it changes. */
  health(ready: number): void {
    this.#ready = ready
    if (!this.#auto || !this.#failOpen || this.#draining) return
    if (ready > 0) this.#close()
    else if (this.#state === 'applied') this.#timer ??= setTimeout(() => this.#open(), UNHEALTHY_MS)
  }

  /** New connections go past the proxy; those it holds are finished. */
  drain(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#draining = true
    if (this.#state === 'applied') drainRules(this.#config)
  }

  remove(): void {
    if (!this.#auto) return
    if (rulesState(this.#config) !== 'absent') removeRules(this.#config)
    this.#state = 'manual'
  }

  /** The supervisor crashes: the rules go, unless nothing may pass without it. */
  abandon(): void {
    if (this.#failOpen) this.remove()
  }

  #open(): void {
    this.#timer = null
    if (this.#ready > 0 || this.#state !== 'applied') return
    try {
      removeRules(this.#config)
      this.#state = 'removed-unhealthy'
      this.#log.error('no worker accepts: rules removed, clients go past the proxy until it is back (onFailure: open)')
    } catch (error) {
      this.#log.error({ err: error }, 'rules could not be removed, trying again')
      this.#timer = setTimeout(() => this.#open(), RETRY_MS)
    }
  }

  #close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#ready === 0 || this.#state !== 'removed-unhealthy') return
    try {
      this.apply()
      this.#log.info('workers accept again: rules applied')
    } catch (error) {
      this.#log.error({ err: error }, 'rules could not be applied, trying again')
      this.#timer = setTimeout(() => this.#close(), RETRY_MS)
    }
  }
}
