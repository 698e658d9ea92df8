import type { Duplex } from 'node:stream'
import { clock, NEVER } from '../../core/clock.ts'
import { WeirError } from '../../core/errors.ts'
import {
  type ClientEvents,
  type ClientStream,
  Exchange,
  type RequestHead,
  type ResponseHead,
} from '../../core/exchange.ts'
import type { HeaderList } from '../../core/headers.ts'
import { stripResponse } from '../hop.ts'
import { BAD, DATA, DONE } from './chunks.ts'
import { Driver } from './driver.ts'
import { linger } from './linger.ts'
import { RequestReader } from './request-reader.ts'
import { breaksLines, interimHead, localReply, responseFraming, responseHead, upgradeHead } from './serialize.ts'
import type { H1ServerOptions } from './server-options.ts'

/** Waiting for, or in, a request head. */
const HEAD = 0
/** The request body is not read to its end. */
const BODY = 1
/** The request is complete, its answer is not. */
const ANSWER = 2
const CLOSED = 3

/** Drives one client connection; it is the ClientStream of each of its exchanges in turn. */
export function serveH1(options: H1ServerOptions): H1Server {
  return new H1Server(options)
}

export class H1Server extends Driver implements ClientStream {
  readonly #options: H1ServerOptions
  readonly #reader: RequestReader
  #phase: typeof HEAD | typeof BODY | typeof ANSWER | typeof CLOSED = HEAD
  /** Of the present exchange; null between exchanges. */
  #request: RequestHead | null = null
  /** null also inside `onRequest`. */
  #events: ClientEvents | null = null
  #headSent = false
  #ended = false
  #bodyFlowing = false
  /** Body bytes in the present `bodyProgressMs`. */
  #progress = 0
  #persistent = false
  #draining = false
  #paused = false
  /** The client sent its FIN; it may still be reading. */
  #halfClosed = false
  #error: WeirError | null = null

  constructor(options: H1ServerOptions) {
    super(options.socket, options.limits)
    this.#options = options
    const { dstAddr, dstPort } = options.conn
    this.#reader = new RequestReader(options.limits, { scheme: options.scheme, sni: options.sni, dstAddr, dstPort })
    this.readBy = clock.after(this.limits.headMs)
  }

