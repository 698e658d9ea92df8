import { constants, type ServerHttp2Stream, type ServerStreamResponseOptions } from 'node:http2'
import { clock } from '../../core/clock.ts'
import { type ErrorCode, WeirError } from '../../core/errors.ts'
import type { ClientEvents, ClientStream, RequestHead, ResponseHead } from '../../core/exchange.ts'
import { UNKNOWN_LENGTH } from '../../core/exchange.ts'
import type { HeaderList } from '../../core/headers.ts'
import type { HttpLimits } from '../limits.ts'
import { fieldObject, isBodyless, readTrailers, responseFields, sendableStatus } from './fields.ts'

const { NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants

const kOwner = Symbol('owner')
/** One back reference, so that the listeners are shared functions and no stream costs six closures. */
export type OwnedStream = ServerHttp2Stream & { [kOwner]: ServerStream }

/** `sendDate` is documented and missing in the types: a Date is the origin's or the exchange's to set. */
type RespondOptions = Readonly<ServerStreamResponseOptions & { sendDate: false }>
export const WHOLE: RespondOptions = Object.freeze({ endStream: true, sendDate: false })
export const WITH_BODY: RespondOptions = Object.freeze({ endStream: false, sendDate: false })
const WITH_TRAILERS: RespondOptions = Object.freeze({ endStream: false, sendDate: false, waitForTrailers: true })

/** What a stream needs of its connection. */
export interface ServerStreamHome {
  readonly limits: HttpLimits
  onStreamGone(stream: ServerStream): void
  /** The client broke the rules on it, and it was reset. */
  onOffence(): void
}

/** One request and its response on a client's HTTP/2 connection. Never calls its listener from inside its own methods. */
export class ServerStream implements ClientStream {
  events: ClientEvents | null = null
  readonly #stream: OwnedStream
  readonly #head: RequestHead
  readonly #home: ServerStreamHome
  /** All of the request is here. */
  #requestOver: boolean
  /** Nobody wants the rest of the request. */
  #dropped = false
  #requestTrailers: HeaderList | null = null
  #bodyStarted = false
  #headSent = false
  #bodyless = false
  #trailers: HeaderList | null = null
  #waitsForTrailers = false
  #ended = false
  #wantsDrain = false
  /** Progress as of the clock's `…Since`: bytes read, and bytes the client has taken. */
  #received = 0
  #receivedMark = 0
  #receivedSince = -1
  #written = 0
  #takenMark = 0
  #takenSince = -1

  constructor(stream: ServerHttp2Stream, head: RequestHead, endStream: boolean, home: ServerStreamHome) {
    this.#stream = stream as OwnedStream
    this.#head = head
    this.#home = home
    this.#requestOver = endStream
    this.#stream[kOwner] = this
    stream.on('error', ignore) // every failure ends in 'close', with its code in rstCode
    // At once: a small request is here whole, trailers too, before its body is asked for
    if (!endStream) stream.on('trailers', onTrailers as () => void)
    stream.on('aborted', onAborted as () => void)
    stream.on('close', onClose as () => void)
  }

  informational(status: number, headers: HeaderList): void {
    if (this.#headSent || this.#stream.closed || this.#stream.destroyed) return
    const fields = fieldObject(headers)
    fields[':status'] = status
    this.#stream.additionalHeaders(fields)
  }

  head(head: ResponseHead): void {
    const stream = this.#stream
    if (this.#headSent || stream.closed || stream.destroyed) return
    const isHead = this.#head.method === 'HEAD'
    this.#headSent = true
    this.#bodyless = isHead || head.bodyLength === 0 || isBodyless(sendableStatus(head.status))
    // A trailer section needs an extra frame and turn of the loop: only where the length leaves room for one (RFC 9112 §7.1.2)
    this.#waitsForTrailers = !this.#bodyless && head.bodyLength === UNKNOWN_LENGTH
    if (this.#waitsForTrailers) stream.on('wantTrailers', onWantTrailers as () => void)
    const options = this.#bodyless ? WHOLE : this.#waitsForTrailers ? WITH_TRAILERS : WITH_BODY
    stream.respond(responseFields(head, isHead), options)
  }

  data(chunk: Buffer): boolean {
    const stream = this.#stream
    if (this.#bodyless) return true
    if (stream.closed || stream.destroyed) return false
    this.#written += chunk.length
    if (stream.write(chunk)) return true
    if (!this.#wantsDrain) stream.once('drain', onDrain as () => void)
    this.#wantsDrain = true
    return false
  }

  end(trailers: HeaderList | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#trailers = trailers
    const stream = this.#stream
    if (stream.destroyed) return
    if (!stream.writableEnded) stream.end()
    if (this.#requestOver) return
    // The answer is complete and the rest of the request unwanted (RFC 9113 §8.1): NO_ERROR once all is sent
    this.#dropRequest()
    if (!this.#waitsForTrailers) stream.close(NGHTTP2_NO_ERROR)
  }

  abort(error: WeirError): void {
    this.events = null
    this.#cut(error)
  }

  resumeBody(): void {
    if (this.#dropped || this.#stream.destroyed) return
    if (this.#bodyStarted) {
      this.#stream.resume()
      return
    }
    this.#bodyStarted = true
    if (this.#requestOver) {
      process.nextTick(deliverEnd, this)
      return
    }
    this.#stream.on('end', onEnd as () => void)
    this.#stream.on('data', onData as () => void)
    this.#stream.resume()
  }

  upgrade(): null {
    return null
  }

  onTick(now: number): void {
    if (this.#stalls(now)) this.#fail('client-slow-reader')
    else if (this.#starves(now)) this.#fail('client-timeout')
  }

  /**
   * Something waits to be written, if only the head of an answer that is over, and too little of it went out in the last
   * span: a window that opens byte by byte is no progress.
   */
  #stalls(now: number): boolean {
    const { minBodyBytes, writeProgressMs } = this.#home.limits
    const waiting = this.#stream.bufferSize
    const taken = this.#written - waiting
    const idle = waiting === 0 && !this.#ended
    if (!idle && this.#takenSince !== -1 && taken - this.#takenMark < minBodyBytes)
      return clock.passed(this.#takenSince, writeProgressMs)
    this.#takenMark = taken
    this.#takenSince = idle ? -1 : now
    return false
  }

  /** The body is read, no answer has begun, and too little came in the last span. */
  #starves(now: number): boolean {
    const reads = this.#bodyStarted && !this.#requestOver && !this.#headSent && !this.#stream.isPaused()
    const { minBodyBytes, bodyProgressMs } = this.#home.limits
    const enough = this.#received - this.#receivedMark >= minBodyBytes
    if (!reads) this.#receivedSince = -1
    else if (enough || this.#receivedSince === -1) {
      this.#receivedMark = this.#received
      this.#receivedSince = now
    } else return clock.passed(this.#receivedSince, bodyProgressMs)
    return false
  }

  received(chunk: Buffer): void {
    this.#received += chunk.length
    if (this.#dropped || this.events === null) return
    if (!this.events.onRequestData(chunk)) this.#stream.pause()
  }

  trailers(raw: string[]): void {
    const trailers = readTrailers(raw, this.#home.limits.maxTrailerBytes)
    if (trailers !== null) this.#requestTrailers = trailers.fields
    else {
      this.#home.onOffence()
      this.#fail('client-bad-request')
    }
  }

  requestEnded(): void {
    if (this.#dropped) return
    this.#requestOver = true
    this.events?.onRequestEnd(this.#requestTrailers)
  }

  drained(): void {
    this.#wantsDrain = false
    this.events?.onClientDrain()
  }

  wantTrailers(): void {
    const stream = this.#stream
    if (stream.closed || stream.destroyed) return
    stream.sendTrailers(fieldObject(this.#trailers))
    // node sends them in the next turn; what is left of the request is refused after them
    if (this.#dropped) setImmediate(closeQuietly, stream)
  }

  gone(): void {
    const { events } = this
    this.events = null
    this.#home.onStreamGone(this)
    if (events === null) return
    if (this.#ended) events.onClientDone()
    else events.onClientError(this.#goneError())
  }

  /** nghttp2 itself resets with PROTOCOL_ERROR when the body belies Content-Length or the trailers are malformed. */
  #goneError(): WeirError {
    const broken = this.#stream.rstCode === NGHTTP2_PROTOCOL_ERROR && !this.#requestOver
    return new WeirError(broken ? 'client-bad-request' : 'client-gone')
  }

  #fail(code: ErrorCode): void {
    const { events } = this
    const ended = this.#ended
    this.events = null
    const error = new WeirError(code)
    this.#cut(error)
    if (ended) events?.onClientDone()
    else events?.onClientError(error)
  }

  /** Not `close(code)`: that ends the stream in good order first, and a cut-off answer would look complete. */
  #cut(error: WeirError): void {
    if (!this.#stream.destroyed) this.#stream.destroy(error)
  }

  /** Unread bytes would keep the stream open for ever. */
  #dropRequest(): void {
    if (this.#dropped || this.#requestOver) return
    this.#dropped = true
    this.#stream.resume()
  }
}

function deliverEnd(stream: ServerStream): void {
  stream.requestEnded()
}

function closeQuietly(stream: OwnedStream): void {
  if (!stream.destroyed) stream.close(NGHTTP2_NO_ERROR)
}

function ignore(): void {}

function onAborted(this: OwnedStream): void {
  // A reset with NO_ERROR under an unread body is not followed by 'close' until somebody reads
  this.resume()
  this[kOwner].gone()
}

function onClose(this: OwnedStream): void {
  this[kOwner].gone()
}

function onDrain(this: OwnedStream): void {
  this[kOwner].drained()
}

function onWantTrailers(this: OwnedStream): void {
  this[kOwner].wantTrailers()
}

function onTrailers(this: OwnedStream, _headers: object, _flags: number, raw: string[]): void {
  this[kOwner].trailers(raw)
}

function onData(this: OwnedStream, chunk: Buffer): void {
  this[kOwner].received(chunk)
}

function onEnd(this: OwnedStream): void {
  this[kOwner].requestEnded()
}
