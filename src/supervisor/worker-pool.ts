import type { ChildProcess } from 'node:child_process'
import type { Logger } from 'pino'
import { UserError } from '../core/errors.ts'
import type { FromWorker, ToWorker, WorkerCounters, WorkerInit, WorkerStatus } from '../core/ipc.ts'
import { forkSafely } from './fork.ts'

/** gc: see worker/buffer-sweep.ts. */
const WORKER_FLAGS = ['--expose-gc']
const WORKER_FILE = new URL('../worker.ts', import.meta.url).pathname
/** A worker that dies sooner than this after its start is not started again at once. */
const QUICK_DEATH_MS = 2000
const MAX_BACKOFF_MS = 5000
/** So many deaths in a row before it ever accepted: it will not get better by itself. */
const HOPELESS_DEATHS = 3
/** Counters come each second; a worker silent for so long hangs and is replaced. */
const SILENCE_MS = 15_000

export interface WorkerPoolOptions {
  count: number
  /** Path of the worker's root module. */
  file?: string
  /** The listening sockets of worker `id`, kept open here so that no connection is refused while it is replaced. */
  descriptors(id: number): number[]
  init(id: number): WorkerInit
  onMessage(message: FromWorker, reply: (message: ToWorker) => void): void
  /** Number of workers that accept, whenever it changes. */
  onReady(ready: number): void
  log: Logger
}

interface Slot {
  id: number
  child: ChildProcess | null
  status: WorkerStatus
  quickDeaths: number
  heardAt: number
  timer: NodeJS.Timeout | null
  wasReady: boolean
}

