import http2, { type ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { clock, type Watcher } from '../../core/clock.ts'
import type { RequestHead, UpstreamConn, UpstreamEvents, UpstreamInfo, UpstreamStream } from '../../core/exchange.ts'
import type { HttpLimits } from '../limits.ts'
import { clientOptions, MAX_CANCELS, upstreamConnectionWindow, upstreamStreams, upstreamWindow } from './settings.ts'
import { H2Exchange, type StreamHome } from './upstream-stream.ts'

/** Speaks HTTP/2 on a connected socket (a verified TLSSocket that chose h2, or a plain one): many exchanges at once. */
export function connectH2(socket: Socket, info: UpstreamInfo, limits: HttpLimits): UpstreamConn {
  return new H2Upstream(socket, info, limits)
}

class H2Upstream implements UpstreamConn, StreamHome, Watcher {
  readonly version = 20
  readonly info: UpstreamInfo
  readonly limits: HttpLimits
  readonly session: ClientHttp2Session
  lastStreamId = Number.POSITIVE_INFINITY
  onAvailable: (() => void) | null = null
  onClosed: (() => void) | null = null
  readonly #socket: Socket
  readonly #streams = new Set<H2Exchange>()
  readonly #ownMax: number
  #max: number
  #sent = 0
  #cancels = 0
  /** Takes nothing new; closed once nothing runs on it. */
  #retired = false
  /** By the clock, since when it should be gone: closing, and nothing runs; -1 else. */
  #goneSince = -1
  #closed = false

  constructor(socket: Socket, info: UpstreamInfo, limits: HttpLimits) {
    this.#socket = socket
    this.info = info
    this.limits = limits
    const window = upstreamWindow(info.connectMs)
    this.#ownMax = upstreamStreams(window)
    this.#max = this.#ownMax
    const options = { ...clientOptions(limits, window), createConnection: () => socket }
    // Scheme and authority come with each request; node only wants some URL here.
    this.session = http2.connect('http://origin.invalid', options)
    this.session.setLocalWindowSize(upstreamConnectionWindow)
    this.session.on('remoteSettings', settings => this.#onSettings(settings.maxConcurrentStreams))
    this.session.on('goaway', (_code, lastStreamId) => {
      this.lastStreamId = lastStreamId
    })
    this.session.on('error', () => {}) // each stream tells its exchange; 'close' tells the pool
    this.session.on('close', () => this.#onClose())
    socket.on('end', () => this.#onEnd())
    clock.watch(this)
    if (!socket.destroyed) return
    this.session.destroy() // and no 'close' comes, as the socket's is over
    process.nextTick(() => this.#onClose())
  }

  capacity(): number {
    if (this.#retired || this.session.closed || this.session.destroyed) return 0
    return Math.max(0, this.#max - this.#streams.size)
  }

  send(head: RequestHead, events: UpstreamEvents): UpstreamStream {
    this.#sent++
    const stream = new H2Exchange(this, head, events)
    this.#streams.add(stream)
    return stream
  }

  reused(): boolean {
    return this.#sent > 1
  }

  close(): void {
    this.session.close()
  }

  destroy(): void {
    this.session.destroy()
    this.#socket.destroy()
  }

  cause(): Error | null {
    return this.#socket.errored
  }

  onStreamGone(stream: H2Exchange): void {
    if (this.#streams.delete(stream)) this.onAvailable?.()
  }

  onCancel(): void {
    if (++this.#cancels === MAX_CANCELS) this.retire()
  }

  retire(): void {
    this.#retired = true
  }

  onTick(now: number): void {
    for (const stream of this.#streams) stream.onTick()
    if (this.#retired && this.#streams.size === 0 && !this.session.closed) this.session.close()
    if (this.#streams.size > 0 || !(this.session.closed || this.session.destroyed)) return
    if (this.#goneSince === -1) this.#goneSince = now
    else if (clock.passed(this.#goneSince, this.limits.lingerMs)) this.destroy() // node waits for the peer's FIN for ever
  }

  #onSettings(peerMax: number | undefined): void {
    const before = this.#max
    this.#max = Math.min(this.#ownMax, peerMax ?? this.#ownMax)
    if (this.#max > before) this.onAvailable?.()
  }

  /** Sockets here may be half-open, and then node would keep the session, and give it new requests that nobody hears. */
  #onEnd(): void {
    this.session.close()
    for (const stream of this.#streams) stream.originEnded()
  }

  #onClose(): void {
    if (this.#closed) return
    this.#closed = true
    clock.unwatch(this)
    for (const stream of this.#streams) stream.gone()
    this.onClosed?.()
  }
}
