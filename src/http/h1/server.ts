import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Conn } from '../../core/conn.ts'
import { WeirError } from '../../core/errors.ts'
import {
  type ClientEvents,
  type ClientStream,
  Exchange,
  type LocalReply,
  type RequestHead,
  type ResponseHead,
} from '../../core/exchange.ts'
import type { HeaderList } from '../../core/headers.ts'
import { stripResponse } from '../hop.ts'
import type { HttpLimits } from '../limits.ts'
import type { ConnectionPlace } from '../target.ts'
import { BAD, DATA, DONE, MORE } from './chunks.ts'
import { deadlines, NEVER, type Watched } from './deadlines.ts'
import { Hold } from './hold.ts'
import { Out } from './out.ts'
import { BodyReader } from './reader.ts'
import { RequestReader } from './request-reader.ts'
import {
  breaksLines,
  chunkSize,
  type Framing,
  interimHead,
  lastChunk,
  responseFraming,
  responseHead,
  upgradeHead,
} from './serialize.ts'

export interface H1ServerOptions {
  conn: Conn
  /** Plain or TLS; bytes read before may have been unshifted into it. */
  socket: Socket
  scheme: 'http' | 'https'
  /** Name the connection was opened for; Host must agree with it. null on plain HTTP. */
  sni: string | null
  limits: HttpLimits
  /** Milliseconds since the epoch. */
  now(): number
  onRequest(ex: Exchange, stream: ClientStream): ClientEvents
  /** A message was refused: the answer to give, or null for one without a body. */
  onRefused(error: WeirError, partial: RequestHead | null): LocalReply | null
  /** The connection is over; not called once `upgrade` gave the socket away. */
  onClosed(error: WeirError | null): void
}

/** Waiting for, or in, a request head. */
const HEAD = 0
/** The request body is not read to its end. */
const BODY = 1
/** The request is complete, its answer is not. */
const ANSWER = 2
/** The last answer is out and our side closed; what still comes is thrown away, for a while. */
const LINGER = 3
const CLOSED = 4

/** Drives one client connection; it is the ClientStream of each of its exchanges in turn. */
export function serveH1(options: H1ServerOptions): H1Server {
  return new H1Server(options)
}

export class H1Server implements ClientStream, Watched {
  readonly #options: H1ServerOptions
  readonly #socket: Socket
  readonly #limits: HttpLimits
  readonly #out: Out
  readonly #hold = new Hold()
  readonly #reader: RequestReader
  readonly #body: BodyReader
  #phase: typeof HEAD | typeof BODY | typeof ANSWER | typeof LINGER | typeof CLOSED = HEAD
  /** Present exchange: null inside `onRequest` and between exchanges. */
  #events: ClientEvents | null = null
  #request: RequestHead | null = null
  #framing: Framing = 'none'
  /** Body bytes of a `length` answer still to come. */
  #left = 0
  #headSent = false
  #ended = false
  /** The exchange waits for `onClientDrain`. */
  #blocked = false
  #bodyFlowing = false
  #pumping = false
  #paused = false
  #persistent = false
  #draining = false
  /** The client sent its FIN; it may still be reading. */
  #halfClosed = false
  #error: WeirError | null = null
  #readBy: number
  #writeBy = NEVER
  /** Body bytes in the present `bodyProgressMs`, or bytes thrown away in LINGER. */
  #progress = 0

