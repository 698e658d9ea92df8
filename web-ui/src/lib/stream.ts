import { signal } from '@preact/signals'
import type { LiveCounters, LiveGap, LiveHello, LiveRows } from '../../../src/admin/api.ts'
import { loadSession } from './session.ts'
import { readEvents, type SseEvent } from './sse.ts'

export type StreamState = 'connecting' | 'live' | 'lost' | 'hidden'

export const streamState = signal<StreamState>('connecting')
export const counters = signal<LiveCounters | null>(null)
/** The first build the server spoke of has been replaced: a new UI is installed. */
export const updated = signal(false)
let build: string | null = null

/** A filter that no row passes: for pages that want the counters only. */
export const COUNTERS_ONLY = 'kind:exchange -kind:exchange'

export interface StreamEvents {
  rows(rows: LiveRows): void
  gap(missed: number): void
}

/** Counters come each second, and a comment each 15 s even if the supervisor is silent: then the stream is lost. */
const SILENT_MS = 20_000
const RETRY_MS = [500, 1000, 2000, 5000, 10_000]

/**
 * The live stream of one tab. Closed while the tab is hidden, because browsers allow six HTTP/1.1 connections to a
 * host and the seventh open tab would hang; opened again where it ended, by Last-Event-ID.
 */
export class LiveStream {
  readonly #query: string
  readonly #events: StreamEvents
  #abort: AbortController | null = null
  #lastId: string
  #heardAt = 0
  #tries = 0
  #timer = 0
  readonly #watch: number
  readonly #onVisibility = (): void => {
    if (document.hidden) this.#rest()
    else this.#open()
  }

  /** `lastId`: the newest row already on the page, so that nothing between its loading and the stream is missed; 0: none. */
  constructor(query: string, lastId: number, events: StreamEvents) {
    this.#query = query
    this.#events = events
    this.#lastId = lastId > 0 ? String(lastId) : ''
    document.addEventListener('visibilitychange', this.#onVisibility)
    this.#watch = window.setInterval(() => {
      if (this.#abort !== null && Date.now() - this.#heardAt > SILENT_MS) this.#failed()
    }, 2000)
    if (document.hidden) streamState.value = 'hidden'
    else this.#open()
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.#onVisibility)
    clearInterval(this.#watch)
    this.#drop()
  }

  #drop(): void {
    clearTimeout(this.#timer)
    const abort = this.#abort
    this.#abort = null
    abort?.abort()
  }

  #rest(): void {
    this.#drop()
    streamState.value = 'hidden'
  }

  #open(): void {
    this.#drop()
    if (streamState.value !== 'lost') streamState.value = 'connecting'
    const abort = new AbortController()
    this.#abort = abort
    this.#heardAt = Date.now()
    const end = (): void => {
      if (this.#abort === abort) this.#failed()
    }
    this.#read(abort).then(end, end)
  }

  async #read(abort: AbortController): Promise<void> {
    const query = this.#query === '' ? '' : `?q=${encodeURIComponent(this.#query)}`
    const headers: Record<string, string> = { accept: 'text/event-stream' }
    if (this.#lastId !== '') headers['last-event-id'] = this.#lastId
    const response = await fetch(`/api/v1/live${query}`, { headers, signal: abort.signal, cache: 'no-store' })
    if (response.status === 401) await loadSession()
    if (!response.ok || response.body === null) return
    this.#tries = 0
    streamState.value = 'live'
    const alive = (): void => {
      this.#heardAt = Date.now()
    }
    await readEvents(response.body, alive, event => {
      if (this.#abort === abort) this.#take(event)
    })
  }

  #take(event: SseEvent): void {
    if (event.id !== '') this.#lastId = event.id
    if (event.event === 'row') this.#events.rows(JSON.parse(event.data) as LiveRows)
    else if (event.event === 'counters') counters.value = JSON.parse(event.data) as LiveCounters
    else if (event.event === 'gap') this.#events.gap((JSON.parse(event.data) as LiveGap).missed)
    else if (event.event === 'hello') this.#hello(JSON.parse(event.data) as LiveHello)
  }

  #hello(hello: LiveHello): void {
    if (this.#lastId === '') this.#lastId = String(hello.lastId)
    build ??= hello.build
    if (build !== hello.build) updated.value = true
  }

  #failed(): void {
    this.#drop()
    streamState.value = 'lost'
    const wait = RETRY_MS[Math.min(this.#tries++, RETRY_MS.length - 1)]!
    this.#timer = window.setTimeout(() => this.#open(), wait)
  }
}
