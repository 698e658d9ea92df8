import { Worker } from 'node:worker_threads'
import type { FromStoreThread, StoreThreadData, ToStoreThread } from './protocol.ts'

export interface StoreOptions {
  file: string
  /** 0: for ever. */
  retentionDays: number
  /** 0: no limit. */
  maxBytes: number
  log: { info(message: string): void; warn(message: string): void; error(message: string): void }
  /** Batches that wait because the disk is slow, full or gone. */
  maxQueueBytes?: number
  /** Another file stands under the name now (damage, deletion): readers must open it again. */
  onReplaced?: () => void
}

export interface StoreStatus {
  rowsStored: number
  rowsDropped: number
  /** Rows not yet in the database. */
  queued: number
  /** '' when all is well. */
  error: string
  /** In use inside the database file. */
  bytes: number
}

interface Batch {
  bytes: Uint8Array
  rows: number
}

const MAX_QUEUE_BYTES = 64 << 20
/** Batches the thread holds: one being written, one next, so that it never waits for us. */
const IN_FLIGHT = 2
const RESTART_MS = 1000
const STOP_MS = 10_000

export function startStore(options: StoreOptions): Store {
  return new Store(options)
}

/** The supervisor's handle on the store thread. Never blocks, never throws; what it cannot keep it counts. */
export class Store {
  /** Resolves when the database has been opened for the first time (or could not be: see `status().error`). */
  readonly opened: Promise<void>
  private readonly options: StoreOptions
  private readonly queue: Batch[] = []
  /** Rows of the batches the thread has and has not answered for. */
  private readonly flying: number[] = []
  private queueBytes = 0
  private queueRows = 0
  private rowsStored = 0
  private rowsDropped = 0
  private error = ''
  private bytes = 0
  private thread: Worker | null = null
  private stopping: Promise<void> | null = null
  private stopped: () => void = () => {}
  private onOpened: () => void = () => {}
  private restartTimer: NodeJS.Timeout | null = null

  constructor(options: StoreOptions) {
    this.options = { ...options }
    this.opened = new Promise(resolve => {
      this.onOpened = resolve
    })
    this.start()
  }

  /** `batch`: rows as in core/log-batch.ts, given away. `dropped`: rows the sender had to drop before it. */
  write(batch: Uint8Array, rows: number, dropped: number): void {
    this.rowsDropped += dropped
    if (this.stopping !== null) {
      this.rowsDropped += rows
      return
    }
    this.queue.push({ bytes: ownBytes(batch), rows })
    this.queueBytes += batch.byteLength
    this.queueRows += rows
    while (this.queueBytes > (this.options.maxQueueBytes ?? MAX_QUEUE_BYTES)) this.dropOldest()
    this.pump()
  }

  status(): StoreStatus {
    let queued = this.queueRows
    for (const rows of this.flying) queued += rows
    return {
      rowsStored: this.rowsStored,
      rowsDropped: this.rowsDropped,
      queued,
      error: this.error,
      bytes: this.bytes,
    }
  }

  setRetention(days: number, maxBytes: number): void {
    this.options.retentionDays = days
    this.options.maxBytes = maxBytes
    this.send({ t: 'retention', limits: { days, maxBytes } })
  }

  /** Writes what is queued, closes the database, ends the thread. */
  stop(): Promise<void> {
    this.stopping ??= new Promise<void>(resolve => {
      this.stopped = resolve
      if (this.restartTimer !== null) clearTimeout(this.restartTimer)
      if (this.thread === null) {
        this.finish(0)
        return
      }
      for (const batch of this.queue) this.sendBatch(batch)
      this.clearQueue()
      this.send({ t: 'stop' })
      // A disk that hangs must not hang the shutdown.
      setTimeout(() => void this.thread?.terminate(), STOP_MS).unref()
    })
    return this.stopping
  }

  private start(): void {
    const { file, retentionDays, maxBytes } = this.options
    const workerData: StoreThreadData = { file, limits: { days: retentionDays, maxBytes } }
    const thread = new Worker(new URL('./thread.ts', import.meta.url), { workerData })
    this.thread = thread
    thread.on('message', (message: FromStoreThread) => this.receive(message))
    thread.on('error', (error: Error) => this.options.log.error(`The store thread failed: ${error.message}`))
    thread.on('exit', () => this.exited())
    this.pump()
  }

  private receive(message: FromStoreThread): void {
    if (message.t === 'done') {
      this.flying.shift()
      this.rowsStored += message.stored
      this.rowsDropped += message.lost
      this.bytes = message.bytes
      this.pump()
    } else if (message.t === 'error') {
      if (message.message !== '') this.options.log.error(`Log: ${message.message} Trying again; rows wait in memory.`)
      else if (this.error !== '') this.options.log.info('Log: the database can be written again.')
      this.error = message.message
    } else if (message.t === 'warn') this.options.log.warn(`Log: ${message.message}`)
    else if (message.t === 'replaced') this.options.onReplaced?.()
    else if (message.t === 'opened') this.onOpened()
    else this.finish(message.unwritten)
  }

  /** The thread is gone: what it held is lost and counted, what is queued here goes to its successor. */
  private exited(): void {
    this.thread = null
    for (const rows of this.flying) this.rowsDropped += rows
    this.flying.length = 0
    this.onOpened()
    if (this.stopping !== null) {
      this.finish(0)
      return
    }
    this.error = 'The store thread ended and is started again.'
    this.options.log.error(`Log: ${this.error}`)
    this.restartTimer = setTimeout(() => {
      this.error = ''
      this.start()
    }, RESTART_MS)
  }

  private finish(unwritten: number): void {
    this.rowsDropped += unwritten + this.queueRows
    this.clearQueue()
    this.flying.length = 0
    if (unwritten > 0) this.options.log.error(`Log: ${unwritten} rows could not be written before the end.`)
    this.stopped()
  }

  private pump(): void {
    while (this.thread !== null && this.flying.length < IN_FLIGHT && this.queue.length > 0) {
      const batch = this.queue.shift()!
      this.queueBytes -= batch.bytes.byteLength
      this.queueRows -= batch.rows
      this.sendBatch(batch)
    }
  }

  private sendBatch(batch: Batch): void {
    this.flying.push(batch.rows)
    this.thread?.postMessage({ t: 'batch', bytes: batch.bytes, rows: batch.rows } satisfies ToStoreThread, [
      batch.bytes.buffer as ArrayBuffer,
    ])
  }

  private send(message: ToStoreThread): void {
    this.thread?.postMessage(message)
  }

  private dropOldest(): void {
    const batch = this.queue.shift()!
    this.queueBytes -= batch.bytes.byteLength
    this.queueRows -= batch.rows
    this.rowsDropped += batch.rows
  }

  private clearQueue(): void {
    this.queue.length = 0
    this.queueBytes = 0
    this.queueRows = 0
  }
}

/** Bytes that can be given away: a Buffer may be a window into memory shared with others. */
function ownBytes(batch: Uint8Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = batch
  const whole = byteOffset === 0 && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer
  return whole ? new Uint8Array(buffer) : new Uint8Array(batch)
}