  constructor(options: H1ServerOptions) {
    const { socket, limits, conn } = options
    this.#options = options
    this.#socket = socket
    this.#limits = limits
    this.#out = new Out(socket)
    this.#body = new BodyReader(limits)
    const place: ConnectionPlace = {
      scheme: options.scheme,
      sni: options.sni,
      dstAddr: conn.dstAddr,
      dstPort: conn.dstPort,
    }
    this.#reader = new RequestReader(limits, place)
    deadlines.watch(this)
    this.#readBy = deadlines.now + limits.headMs
    // A client may close its sending side and still wait for answers
    socket.allowHalfOpen = true
    socket.setNoDelay(true)
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrain)
    socket.on('error', ignore)
    socket.on('close', this.#onClose)
    if (socket.destroyed) process.nextTick(this.#onClose)
    else socket.resume()
  }

  /** Finishes the present exchange, then closes. */
  drain(): void {
    this.#draining = true
    if (this.#phase === HEAD && this.#hold.size === 0) this.#finish()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #onData = (chunk: Buffer): void => {
    if (this.#phase === LINGER) {
      this.#progress += chunk.length
      // Not destroyed yet: a reset now could take the answer away from a client that has not read it
      if (this.#progress > this.#limits.maxLingerBytes) this.#socket.pause()
      return
    }
    this.#hold.push(chunk)
    this.#pump()
  }

  readonly #onEnd = (): void => {
    this.#halfClosed = true
    this.#pump()
  }

  /** Works through what is held, one step at a time, never inside itself. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#step());
    this.#pumping = false
    if (this.#halfClosed) this.#noMoreInput()
    else if (!this.#paused && this.#phase !== HEAD && this.#hold.size >= this.#limits.maxHeldBytes) {
      // Not before: only a socket that is being read tells that its client is gone
      this.#paused = true
      this.#socket.pause()
    }
  }

  #step(): boolean {
    if (this.#phase === HEAD) return this.#stepHead()
    return this.#phase === BODY && this.#bodyFlowing && this.#stepBody()
  }

  #stepHead(): boolean {
    const hold = this.#hold
    if (hold.size === 0) return false
    const fresh = !this.#reader.begun
    const found = this.#reader.read(hold)
    if (found instanceof WeirError) {
      this.#refuse(found, this.#reader.partial())
      return false
    }
    if (found !== null) this.#begin(found)
    // From the first byte of a head to its end; more bytes do not prolong it (slowloris)
    else if (fresh && this.#reader.begun) this.#readBy = deadlines.now + this.#limits.headMs
    return found !== null
  }

  #begin(request: RequestHead): void {
    this.#phase = BODY
    this.#request = request
    this.#readBy = NEVER
    this.#persistent = this.#reader.persistent
    this.#bodyFlowing = this.#headSent = this.#ended = this.#blocked = false
    this.#body.begin(request.bodyLength)
    const ex = new Exchange(this.#options.conn, request, this.#options.now(), performance.now())
    this.#events = this.#options.onRequest(ex, this)
  }

  #stepBody(): boolean {
    const body = this.#body
    const events = this.#events!
    switch (body.next(this.#hold)) {
      case DATA: {
        const chunk = body.chunk!
        body.chunk = null
        this.#progress += chunk.length
        if (!events.onRequestData(chunk)) this.#stopBody()
        return true
      }
      case DONE:
        this.#phase = ANSWER
        this.#stopBody()
        events.onRequestEnd(body.trailers)
        return false
      case BAD:
        this.#fail(new WeirError('client-bad-request', body.why))
        return false
      case MORE:
        return false
    }
  }

  #stopBody(): void {
    this.#bodyFlowing = false
    this.#readBy = NEVER
  }

  #noMoreInput(): void {
    if (this.#phase === HEAD) {
      if (this.#reader.begun) this.#error = new WeirError('client-gone')
      this.#finish()
    } else if (this.#phase === BODY && this.#bodyFlowing) {
      this.#error = new WeirError('client-gone', 'The request body was cut off.')
      this.#cut()
    }
  }

  resumeBody(): void {
    if (this.#phase !== BODY || this.#ended) return
    this.#bodyFlowing = true
    this.#progress = 0
    if (!this.#headSent) this.#readBy = deadlines.now + this.#limits.bodyProgressMs
    // Inside `onRequest` the pump goes on by itself
    this.#resumeSocket()
    this.#pump()
  }

  #resumeSocket(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
  }

  // ── answering ────────────────────────────────────────────────────────────────────────────────────────────────────

  get #answering(): boolean {
    return this.#request !== null && this.#phase !== CLOSED && !this.#ended
  }

  informational(status: number, headers: HeaderList): void {
    // RFC 9110 §15.2: no 1xx to HTTP/1.0
    if (!this.#answering || this.#headSent || this.#request!.version === 10) return
    stripResponse(headers)
    if (!breaksLines(headers)) this.#out.text(interimHead(status, headers))
  }

  head(head: ResponseHead): void {
    if (!this.#answering || this.#headSent) return
    if (head.version === 20 && breaksLines(head.headers)) {
      this.#error = new WeirError('origin-bad-response', 'A field is not valid in HTTP/1.')
      this.#cut()
      return
    }
    const { method, version } = this.#request!
    const http10 = version === 10
    this.#framing = responseFraming(method, head.status, head.bodyLength, http10 ? 10 : 11)
    this.#left = head.bodyLength
    // An answer that comes before the request's end also ends the connection: the rest may be endless
    const early = this.#phase === BODY && !this.#body.complete
    if (early || this.#draining || this.#framing === 'close') this.#persistent = false
    this.#headSent = true
    if (this.#phase === BODY) this.#readBy = NEVER
    const connection = this.#persistent ? (http10 ? 'keep-alive' : '') : 'close'
    this.#out.text(responseHead(head, method, this.#framing, connection))
  }

  data(chunk: Buffer): boolean {
    if (!this.#answering || this.#framing === 'none' || chunk.length === 0) return true
    const out = this.#out
    if (this.#framing === 'chunked') {
      out.text(chunkSize(chunk.length))
      out.bytes(chunk)
      out.text('\r\n')
    } else {
      if (this.#framing === 'length' && (this.#left -= chunk.length) < 0) {
        this.#error = new WeirError('self-internal', 'The answer is longer than its Content-Length.')
        this.#cut()
        return true
      }
      out.bytes(chunk)
    }
    if (out.full) out.flush()
    if (!this.#socket.writableNeedDrain) return true
    this.#blocked = true
    if (this.#writeBy === NEVER) this.#writeBy = deadlines.now + this.#limits.writeProgressMs
    return false
  }

  end(trailers: HeaderList | null): void {
    if (!this.#answering) return
    if (this.#framing === 'length' && this.#left !== 0) {
      this.#error = new WeirError('self-internal', 'The answer is shorter than its Content-Length.')
      this.#cut()
      return
    }
    if (this.#framing === 'chunked') this.#out.text(lastChunk(trailers))
    this.#ended = true
    if (this.#phase === BODY && this.#body.complete) this.#phase = ANSWER
    this.#stopBody()
    this.#writeBy = deadlines.now + this.#limits.writeProgressMs
    this.#out.flush(this.#onWritten)
  }

  /** The whole answer is in the kernel's hands: only now the next pipelined request is looked at. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error || this.#phase === CLOSED || this.#request === null) return
    const events = this.#events!
    const unread = this.#phase === BODY
    this.#forget()
    events.onClientDone()
    if (unread || !this.#persistent || this.#draining) {
      this.#finish()
      return
    }
    this.#phase = HEAD
    this.#readBy = deadlines.now + this.#limits.idleMs
    this.#resumeSocket()
    this.#pump()
  }

  #forget(): void {
    this.#events = null
    this.#request = null
    this.#writeBy = NEVER
  }

  abort(error: WeirError): void {
    if (this.#request === null || this.#phase === CLOSED) return
    this.#forget()
    this.#error = error
    this.#cut()
  }

  upgrade(head: ResponseHead): Duplex | null {
    const request = this.#request
    if (!this.#answering || this.#headSent || request?.upgrade == null) return null
    stripResponse(head.headers)
    this.#out.text(upgradeHead(head, request.upgrade))
    this.#out.flush()
    this.#forget()
    this.#phase = CLOSED
    this.#letGo()
    const socket = this.#socket
    socket.pause()
    const { bytes, start, end, size } = this.#hold
    if (size > 0 && !socket.readableEnded) socket.unshift(bytes.subarray(start, end))
    this.#hold.clear()
    return socket
  }

  readonly #onDrain = (): void => {
    if (!this.#blocked || this.#ended) return
    this.#blocked = false
    this.#writeBy = NEVER
    this.#events?.onClientDrain()
  }

  // ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A message that never became an exchange. */
  #refuse(error: WeirError, partial: RequestHead | null): void {
    this.#error = error
    this.#answerAndFinish(error.status, this.#options.onRefused(error, partial))
  }

  /** The client broke the rules, or was too slow, in the middle of an exchange. */
  #fail(error: WeirError): void {
    const events = this.#events
    const headSent = this.#headSent
    this.#error = error
    this.#forget()
    if (headSent) this.#cut()
    else this.#answerAndFinish(error.status, null)
    events?.onClientError(error)
  }