  /** Finishes the present exchange, then closes. */
  drain(): void {
    this.#draining = true
    if (this.#phase === HEAD && !this.#reader.begun) this.#finish()
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  protected override received(chunk: Buffer): void {
    if (this.#phase === CLOSED) return
    this.hold.push(chunk)
    this.pump()
  }

  protected override peerEnded(): void {
    this.#halfClosed = true
    this.pump()
  }

  protected override pumped(): void {
    if (this.#halfClosed) this.#noMoreInput()
    else if (!this.#paused && this.#phase !== HEAD && this.hold.size >= this.limits.maxHeldBytes) {
      // Not before: only a socket that is being read tells that its client is gone
      this.#paused = true
      this.socket.pause()
    }
  }

  protected override step(): boolean {
    if (this.#phase === HEAD) return this.#stepHead()
    return this.#phase === BODY && this.#bodyFlowing && this.#stepBody()
  }

  #stepHead(): boolean {
    if (this.hold.size === 0) return false
    const fresh = !this.#reader.begun
    const found = this.#reader.read(this.hold)
    if (found === null) {
      // From the first byte of a head to its end; more bytes do not prolong it (slowloris)
      if (fresh) this.readBy = clock.after(this.limits.headMs)
      return false
    }
    if (found instanceof WeirError) this.#refuse(found, this.#reader.partial())
    else this.#begin(found)
    return true
  }

  #begin(request: RequestHead): void {
    this.#phase = BODY
    this.#request = request
    this.readBy = NEVER
    this.#persistent = this.#reader.persistent
    this.#bodyFlowing = this.#headSent = this.#ended = false
    this.body.begin(request.bodyLength)
    const ex = new Exchange(this.#options.conn, request, this.#options.now(), performance.now())
    const events = this.#options.onRequest(ex, this)
    if (this.#request === request) this.#events = events // unless it was aborted in there
  }

  #stepBody(): boolean {
    const { body } = this
    const events = this.#events!
    const step = body.next(this.hold)
    if (step === DATA) {
      this.#progress += body.chunk.length
      if (!events.onRequestData(body.chunk)) this.#stopBody()
      return true
    }
    if (step === DONE) {
      this.#phase = ANSWER
      this.#stopBody()
      events.onRequestEnd(body.trailers)
    } else if (step === BAD) this.#fail(new WeirError('client-bad-request', body.why))
    return false
  }

  #stopBody(): void {
    this.#bodyFlowing = false
    this.readBy = NEVER
  }

  #noMoreInput(): void {
    if (this.#phase === HEAD) {
      if (this.#reader.begun) this.#error = new WeirError('client-gone')
      this.#finish()
    } else if (this.#phase === BODY && this.#bodyFlowing) {
      this.#cut(new WeirError('client-gone', 'The request body was cut off.'))
    }
  }

  resumeBody(): void {
    if (this.#phase !== BODY || this.#ended) return
    this.#bodyFlowing = true
    this.#progress = 0
    if (!this.#headSent) this.readBy = clock.after(this.limits.bodyProgressMs)
    this.#resumeSocket()
    this.pump() // inside `onRequest` the running pump goes on by itself
  }

  #resumeSocket(): void {
    if (!this.#paused) return
    this.#paused = false
    this.socket.resume()
  }

  // ── answering ────────────────────────────────────────────────────────────────────────────────────────────────────

  get #answering(): boolean {
    return this.#request !== null && this.#phase !== CLOSED && !this.#ended
  }

  informational(status: number, headers: HeaderList): void {
    // RFC 9110 §15.2: no 1xx to HTTP/1.0
    if (!this.#answering || this.#headSent || this.#request!.version === 10) return
    stripResponse(headers)
    if (!breaksLines(headers)) this.out.text(interimHead(status, headers))
  }

  head(head: ResponseHead): void {
    if (!this.#answering || this.#headSent) return
    if (head.version === 20 && breaksLines(head.headers)) {
      this.#cut(new WeirError('origin-bad-response', 'A field is not valid in HTTP/1.'))
      return
    }
    const { method, version } = this.#request!
    const framing = responseFraming(method, head.status, head.bodyLength, version === 10 ? 10 : 11)
    // An answer that comes before the request's end also ends the connection: the rest may be endless
    const early = this.#phase === BODY && !this.body.complete
    if (early || this.#draining || framing === 'close') this.#persistent = false
    this.#headSent = true
    if (this.#phase === BODY) this.readBy = NEVER // two-way streams may be silent one way
    this.writer.begin(framing, head.bodyLength)
    const kept = version === 10 ? 'keep-alive' : ''
    this.out.text(responseHead(head, method, framing, this.#persistent ? kept : 'close'))
  }

  data(chunk: Buffer): boolean {
    if (!this.#answering) return true
    if (this.writer.data(chunk)) return !this.writer.mustWait()
    this.#cut(new WeirError('self-internal', 'The answer is longer than its Content-Length.'))
    return true
  }

  end(trailers: HeaderList | null): void {
    if (!this.#answering) return
    if (!this.writer.end(trailers, this.#onWritten)) {
      this.#cut(new WeirError('self-internal', 'The answer is shorter than its Content-Length.'))
      return
    }
    this.#ended = true
    if (this.#phase === BODY && this.body.complete) this.#phase = ANSWER
    this.#stopBody()
  }

  /** The whole answer is in the kernel's hands: only now the next pipelined request is looked at. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error || this.#phase === CLOSED || this.#request === null) return
    const over = this.#phase === BODY || !this.#persistent || this.#draining
    this.#forget()?.onClientDone()
    if (over) {
      this.#finish()
      return
    }
    this.#phase = HEAD
    this.readBy = clock.after(this.limits.idleMs)
    this.#resumeSocket()
    this.pump()
  }

  /** The exchange is over; its events are returned for the last call. */
  #forget(): ClientEvents | null {
    const events = this.#events
    this.#events = this.#request = null
    this.writer.forget()
    return events
  }

  abort(error: WeirError): void {
    if (this.#request === null || this.#phase === CLOSED) return
    this.#forget()
    this.#cut(error)
  }

  upgrade(head: ResponseHead): Duplex | null {
    const protocol = this.#request?.upgrade ?? null
    if (!this.#answering || this.#headSent || protocol === null) return null
    stripResponse(head.headers)
    this.out.text(upgradeHead(head, protocol))
    this.out.flush()
    this.#forget()
    this.#phase = CLOSED
    return this.handOver()
  }

  protected override drained(): void {
    if (this.writer.drained()) this.#events?.onClientDrain()
  }

  // ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A message that never became an exchange. */
  #refuse(error: WeirError, partial: RequestHead | null): void {
    this.#error = error
    this.out.bytes(localReply(error, this.#options.onRefused(error, partial)))
    this.#finish()
  }

  /** The client broke the rules, or was too slow, in the middle of an exchange. */
  #fail(error: WeirError): void {
    if (this.#headSent) {
      this.#cut(error)
      return
    }
    this.#error = error
    const events = this.#forget()
    this.out.bytes(localReply(error, null))
    this.#finish()
    events?.onClientError(error)
  }

  #finish(): void {
    this.#phase = CLOSED
    this.readBy = NEVER
    this.hold.clear()
    this.out.flush()
    linger(this.socket, this.limits)
  }

  /** Ends the connection so that the client sees that its answer is not whole. `closed` tells the exchange, if there is one. */
  #cut(error: WeirError): void {
    this.#phase = CLOSED
    this.#error = error
    this.out.drop()
    // Below TLS too: few clients mind a missing close_notify, and to HTTP/1.0 an answer may end with its connection
    this.#options.raw.resetAndDestroy()
    this.socket.destroy()
  }

  protected override stalled(): void {
    this.#cut(new WeirError('client-slow-reader'))
  }

  protected override late(): void {
    if (this.#phase === BODY && this.#progress >= this.limits.minBodyBytes) {
      this.#progress = 0
      this.readBy = clock.after(this.limits.bodyProgressMs)
    } else if (this.#phase === BODY) this.#fail(new WeirError('client-timeout'))
    else if (this.#reader.begun) this.#refuse(new WeirError('client-timeout'), null)
    else this.#finish()
  }

  protected override closed(): void {
    this.#phase = CLOSED
    if (this.#request !== null) {
      this.#error ??= new WeirError('client-gone')
      this.#forget()?.onClientError(this.#error)
    }
    this.#options.onClosed(this.#error)
  }
}
