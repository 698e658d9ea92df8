import { Worker } from 'node:worker_threads'
import type { Summary } from '../store/answers.ts'
import { FilterError } from '../store/filter-language.ts'
import type { Listing, LivePart } from '../store/queries.ts'
import type { TlsUse } from '../store/tls-summary.ts'
import type { SummaryRange, TrafficDetail, TrafficPage } from './api.ts'

/** The questions of the reader thread: method → what is sent and what comes back. */
export interface ReaderCalls {
  lastId: { params: null; answer: number }
  page: { params: { listing: Listing; q: string; before: number | null; limit: number }; answer: TrafficPage }
  live: { params: { q: string; after: number }; answer: LivePart }
  detail: { params: { id: number }; answer: TrafficDetail | null }
  summary: { params: { range: SummaryRange; now: number }; answer: Summary }
  tlsUse: { params: { since: number }; answer: TlsUse }
}

export interface ToReader {
  id: number
  method: keyof ReaderCalls
  params: unknown
}

export type FromReader =
  | { t: 'opened' }
  | { t: 'answer'; id: number; ok: boolean; value: unknown; filter: boolean; error: string }

/** The database cannot be asked now. */
export class ReaderError extends Error {
  override name = 'ReaderError'
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

const TIMEOUT_MS = 10_000
const MAX_WAITING = 200

/** The admin's handle on its reader thread. */
export class Reader {
  /** Resolves when the thread has opened the database, or found that it cannot yet. */
  readonly opened: Promise<void>
  private readonly thread: Worker
  private readonly waiting = new Map<number, Waiting>()
  private lastCall = 0
  private gone = false

  /** `onGone`: the thread ended by itself; without rights it may not be startable again, so the process should end. */
  constructor(file: string, onGone: () => void) {
    this.thread = new Worker(new URL('./reader-thread.ts', import.meta.url), { workerData: { file } })
    this.opened = new Promise(resolve => {
      this.thread.on('message', (message: FromReader) => {
        if (message.t === 'opened') resolve()
        else this.receive(message)
      })
      this.thread.on('exit', () => {
        const asked = this.gone
        this.fail()
        resolve()
        if (!asked) onGone()
      })
    })
    this.thread.on('error', () => {})
  }

  call<M extends keyof ReaderCalls>(method: M, params: ReaderCalls[M]['params']): Promise<ReaderCalls[M]['answer']> {
    if (this.gone) return Promise.reject(new ReaderError('The reader thread is gone.'))
    if (this.waiting.size >= MAX_WAITING) return Promise.reject(new ReaderError('Too many questions wait.'))
    const id = ++this.lastCall
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id)
        reject(new ReaderError('The database did not answer in time.'))
      }, TIMEOUT_MS)
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, timer })
      this.thread.postMessage({ id, method, params } satisfies ToReader)
    })
  }

  async close(): Promise<void> {
    this.gone = true
    await this.thread.terminate()
  }

  private receive(message: FromReader & { t: 'answer' }): void {
    const waiting = this.waiting.get(message.id)
    if (waiting === undefined) return
    this.waiting.delete(message.id)
    clearTimeout(waiting.timer)
    if (message.ok) waiting.resolve(message.value)
    else waiting.reject(message.filter ? new FilterError(message.error) : new ReaderError(message.error))
  }

  private fail(): void {
    this.gone = true
    for (const waiting of this.waiting.values()) {
      clearTimeout(waiting.timer)
      waiting.reject(new ReaderError('The reader thread ended.'))
    }
    this.waiting.clear()
  }
}
