import type { Socket } from 'node:net'
import { clock, NEVER } from '../../core/clock.ts'
import { WeirError, wantsClientCertificate } from '../../core/errors.ts'
import {
  type RequestHead,
  type ResponseHead,
  UNKNOWN_LENGTH,
  type UpstreamConn,
  type UpstreamEvents,
  type UpstreamInfo,
  type UpstreamStream,
} from '../../core/exchange.ts'
import { type HeaderList, headerAll } from '../../core/headers.ts'
import type { HttpLimits } from '../limits.ts'
import { BAD, DATA, DONE } from './chunks.ts'
import { Driver } from './driver.ts'
import { BARE_LF, INCOMPLETE, ParsedHead, parseResponse } from './parse.ts'
import { HeadFinder, TOO_LARGE } from './reader.ts'
import { breaksLines, requestHead } from './serialize.ts'

const IDLE = 0
const HEAD = 1
const BODY = 2
const CLOSED = 3

/** Takes over a connected (and, for TLS, verified) socket. */
export function connectH1(socket: Socket, info: UpstreamInfo, limits: HttpLimits): UpstreamConn {
  return new H1Client(socket, info, limits)
}

/** Drives one connection to an origin; it is the UpstreamStream of each of its exchanges in turn. */
export class H1Client extends Driver implements UpstreamConn, UpstreamStream {
  readonly version = 11
  readonly info: UpstreamInfo
  onAvailable: (() => void) | null = null
  onClosed: (() => void) | null = null
  readonly #finder: HeadFinder
  readonly #parsed = new ParsedHead()
  #phase: typeof IDLE | typeof HEAD | typeof BODY | typeof CLOSED = IDLE
  /** Of the present exchange; null between exchanges. */
  #request: RequestHead | null = null
  #events: UpstreamEvents | null = null
  #requestEnded = true
  #carried = 0
  #interims = 0
  /** Response bytes of this exchange have come. */
  #answered = false
  #flowing = true
  #closing = false

  constructor(socket: Socket, info: UpstreamInfo, limits: HttpLimits) {
    super(socket, limits)
    this.info = info
    this.#finder = new HeadFinder(limits)
  }

  capacity(): number {
    return this.#phase === IDLE && !this.#closing && !this.socket.destroyed && !this.socket.readableEnded ? 1 : 0
  }

  reused(): boolean {
    return this.#carried > 1 || (this.#carried === 1 && this.#phase === IDLE)
  }

