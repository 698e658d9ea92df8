import { batch, signal } from '@preact/signals'
import type { TrafficPage, TrafficRow } from '../../../src/admin/api.ts'
import { get, isAbort } from './api.ts'
import { appendOlder, mergeNewer } from './rows.ts'
import { LiveStream } from './stream.ts'

/** Rows kept on the page; the log itself stays on the gateway. */
export const RING = 10_000
const PAGE = 200
/** A rare filter is searched in steps; so many are taken by themselves until something can be shown. */
const MAX_STEPS = 8
const ENOUGH = 40

export type Loading = '' | 'first' | 'older'

/** The live log of one page visit: history from pages, news from the stream, both under one filter. */
export class Traffic {
  readonly rows = signal<TrafficRow[]>([])
  /** News held back while paused or scrolled away. */
  readonly pending = signal<TrafficRow[]>([])
  readonly total = signal(0)
  readonly exact = signal(true)
  readonly tookMs = signal(0)
  readonly loading = signal<Loading>('first')
  readonly error = signal<unknown>(null)
  readonly missed = signal(0)
  readonly paused = signal(false)
  readonly next = signal<number | null>(null)
  /** The table is not at its top: rows put in front would move what is being read. */
  away = false
  #query = ''
  #abort = new AbortController()
  #stream: LiveStream | null = null

  /** Shows another filter; what was shown stays until the answer is there. */
  async load(query: string): Promise<void> {
    this.close()
    this.#query = query
    this.#abort = new AbortController()
    const { signal: stop } = this.#abort
    this.loading.value = 'first'
    try {
      const page = await this.#page(null, stop)
      batch(() => {
        this.rows.value = page.rows
        this.pending.value = []
        this.total.value = page.total
        this.exact.value = page.exact
        this.tookMs.value = page.tookMs
        this.next.value = page.next
        this.missed.value = 0
        this.error.value = null
        this.loading.value = ''
      })
      this.#listen(page.rows[0]?.id ?? 0)
      await this.#search(stop)
    } catch (error) {
      this.#failed(error)
    }
  }

  async older(): Promise<void> {
    if (this.loading.value !== '' || this.next.value === null || this.rows.value.length >= RING) return
    try {
      await this.#older(this.#abort.signal)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Puts what was held back in front. */
  flush(): void {
    batch(() => {
      this.rows.value = mergeNewer(this.rows.value, this.pending.value, RING)
      this.pending.value = []
    })
  }

  close(): void {
    this.#abort.abort()
    this.#stream?.close()
    this.#stream = null
  }

  #page(before: number | null, stop: AbortSignal): Promise<TrafficPage> {
    const params = new URLSearchParams({ limit: String(PAGE) })
    if (this.#query !== '') params.set('q', this.#query)
    if (before !== null) params.set('before', String(before))
    return get<TrafficPage>(`/traffic?${params}`, stop)
  }

  async #older(stop: AbortSignal): Promise<void> {
    this.loading.value = 'older'
    const page = await this.#page(this.next.value, stop)
    batch(() => {
      this.rows.value = appendOlder(this.rows.value, page.rows, RING)
      this.next.value = page.next
      this.loading.value = ''
    })
  }

  async #search(stop: AbortSignal): Promise<void> {
    for (let i = 0; i < MAX_STEPS && this.rows.value.length < ENOUGH && this.next.value !== null; i++)
      await this.#older(stop)
  }

  #failed(error: unknown): void {
    if (isAbort(error)) return
    this.error.value = error
    this.loading.value = ''
  }

  #listen(lastId: number): void {
    this.#stream = new LiveStream(this.#query, lastId, {
      rows: rows => this.#arrived(rows),
      gap: missed => {
        this.missed.value += missed
      },
    })
  }

  #arrived(rows: TrafficRow[]): void {
    batch(() => {
      this.total.value += rows.length
      if (this.paused.value || this.away) this.pending.value = mergeNewer(this.pending.value, rows, RING)
      else this.rows.value = mergeNewer(this.rows.value, rows, RING)
    })
  }
}