/** Keeps N workers alive on the same sockets. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #slots: Slot[] = []
  readonly #watch: NodeJS.Timeout
  #stopping = false
  readonly #allReady = Promise.withResolvers<void>()
  #onGone: (() => void) | null = null
  /** Resolves when every worker has accepted once; rejects with a UserError when one never gets there. */
  readonly allReady: Promise<void>

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.allReady = this.#allReady.promise
    this.allReady.catch(() => {}) // it may come while nobody waits: in the middle of a stop
    for (let id = 0; id < options.count; id++) this.#slots.push(newSlot(id))
    for (const slot of this.#slots) this.#start(slot)
    this.#watch = setInterval(() => this.#replaceSilent(), 1000)
  }

  statuses(): WorkerStatus[] {
    return this.#slots.map(slot => slot.status)
  }

  ready(): number {
    return this.#slots.filter(slot => slot.status.state === 'ready').length
  }

  /** Answers how many workers were told. */
  broadcast(message: ToWorker): number {
    const alive = this.#slots.filter(slot => slot.child !== null)
    for (const slot of alive) send(slot.child, message)
    return alive.length
  }

  /** Lets running exchanges finish, for at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    clearInterval(this.#watch)
    for (const slot of this.#slots) {
      if (slot.timer !== null) clearTimeout(slot.timer)
      // One that does not accept yet has nothing to finish, and may not hear us
      if (slot.status.state === 'starting') slot.child?.kill('SIGKILL')
      if (slot.child !== null) slot.status.state = 'draining'
    }
    this.broadcast({ t: 'drain' })
    const gone = new Promise<void>(resolve => {
      this.#onGone = resolve
      this.#checkGone()
    })
    const kill = setTimeout(() => {
      for (const slot of this.#slots) slot.child?.kill('SIGKILL')
    }, graceMs)
    await gone
    clearTimeout(kill)
  }

  #start(slot: Slot): void {
    slot.timer = null
    slot.heardAt = Date.now()
    Object.assign(slot.status, { pid: 0, state: 'starting', startedAt: Date.now() })
    const child = forkSafely(this.#options.file ?? WORKER_FILE, {
      execArgv: WORKER_FLAGS,
      stdio: ['ignore', 2, 2, 'ipc', ...this.#options.descriptors(slot.id)],
      serialization: 'advanced',
    })
    if (child instanceof Error) {
      this.#notStarted(slot, null, child)
      return
    }
    slot.child = child
    slot.status.pid = child.pid ?? 0
    child.on('message', message => this.#heard(slot, child, message as FromWorker))
    child.on('error', error => {
      if (child.pid === undefined) this.#notStarted(slot, child, error) // no 'exit' follows
    })
    child.on('exit', (code, signal) => this.#died(slot, child, signal ?? `exit status ${code}`))
    send(child, { t: 'init', init: this.#options.init(slot.id) })
  }

  /** No memory, no descriptors, too many processes. */
  #notStarted(slot: Slot, child: ChildProcess | null, error: Error): void {
    this.#options.log.error({ worker: slot.id, err: error }, 'worker could not be started')
    this.#died(slot, child, error.message)
  }

  #heard(slot: Slot, child: ChildProcess, message: FromWorker): void {
    if (message?.t !== 'ready' && message?.t !== 'counters') {
      // Also the last words of one that is dead already: its log rows count
      this.#pass(slot, child, message)
      return
    }
    if (slot.child !== child) return
    slot.heardAt = Date.now()
    if (message.t === 'ready') {
      slot.status.state = 'ready'
      slot.wasReady = true
      this.#options.onReady(this.ready())
      if (this.#slots.every(each => each.wasReady)) this.#allReady.resolve()
    } else {
      slot.status.counters = message.counters
    }
  }

  /** A worker may be in a stranger's hands: what cannot be understood ends it, not us. */
  #pass(slot: Slot, child: ChildProcess, message: FromWorker): void {
    try {
      this.#options.onMessage(message, reply => send(child, reply))
    } catch (error) {
      this.#options.log.error({ worker: slot.id, err: error }, 'worker says what makes no sense and is killed')
      child.kill('SIGKILL')
    }
  }

  #died(slot: Slot, child: ChildProcess | null, how: string): void {
    if (slot.child !== child) return
    slot.child = null
    slot.status.state = 'dead'
    this.#options.onReady(this.ready())
    if (this.#stopping) {
      this.#checkGone()
      return
    }
    const lived = Date.now() - slot.status.startedAt
    slot.quickDeaths = lived < QUICK_DEATH_MS || !slot.wasReady ? slot.quickDeaths + 1 : 0
    if (!slot.wasReady && slot.quickDeaths >= HOPELESS_DEATHS) this.#allReady.reject(hopeless(how))
    slot.status.restarts++
    const delay = slot.quickDeaths < 2 ? 0 : Math.min(100 * 2 ** slot.quickDeaths, MAX_BACKOFF_MS)
    this.#options.log.warn({ worker: slot.id, how, lived, delay }, 'worker died and is replaced')
    slot.timer = setTimeout(() => this.#start(slot), delay)
  }

  #replaceSilent(): void {
    const limit = Date.now() - SILENCE_MS
    for (const slot of this.#slots) {
      if (slot.child === null || slot.heardAt > limit) continue
      this.#options.log.error({ worker: slot.id }, 'worker does not answer and is killed')
      slot.child.kill('SIGKILL')
    }
  }

  #checkGone(): void {
    if (this.#slots.every(slot => slot.child === null)) this.#onGone?.()
  }
}

function send(child: ChildProcess | null, message: ToWorker): void {
  // The callback takes the error of a worker that died meanwhile; its exit is handled elsewhere
  if (child?.connected) child.send(message, () => {})
}

function hopeless(how: string): UserError {
  return new UserError(
    `A worker ended ${HOPELESS_DEATHS} times before it could accept connections (${how}): the lines above say why.`,
  )
}

function newSlot(id: number): Slot {
  return {
    id,
    child: null,
    status: { id, pid: 0, state: 'starting', restarts: 0, startedAt: 0, counters: NO_COUNTERS },
    quickDeaths: 0,
    heardAt: 0,
    timer: null,
    wasReady: false,
  }
}

const NO_COUNTERS: WorkerCounters = Object.freeze({
  connections: 0,
  connectionsTotal: 0,
  exchangesTotal: 0,
  blockedTotal: 0,
  splicedTotal: 0,
  inspectedTotal: 0,
  cacheHits: 0,
  cacheBytes: 0,
  bytesSaved: 0,
  logDropped: 0,
  loopLagMs: 0,
  rssBytes: 0,
})
