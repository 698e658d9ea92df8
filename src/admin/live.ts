import type { BoxStatus } from '../core/ipc.ts'
import { parseFilter } from '../store/filter-language.ts'
import type { LivePart } from '../store/queries.ts'
import type { LiveCounters, LiveGap, LiveHello, LiveRows } from './api.ts'
import type { Reader } from './reader.ts'

export interface LiveOptions {
  reader: Pick<Reader, 'call'>
  /** Id of the UI that is installed. */
  build: string
  maxStreams: number
  pollMs: number
  heartbeatMs: number
}

/** Bytes that may wait for one browser. Rows beyond wait in the database, and become a `gap` if they are too many. */
const STREAM_BYTES = 256 << 10
/** A browser that took nothing for so long is gone, whatever its connection says. */
const STUCK_MS = 60_000

const encoder = new TextEncoder()

interface Stream {
  q: string
  after: number
  controller: ReadableStreamDefaultController<Uint8Array>
  /** Is the sign-in that opened it still good. */
  stillAllowed(): Promise<boolean>
  /** Since when the browser takes nothing; 0: it does. */
  stuckSince: number
}

/**
 * Server-sent events over our own ReadableStream. The database is the queue: the newest id is looked at while somebody
 * listens, each stream asks for what is new to its filter, and one that is slow just asks later.
 */
export class LiveHub {
  private readonly options: LiveOptions
  private readonly streams = new Set<Stream>()
  private pollTimer: NodeJS.Timeout | null = null
  private heartbeatTimer: NodeJS.Timeout | null = null
  private polling = false
  private previous: BoxStatus | null = null

  constructor(options: LiveOptions) {
    this.options = options
  }

  size(): number {
    return this.streams.size
  }

  /** null: too many streams. `after`: id of the last row the browser has; null: begin now. Throws FilterError. */
  async open(q: string, after: number | null, stillAllowed: () => Promise<boolean>): Promise<Response | null> {
    parseFilter(q)
    const lastId = await this.options.reader.call('lastId', null)
    if (this.streams.size >= this.options.maxStreams) return null
    let stream: Stream
    const body = new ReadableStream<Uint8Array>(
      {
        start: controller => {
          stream = { q, after: after ?? lastId, controller, stillAllowed, stuckSince: 0 }
          const hello: LiveHello = { build: this.options.build, time: Date.now(), lastId: stream.after }
          send(stream, 'hello', hello, `retry: 2000\nid: ${stream.after}\n`)
          this.add(stream)
        },
        cancel: () => this.remove(stream),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: STREAM_BYTES }),
    )
    return new Response(body, {
      // no-transform: a proxy in between that compresses would hold events back.
      headers: {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store, no-transform',
        'X-Accel-Buffering': 'no',
      },
    })
  }

  /** Each second, with what the supervisor reports. */
  counters(status: BoxStatus): void {
    const counters = rates(this.previous, status)
    this.previous = status
    for (const stream of this.streams) if (hasRoom(stream)) send(stream, 'counters', counters, `id: ${stream.after}\n`)
  }

  closeAll(): void {
    for (const stream of this.streams) this.end(stream)
  }

  private add(stream: Stream): void {
    this.streams.add(stream)
    this.pollTimer ??= setInterval(() => void this.poll(), this.options.pollMs)
    this.heartbeatTimer ??= setInterval(() => this.heartbeat(), this.options.heartbeatMs)
  }

  private remove(stream: Stream): void {
    this.streams.delete(stream)
    if (this.streams.size > 0 || this.pollTimer === null || this.heartbeatTimer === null) return
    clearInterval(this.pollTimer)
    clearInterval(this.heartbeatTimer)
    this.pollTimer = null
    this.heartbeatTimer = null
  }

  private end(stream: Stream): void {
    this.remove(stream)
    stream.controller.close()
  }

  /** One question for the newest id; then one for each filter and place that somebody is at. */
  private async poll(): Promise<void> {
    if (this.polling) return
    this.polling = true
    try {
      const lastId = await this.options.reader.call('lastId', null)
      const groups = new Map<string, Stream[]>()
      for (const stream of this.streams) {
        if (stream.after === lastId || !hasRoom(stream)) continue
        const key = `${stream.after} ${stream.q}`
        const group = groups.get(key)
        if (group === undefined) groups.set(key, [stream])
        else group.push(stream)
      }
      for (const group of groups.values()) {
        const { q, after } = group[0]!
        const part = await this.options.reader.call('live', { q, after })
        for (const stream of group) if (this.streams.has(stream)) deliver(stream, part)
      }
    } catch {
      // The database cannot be read now: `after` stays, so nothing is lost; the pages tell people.
    } finally {
      this.polling = false
    }
  }

  private heartbeat(): void {
    const now = Date.now()
    for (const stream of this.streams) {
      if (hasRoom(stream)) {
        stream.stuckSince = 0
        // A comment: keeps middle boxes from closing the connection, and finds out about dead ones.
        stream.controller.enqueue(encoder.encode(':\n\n'))
      } else if (stream.stuckSince === 0) stream.stuckSince = now
      else if (now - stream.stuckSince >= STUCK_MS) {
        this.end(stream)
        continue
      }
      this.endIfSignedOut(stream)
    }
  }

  private endIfSignedOut(stream: Stream): void {
    stream.stillAllowed().then(
      allowed => {
        if (!allowed && this.streams.has(stream)) this.end(stream)
      },
      // The supervisor does not answer: the next heartbeat asks again.
      () => {},
    )
  }
}

function deliver(stream: Stream, part: LivePart): void {
  stream.after = part.lastId
  if (part.missed > 0) send(stream, 'gap', { missed: part.missed } satisfies LiveGap, '')
  if (part.rows.length > 0) send(stream, 'row', part.rows satisfies LiveRows, `id: ${part.lastId}\n`)
}

function hasRoom(stream: Stream): boolean {
  return (stream.controller.desiredSize ?? 0) > 0
}

function send(stream: Stream, event: string, data: unknown, more: string): void {
  stream.controller.enqueue(encoder.encode(`event: ${event}\n${more}data: ${JSON.stringify(data)}\n\n`))
}

/** Differences between two reports, per second. A worker that was started again begins at 0: never below that. */
export function rates(before: BoxStatus | null, now: BoxStatus): LiveCounters {
  const seconds = before === null ? 0 : (now.time - before.time) / 1000
  const rate = (pick: (worker: BoxStatus['workers'][number]) => number): number => {
    if (before === null || seconds <= 0) return 0
    return Math.max(0, Math.round((sum(now, pick) - sum(before, pick)) / seconds))
  }
  return {
    time: now.time,
    connections: sum(now, w => w.counters.connections),
    requestsPerSecond: rate(w => w.counters.exchangesTotal),
    connectionsPerSecond: rate(w => w.counters.connectionsTotal),
    blockedPerSecond: rate(w => w.counters.blockedTotal),
    cacheHitsPerSecond: rate(w => w.counters.cacheHits),
    rowsDropped: now.log.rowsDropped,
    loopLagMs: now.workers.reduce((most, w) => Math.max(most, w.counters.loopLagMs), 0),
  }
}

function sum(status: BoxStatus, pick: (worker: BoxStatus['workers'][number]) => number): number {
  return status.workers.reduce((total, worker) => total + pick(worker), 0)
}