  close(): void {
    this.#closing = true
    if (this.#phase === IDLE) this.destroy()
  }

  // ── the request ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** No handler is called before it has returned. */
  send(head: RequestHead, events: UpstreamEvents): UpstreamStream {
    this.#carried++
    this.#events = events
    this.#request = head
    this.#phase = HEAD
    this.#interims = 0
    this.#answered = false
    this.#flowing = true
    if (this.socket.destroyed) {
      process.nextTick(failLater, this, events, new WeirError('origin-reset'))
      return this
    }
    if (head.version === 20 && breaksLines(head.headers)) {
      process.nextTick(failLater, this, events, new WeirError('client-bad-request', 'A field is not valid in HTTP/1.'))
      return this
    }
    const { bodyLength } = head
    this.out.text(requestHead(head))
    this.#requestEnded = false
    this.writer.begin(bodyLength === UNKNOWN_LENGTH ? 'chunked' : 'length', bodyLength)
    if (bodyLength === 0) this.end(null)
    return this
  }

  data(chunk: Buffer): boolean {
    if (this.#requestEnded) return true
    if (this.writer.data(chunk)) return !this.writer.mustWait()
    this.fail(new WeirError('self-internal', 'The request body is longer than its Content-Length.'))
    return true
  }

  end(trailers: HeaderList | null): void {
    if (this.#requestEnded) return
    if (!this.writer.end(trailers)) {
      this.fail(new WeirError('self-internal', 'The request body is shorter than its Content-Length.'))
      return
    }
    this.#requestEnded = true
    if (this.#flowing) this.#awaitMore()
  }

  abort(): void {
    if (this.#request === null) return
    this.#forget()
    this.#kill()
  }

  protected override drained(): void {
    if (this.writer.drained()) this.#events?.onUpstreamDrain()
  }

  // ── the response ─────────────────────────────────────────────────────────────────────────────────────────────────

  pause(): void {
    if (this.#request === null || !this.#flowing) return
    this.#flowing = false
    this.readBy = NEVER
    this.socket.pause()
  }

  resume(): void {
    if (this.#request === null || this.#flowing) return
    this.#flowing = true
    this.#awaitMore()
    this.socket.resume()
    this.pump()
  }

  protected override received(chunk: Buffer): void {
    // A response nobody asked for would answer the next request
    if (this.#phase === IDLE || this.#phase === CLOSED) {
      this.#kill()
      return
    }
    this.#answered = true
    this.hold.push(chunk)
    this.pump()
  }

  protected override step(): boolean {
    if (!this.#flowing) return false
    if (this.#phase === HEAD) return this.#stepHead()
    return this.#phase === BODY && this.#stepBody()
  }

  protected override pumped(): void {
    if (this.#flowing && this.socket.readableEnded) this.#cutOff()
  }

  #stepHead(): boolean {
    const { hold } = this
    if (hold.size === 0) return false
    const end = this.#finder.find(hold)
    if (end === INCOMPLETE) return false
    if (end === TOO_LARGE) return this.#bad('Its header is too large.')
    if (end === BARE_LF) return this.#bad('A header line does not end in CRLF.')
    const parsed = this.#parsed
    const refusal = parseResponse(hold.bytes, hold.start, end, this.limits, parsed)
    if (refusal !== null) return this.#bad(refusal.why)
    hold.consumeTo(end)
    const { status, reason, headers, version } = parsed
    if (status >= 200) return this.#final({ status, reason, headers, version, bodyLength: this.#responseLength() })
    if (status === 101) return this.#switch({ status, reason, headers, version, bodyLength: 0 })
    if (++this.#interims > this.limits.maxInterim) return this.#bad('There are too many interim responses.')
    this.#events!.onInformational(status, headers)
    return true
  }

  /** RFC 9112 §6.3. For HEAD and 304 the length a body would have had, which no body follows. */
  #responseLength(): number {
    const { status, chunked, contentLength } = this.#parsed
    if (status === 204) return 0
    return chunked ? UNKNOWN_LENGTH : contentLength
  }

  #final(head: ResponseHead): boolean {
    const { status } = head
    this.#phase = BODY
    if (this.#request!.method === 'HEAD' || status === 204 || status === 304) this.body.begin(0)
    else if (head.bodyLength !== UNKNOWN_LENGTH || this.#parsed.chunked) this.body.begin(head.bodyLength)
    else this.body.beginUntilClose()
    this.#awaitMore()
    this.#events!.onResponseHead(head)
    return true
  }

  /** RFC 9110 §7.8: only to a request that asked, and only to what it asked for. */
  #switch(head: ResponseHead): boolean {
    const asked = this.#request!.upgrade
    const [answer, more] = headerAll(head.headers, 'upgrade')
    if (asked === null || answer?.toLowerCase() !== asked || more !== undefined || !this.#parsed.connectionUpgrade) {
      return this.#bad('It switched protocols without being asked to.')
    }
    const events = this.#events!
    this.#forget()
    this.#phase = CLOSED
    const socket = this.handOver()
    this.onClosed?.() // for the pool this connection is gone
    events.onUpgraded(head, socket)
    return false
  }

  #stepBody(): boolean {
    const { body } = this
    const step = body.next(this.hold)
    if (step === DATA) {
      this.#awaitMore()
      if (!this.#events!.onResponseData(body.chunk)) this.pause()
      return true
    }
    if (step === DONE) this.#complete(body.trailers)
    else if (step === BAD) this.#bad(body.why)
    return false
  }

  #complete(trailers: HeaderList | null): void {
    const events = this.#events!
    const { version, close, keepAlive } = this.#parsed
    const lasting = version === 11 ? !close : keepAlive && !close
    // Bytes after the response, or a request that was never finished: whose they are can no longer be told
    const clean = this.hold.size === 0 && this.#requestEnded && !this.body.untilClose
    this.#forget()
    if (lasting && clean && !this.#closing && !this.socket.readableEnded) this.#phase = IDLE
    else this.#kill()
    events.onResponseEnd(trailers)
    if (this.#phase === IDLE) this.onAvailable?.()
  }

  #awaitMore(): void {
    if (this.#phase === BODY) this.readBy = clock.after(this.limits.responseIdleMs)
    else if (this.#requestEnded) this.readBy = clock.after(this.limits.responseHeadMs)
  }

  // ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  protected override peerEnded(): void {
    if (this.#phase === IDLE) this.#kill()
    else this.pump()
  }

  /** The origin closed; all it sent has been read. */
  #cutOff(): void {
    if (this.#request === null) return
    if (this.#phase === BODY && this.body.untilClose) this.#complete(null)
    else this.fail(this.#cutError())
  }

  #cutError(cause?: unknown): WeirError {
    if (this.#answered) return new WeirError('origin-cut-off', '', cause)
    return new WeirError(wantsClientCertificate(cause, true) ? 'origin-client-cert' : 'origin-reset', '', cause)
  }

  #bad(why: string): false {
    this.fail(new WeirError('origin-bad-response', why))
    return false
  }

  /** Is this the exchange it is busy with? */
  carries(events: UpstreamEvents): boolean {
    return this.#events === events
  }

  /** Ends connection and exchange. */
  fail(error: WeirError): void {
    const events = this.#events
    this.#forget()
    this.#kill()
    events?.onUpstreamError(error)
  }

  #forget(): void {
    this.#events = this.#request = null
    this.#requestEnded = true
    this.readBy = NEVER
    this.writer.forget()
  }

  #kill(): void {
    this.#phase = CLOSED
    this.out.drop()
    this.hold.clear()
    this.socket.destroy()
  }

  protected override late(): void {
    this.fail(new WeirError('origin-timeout'))
  }

  protected override stalled(): void {
    this.fail(new WeirError('origin-timeout', 'It stopped reading the request.'))
  }

  protected override closed(): void {
    if (this.#request !== null) this.fail(this.#cutError(this.socket.errored ?? undefined))
    this.#phase = CLOSED
    this.onClosed?.()
  }
}

function failLater(client: H1Client, events: UpstreamEvents, error: WeirError): void {
  if (client.carries(events)) client.fail(error)
}
