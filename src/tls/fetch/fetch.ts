import { LRUCache } from 'lru-cache'
import { Call, type FetchDone, type FetchRequest } from './call.ts'
import { Reach } from './reach.ts'
import { type Resolve, SystemResolver } from './resolve.ts'
import { parseFetchUrl } from './target.ts'

export type { FetchDone, FetchRequest } from './call.ts'

/** Starts a fetch; what it returns ends the wait. `done` may come before it returns when nothing has to be asked. */
export type Fetch = (request: FetchRequest, done: FetchDone) => () => void

export interface FetchOptions {
  /** The box's own addresses, and whatever else must never be spoken to (its own networks). */
  isOwn: (addr: string) => boolean
  /** CIDRs that may be fetched from although they are not public: an internal CA's responder, a lab. */
  networks?: readonly string[]
  /** Default: as the box resolves for itself. */
  resolve?: Resolve
  now?: () => number
}

const MAX_RUNNING = 24
const MAX_RUNNING_PER_HOST = 4
const MAX_QUEUED = 256
/** Connections that wait for one and the same fetch. */
const MAX_WAITERS = 1000
const MAX_FAILURES = 4096
const PAUSE_MS = 60_000
const MAX_PAUSE_MS = 3_600_000

interface Failure {
  until: number
  pauseMs: number
}

interface Job {
  key: string
  /** With its port. */
  host: string
  request: FetchRequest
  waiters: Set<FetchDone>
  call: Call | null
}

/**
 * The only way out to what certificates point at. However many certificates point wherever they like, it runs 24
 * fetches, queues 256, remembers 4096 failures, and asks who failed again after a minute, then two, up to an hour.
 */
export class Fetcher {
  readonly #deps: { reach: Reach; resolve: Resolve }
  readonly #now: () => number
  readonly #jobs = new Map<string, Job>()
  readonly #queue = new Set<Job>()
  readonly #perHost = new Map<string, number>()
  readonly #failures = new LRUCache<string, Failure>({ max: MAX_FAILURES })
  #running = 0

  constructor(options: FetchOptions) {
    this.#deps = {
      reach: new Reach(options.isOwn, options.networks ?? []),
      resolve: options.resolve ?? new SystemResolver().resolve,
    }
    this.#now = options.now ?? Date.now
  }

  /** A member, so that it can be handed on alone. */
  readonly fetch: Fetch = (request, done) => {
    const target = parseFetchUrl(request.url)
    if (typeof target === 'string') return refuse(done, target)
    const key = `${request.method} ${request.url} ${request.maxBytes} ${request.body?.toString('base64') ?? ''}`
    if (this.#isPaused(key) || this.#isPaused(target.authority)) return refuse(done, 'it failed a short while ago')
    let job = this.#jobs.get(key)
    if (job === undefined) {
      if (this.#queue.size >= MAX_QUEUED) return refuse(done, 'too many fetches wait')
      job = { key, host: target.authority, request, waiters: new Set(), call: null }
      this.#jobs.set(key, job)
      this.#queue.add(job)
    } else if (job.waiters.size >= MAX_WAITERS) return refuse(done, 'too many wait for this fetch')
    // A function of its own for each waiter: one callback may wait twice.
    const waiter: FetchDone = (error, body) => done(error, body)
    job.waiters.add(waiter)
    this.#startNext()
    return () => this.#leave(job, waiter)
  }

  get running(): number {
    return this.#running
  }

  get queued(): number {
    return this.#queue.size
  }

  #isPaused(key: string): boolean {
    const failure = this.#failures.get(key)
    return failure !== undefined && this.#now() < failure.until
  }

  #startNext(): void {
    for (const job of this.#queue) {
      if (this.#running >= MAX_RUNNING) return
      const onHost = this.#perHost.get(job.host) ?? 0
      if (onHost >= MAX_RUNNING_PER_HOST) continue
      this.#queue.delete(job)
      this.#running++
      this.#perHost.set(job.host, onHost + 1)
      job.call = new Call(job.request, this.#deps, (error, body, troubledHost) =>
        this.#onCallDone(job, error, body, troubledHost),
      )
      job.call.start()
    }
  }

  #onCallDone(job: Job, error: string | null, body: Buffer | null, troubledHost: string | null): void {
    this.#running--
    const onHost = this.#perHost.get(job.host)! - 1
    if (onHost === 0) this.#perHost.delete(job.host)
    else this.#perHost.set(job.host, onHost)
    this.#jobs.delete(job.key)
    if (error === null) {
      this.#failures.delete(job.key)
      this.#failures.delete(job.host)
    } else if (job.waiters.size > 0 && troubledHost !== null) {
      this.#pause(job.key)
      if (troubledHost !== '') this.#pause(troubledHost)
    }
    for (const waiter of job.waiters) waiter(error, body)
    this.#startNext()
  }

  #pause(key: string): void {
    const before = this.#failures.get(key)
    const pauseMs = before === undefined ? PAUSE_MS : Math.min(before.pauseMs * 2, MAX_PAUSE_MS)
    this.#failures.set(key, { until: this.#now() + pauseMs, pauseMs })
  }

  /** The last one to leave ends the fetch. */
  #leave(job: Job, waiter: FetchDone): void {
    if (!job.waiters.delete(waiter) || job.waiters.size > 0) return
    if (job.call !== null) job.call.cancel()
    else if (this.#queue.delete(job)) this.#jobs.delete(job.key)
  }
}

function refuse(done: FetchDone, why: string): () => void {
  done(why, null)
  return nothing
}

function nothing(): void {}
