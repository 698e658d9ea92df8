import { STATUS_CODES } from 'node:http'
import type { WeirError } from '../core/errors.ts'
import type { ClientStream, Exchange, LocalReply, ResponseHead } from '../core/exchange.ts'
import { type HeaderList, headerHas } from '../core/headers.ts'
import { exchangeRow } from './rows.ts'
import type { CacheEntry, Stations } from './stations.ts'

/** The client's half of an exchange: answers that are ours to give, and the one end with the one row. */
export abstract class Answering {
  protected readonly stations: Stations
  protected readonly ex: Exchange
  protected readonly client: ClientStream
  protected headSent = false
  protected over = false
  /** Bodies of our own that wait for the client to drain. */
  protected pending: Buffer[] | null = null

  constructor(stations: Stations, ex: Exchange, client: ClientStream) {
    this.stations = stations
    this.ex = ex
    this.client = client
  }

  protected finish(error: WeirError | null): void {
    if (this.over) return
    this.over = true
    if (error !== null && this.ex.error === null) this.ex.error = error
    if (this.ex.decision?.verdict === 'block') this.stations.counters.blocked++
    this.stations.emit(exchangeRow(this.ex, performance.now()))
  }

  protected replyFromCache(entry: CacheEntry): void {
    const answer = this.stations.cache!.answer(entry, this.ex.request, Date.now())
    this.stations.counters.cacheHits++
    this.stations.counters.bytesSaved += answer.body === null ? 0 : answer.bodyLength
    const head = makeHead(answer.status, answer.headers, answer.bodyLength)
    this.ex.response = head
    this.sendWhole(head, answer.body)
  }

  protected replyLocally(reply: LocalReply): void {
    this.ex.localReply = reply
    this.sendWhole(makeHead(reply.status, reply.headers, reply.body.length), [reply.body])
  }

  protected sendWhole(head: ResponseHead, body: Buffer[] | null): void {
    this.headSent = true
    this.client.head(head)
    if (body === null || this.ex.request.method === 'HEAD' || head.bodyLength === 0) {
      this.client.end(null)
      return
    }
    this.pending = body.slice()
    this.sendPending()
  }

  protected sendPending(): void {
    const pending = this.pending!
    while (pending.length > 0) {
      const chunk = pending.shift()!
      this.ex.responseBytes += chunk.length
      if (!this.client.data(chunk) && pending.length > 0) return
      if (this.pending === null) return // the client went away under the write
    }
    this.pending = null
    this.client.end(null)
  }
}

function makeHead(status: number, headers: HeaderList, bodyLength: number): ResponseHead {
  // RFC 9110 §6.6.1: an answer made here carries a Date; a stored one has its own
  if (!headerHas(headers, 'date')) headers.push('Date', new Date().toUTCString())
  return { status, reason: STATUS_CODES[status] ?? '', headers, version: 11, bodyLength }
}

export function plainReply(status: number, text: string): LocalReply {
  return {
    status,
    headers: ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store'],
    body: Buffer.from(text),
  }
}
