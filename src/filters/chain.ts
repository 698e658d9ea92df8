import { WeirError } from '../core/errors.ts'
import type { Exchange, LocalReply } from '../core/exchange.ts'
import type { Filter, FilterResult } from '../core/filter.ts'

/** null: go on. A reply: the exchange ends here with it. Called exactly once, perhaps before `run…` returns. */
export type ChainDone = (reply: LocalReply | null) => void

export interface ChainOptions {
  /** Page for a filter that failed. */
  errorPage(ex: Exchange, error: WeirError): LocalReply
  /** Longest a filter may keep an exchange waiting, in milliseconds. */
  maxWaitMs?: number
}

type Hook = (ex: Exchange) => FilterResult | Promise<FilterResult>

/** The hooks of one phase, without the filters that have none there; null when nobody has any. */
interface Phase {
  names: readonly string[]
  hooks: readonly Hook[]
}

const MAX_WAIT_MS = 10_000

export function compileChain(filters: readonly Filter[], options: ChainOptions): FilterChain {
  return new FilterChain(
    phase(filters, filter => filter.onRequest?.bind(filter)),
    phase(filters, filter => filter.onResponse?.bind(filter)),
    options,
  )
}

/**
 * Runs the filters in order until one answers. Synchronous as long as they are; only a filter that returns a promise costs
 * one. A filter that throws or takes too long ends the exchange: a request that nobody decided about is not let through.
 */
export class FilterChain {
  readonly #request: Phase | null
  readonly #response: Phase | null
  readonly #errorPage: ChainOptions['errorPage']
  readonly #maxWaitMs: number

  constructor(request: Phase | null, response: Phase | null, options: ChainOptions) {
    this.#request = request
    this.#response = response
    this.#errorPage = options.errorPage
    this.#maxWaitMs = options.maxWaitMs ?? MAX_WAIT_MS
  }

  runRequest(ex: Exchange, done: ChainDone): void {
    if (this.#request === null) done(null)
    else this.#run(this.#request, 0, ex, done)
  }

  runResponse(ex: Exchange, done: ChainDone): void {
    if (this.#response === null) done(null)
    else this.#run(this.#response, 0, ex, done)
  }

  #run(phase: Phase, from: number, ex: Exchange, done: ChainDone): void {
    let reply: LocalReply | null = null
    for (let i = from; i < phase.hooks.length && reply === null; i++) {
      let result: FilterResult | Promise<FilterResult>
      try {
        result = phase.hooks[i]!(ex)
      } catch (error) {
        reply = this.#failed(phase, i, ex, error)
        break
      }
      if (result instanceof Promise) {
        this.#wait(result, phase, i, ex, done)
        return
      }
      reply = result
    }
    // Outside the try: what the exchange does next is not the filter's mistake
    done(reply)
  }

  #wait(promise: Promise<FilterResult>, phase: Phase, at: number, ex: Exchange, done: ChainDone): void {
    let timer: NodeJS.Timeout | null = setTimeout(() => fail(new Error('no answer in time')), this.#maxWaitMs)
    /** False when the other of promise and timer came first. */
    const first = () => {
      if (timer === null) return false
      clearTimeout(timer)
      timer = null
      return true
    }
    const fail = (error: unknown) => {
      if (first()) done(this.#failed(phase, at, ex, error))
    }
    promise.then(reply => {
      if (!first()) return
      if (reply !== null) done(reply)
      else this.#run(phase, at + 1, ex, done)
    }, fail)
  }

  #failed(phase: Phase, at: number, ex: Exchange, cause: unknown): LocalReply {
    const error = new WeirError('self-internal', `The filter "${phase.names[at]}" failed.`, cause)
    ex.error = error
    return this.#errorPage(ex, error)
  }
}

function phase(filters: readonly Filter[], hookOf: (filter: Filter) => Hook | undefined): Phase | null {
  const names: string[] = []
  const hooks: Hook[] = []
  for (const filter of filters) {
    const hook = hookOf(filter)
    if (hook === undefined) continue
    names.push(filter.name)
    hooks.push(hook)
  }
  return hooks.length === 0 ? null : { names, hooks }
}
