import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { clock, type Watcher } from '../../core/clock.ts'
import type { Conn } from '../../core/conn.ts'
import { type ErrorCode, WeirError } from '../../core/errors.ts'
import {
  type ClientEvents,
  type ClientStream,
  Exchange,
  type LocalReply,
  type RequestHead,
} from '../../core/exchange.ts'
import type { HttpLimits } from '../limits.ts'
import { fieldBytes, responseFields } from './fields.ts'
import { readRequest, refusal } from './request.ts'
import { ServerStream, type ServerStreamHome, WHOLE, WITH_BODY } from './server-stream.ts'
import { clientConnectionWindow, OFFENCE_BURST, OFFENCES_PER_S, serverOptions } from './settings.ts'

export interface ServeH2Options {
  conn: Conn
  /** A TLSSocket that chose h2, or a plain socket whose first bytes (the preface) were pushed back. */
  socket: Socket
  scheme: 'http' | 'https'
  limits: HttpLimits
  /** Milliseconds since the epoch. */
  now(): number
  onRequest(ex: Exchange, stream: ClientStream): ClientEvents
  /** A request that never becomes an exchange. The answer, or null to reset the stream. */
  onRefused(error: WeirError, partial: RequestHead | null): LocalReply | null
  onClosed(error: WeirError | null): void
}

/** Carries one client's HTTP/2 connection to its end. */
export function serveH2(options: ServeH2Options): { drain(): void; destroy(): void } {
  if (!options.socket.destroyed) return new H2Server(options)
  process.nextTick(options.onClosed, new WeirError('client-gone'))
  return { drain() {}, destroy() {} }
}

class H2Server implements Watcher, ServerStreamHome {
  readonly limits: HttpLimits
  readonly #options: ServeH2Options
  readonly #session: ServerHttp2Session
  readonly #streams = new Set<ServerStream>()
  /** By the clock, since when nothing runs; -1 while something does. */
  #idleSince = clock.now
  #served = false
  /** By the clock, when the connection was told to end; -1 before. */
  #endingSince = -1
  #error: WeirError | null = null
  /** A bucket that leaks with the clock. */
  #offences = 0
  #offendedAt = clock.now

  constructor(options: ServeH2Options) {
    const { limits } = options
    this.limits = limits
    this.#options = options
    this.#session = performServerHandshake(options.socket, serverOptions(limits))
    this.#session.setLocalWindowSize(clientConnectionWindow)
    this.#session.on('stream', (stream, _headers, flags, raw) => this.#onStream(stream, flags, raw))
    this.#session.on('error', cause => this.#onError(cause))
    this.#session.on('close', () => this.#onClose())
    // Sockets here may be half-open, and then node keeps the session: but who can no longer open a window or reset is gone.
    options.socket.on('end', () => this.destroy())
    clock.watch(this)
  }

  /** GOAWAY: what runs is finished; what the client sent too late it sends again elsewhere (RFC 9113 §6.8). */
  drain(): void {
    if (this.#endingSince !== -1) return
    this.#endingSince = clock.now
    this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
    this.#options.socket.destroy()
  }

  onTick(now: number): void {
    const { headMs, idleMs, lingerMs } = this.limits
    for (const stream of this.#streams) stream.onTick(now)
    if (this.#streams.size > 0) return
    if (this.#endingSince === -1) {
      if (clock.passed(this.#idleSince, this.#served ? idleMs : headMs)) this.drain()
    } else if (clock.passed(Math.max(this.#endingSince, this.#idleSince), lingerMs)) {
      this.destroy() // node waits for the peer's FIN for ever
    }
  }

  #onStream(stream: ServerHttp2Stream, flags: number, raw: string[]): void {
    const options = this.#options
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
    const tooLarge = fieldBytes(raw) > this.limits.maxHeadBytes
    const head = tooLarge ? 'client-head-too-large' : readRequest(raw, endStream, options.scheme)
    if (typeof head === 'string') {
      this.#refuse(stream, raw, endStream, head, null)
      return
    }
    const refused = refusal(head, this.limits.maxTargetBytes)
    if (refused !== null) {
      this.#refuse(stream, raw, endStream, refused, head)
      return
    }
    const own = new ServerStream(stream, head, endStream, this)
    this.#served = true
    this.#idleSince = -1
    this.#streams.add(own)
    own.events = options.onRequest(new Exchange(options.conn, head, options.now(), performance.now()), own)
  }

  /** Answered without an exchange: RFC 9113 §8.1.1 allows a response before the stream error. */
  #refuse(
    stream: ServerHttp2Stream,
    raw: string[],
    endStream: boolean,
    code: ErrorCode,
    partial: RequestHead | null,
  ): void {
    stream.on('error', () => {})
    this.onOffence()
    const reply = this.#options.onRefused(new WeirError(code), partial)
    if (stream.closed || stream.destroyed) return
    if (reply === null) {
      stream.close(constants.NGHTTP2_PROTOCOL_ERROR)
      return
    }
    const { status, headers, body } = reply
    const isHead = raw[raw.indexOf(':method') + 1] === 'HEAD'
    const fields = responseFields({ status, reason: '', headers, version: 20, bodyLength: body.length }, isHead)
    stream.respond(fields, isHead || body.length === 0 ? WHOLE : WITH_BODY)
    if (!stream.writableEnded) stream.end(body)
    stream.resume()
    if (!endStream) stream.close(constants.NGHTTP2_NO_ERROR)
  }

  onStreamGone(stream: ServerStream): void {
    this.#streams.delete(stream)
    if (this.#streams.size === 0) this.#idleSince = clock.now
  }

  /** nghttp2 counts what it refuses by itself (`maxSessionInvalidFrames`); this counts what only we see. */
  onOffence(): void {
    const leaked = ((clock.now - this.#offendedAt) / 1000) * OFFENCES_PER_S
    this.#offendedAt = clock.now
    this.#offences = Math.max(0, this.#offences - leaked) + 1
    if (this.#offences <= OFFENCE_BURST) return
    this.#error ??= new WeirError('client-bad-request', 'There are too many malformed requests.')
    this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #onError(cause: NodeJS.ErrnoException): void {
    const socketFailed = cause.syscall !== undefined || cause.code === 'ERR_HTTP2_SESSION_ERROR'
    this.#error ??= new WeirError(socketFailed ? 'client-gone' : 'client-bad-request', cause.message, cause)
  }

  #onClose(): void {
    clock.unwatch(this)
    for (const stream of this.#streams) stream.gone()
    this.#options.onClosed(this.#error)
  }
}
