import { type ChildProcess, fork } from 'node:child_process'
import type { Logger } from 'pino'
import type { FromWorker, ToWorker, WorkerCounters, WorkerInit, WorkerStatus } from '../core/ipc.ts'

/** gc: see worker/buffer-sweep.ts. */
const WORKER_FLAGS = ['--expose-gc']
const WORKER_FILE = new URL('../worker.ts', import.meta.url).pathname
/** A worker that dies sooner than this after its start is not started again at once. */
const QUICK_DEATH_MS = 2000
const MAX_BACKOFF_MS = 5000
/** Counters come each second; a worker silent for so long hangs and is replaced. */
const SILENCE_MS = 15_000

export interface WorkerPoolOptions {
  count: number
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
}

/** Keeps N workers alive on the same sockets. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #slots: Slot[] = []
  readonly #watch: NodeJS.Timeout
  #stopping = false
  #onGone: (() => void) | null = null

  constructor(options: WorkerPoolOptions) {
    this.#options = options
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
    const child = fork(WORKER_FILE, [], {
      execArgv: WORKER_FLAGS,
      stdio: ['ignore', 2, 2, 'ipc', ...this.#options.descriptors(slot.id)],
      serialization: 'advanced',
    })
    slot.child = child
    slot.heardAt = Date.now()
    Object.assign(slot.status, { pid: child.pid ?? 0, state: 'starting', startedAt: Date.now() })
    child.on('message', message => this.#heard(slot, child, message as FromWorker))
    child.on('error', error => this.#options.log.error({ worker: slot.id, err: error }, 'worker could not be started'))
    child.on('exit', (code, signal) => this.#died(slot, child, code, signal))
    send(child, { t: 'init', init: this.#options.init(slot.id) })
  }

  #heard(slot: Slot, child: ChildProcess, message: FromWorker): void {
    slot.heardAt = Date.now()
    if (message.t === 'ready') {
      slot.status.state = 'ready'
      this.#options.onReady(this.ready())
    } else if (message.t === 'counters') {
      slot.status.counters = message.counters
    } else {
      this.#options.onMessage(message, reply => send(child, reply))
    }
  }

  #died(slot: Slot, child: ChildProcess, code: number | null, signal: string | null): void {
    if (slot.child !== child) return
    slot.child = null
    slot.status.state = 'dead'
    this.#options.onReady(this.ready())
    if (this.#stopping) {
      this.#checkGone()
      return
    }
    const lived = Date.now() - slot.status.startedAt
    slot.quickDeaths = lived < QUICK_DEATH_MS ? slot.quickDeaths + 1 : 0
    slot.status.restarts++
    const delay = slot.quickDeaths < 2 ? 0 : Math.min(100 * 2 ** slot.quickDeaths, MAX_BACKOFF_MS)
    this.#options.log.warn({ worker: slot.id, code, signal, lived, delay }, 'worker died and is replaced')
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

function newSlot(id: number): Slot {
  return {
    id,
    child: null,
    status: { id, pid: 0, state: 'starting', restarts: 0, startedAt: 0, counters: NO_COUNTERS },
    quickDeaths: 0,
    heardAt: 0,
    timer: null,
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