  #answerAndFinish(status: number, reply: LocalReply | null): void {
    const body = reply?.body ?? null
    const head: ResponseHead = {
      status: reply?.status ?? status,
      reason: '',
      headers: reply?.headers ?? [],
      version: 11,
      bodyLength: body?.length ?? 0,
    }
    this.#out.text(responseHead(head, 'GET', 'length', 'close'))
    if (body !== null && body.length > 0) this.#out.bytes(body)
    this.#finish()
  }

  /** Closes our side, and reads what the client still sends for a while, lest a reset overtakes the answer (RFC 9112 §9.6). */
  #finish(): void {
    this.#phase = LINGER
    this.#progress = 0
    this.#readBy = deadlines.now + this.#limits.lingerMs
    this.#writeBy = NEVER
    this.#hold.clear()
    this.#out.flush()
    this.#socket.end()
    this.#resumeSocket()
  }

  /** Ends the connection so that the client sees that its answer is not whole. */
  #cut(): void {
    this.#phase = CLOSED
    this.#out.drop()
    // TLS tells the same by the missing close_notify; there is no reset for it in node:tls
    if (this.#options.scheme === 'https') this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  onTick(now: number): void {
    if (now >= this.#writeBy) {
      this.#error = new WeirError('client-slow-reader')
      this.#cut()
    } else if (now >= this.#readBy) this.#late()
  }

  #late(): void {
    if (this.#phase === LINGER) this.#socket.destroy()
    else if (this.#phase === BODY) {
      if (this.#progress < this.#limits.minBodyBytes) this.#fail(new WeirError('client-timeout'))
      else {
        this.#progress = 0
        this.#readBy = deadlines.now + this.#limits.bodyProgressMs
      }
    } else if (this.#reader.begun) this.#refuse(new WeirError('client-timeout'), null)
    else this.#finish()
  }

  readonly #onClose = (): void => {
    const events = this.#events
    this.#phase = CLOSED
    this.#forget()
    this.#letGo()
    this.#hold.clear()
    this.#out.drop()
    events?.onClientError((this.#error ??= new WeirError('client-gone')))
    this.#options.onClosed(this.#error)
  }

  #letGo(): void {
    deadlines.unwatch(this)
    const socket = this.#socket
    socket.removeListener('data', this.#onData)
    socket.removeListener('end', this.#onEnd)
    socket.removeListener('drain', this.#onDrain)
    socket.removeListener('error', ignore)
    socket.removeListener('close', this.#onClose)
  }
}

function ignore(): void {}
