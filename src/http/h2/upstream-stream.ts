import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { clock } from '../../core/clock.ts'
import { type ErrorCode, WeirError, wantsClientCertificate } from '../../core/errors.ts'
import { type RequestHead, UNKNOWN_LENGTH, type UpstreamEvents, type UpstreamStream } from '../../core/exchange.ts'
import type { HeaderList } from '../../core/headers.ts'
import type { HttpLimits } from '../limits.ts'
import {
  fieldBytes,
  fieldObject,
  hasOuterSpace,
  plainFields,
  readResponse,
  readTrailers,
  requestFields,
} from './fields.ts'

const {
  NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE,
  NGHTTP2_FLAG_END_STREAM,
  NGHTTP2_NO_ERROR,
  NGHTTP2_PROTOCOL_ERROR,
  NGHTTP2_ENHANCE_YOUR_CALM,
  NGHTTP2_REFUSED_STREAM,
  NGHTTP2_CANCEL,
} = constants

/** What a stream needs of its connection. */
export interface StreamHome {
  readonly session: ClientHttp2Session
  readonly limits: HttpLimits
  /** Highest stream the origin has promised to process (GOAWAY), or infinity. */
  lastStreamId: number
  onStreamGone(stream: H2Exchange): void
  /** A request is about to be taken back. */
  onCancel(): void
  /** No more requests on this connection. */
  retire(): void
  /** What ended the connection, if that is known. */
  cause(): Error | null
}

const kOwner = Symbol('owner')
type OwnedStream = ClientHttp2Stream & { [kOwner]: H2Exchange }

const WHOLE = Object.freeze({ endStream: true })
const WITH_BODY = Object.freeze({ endStream: false })
const WITH_TRAILERS = Object.freeze({ endStream: false, waitForTrailers: true })

/** Goes to the 'error' listener, which knows nothing to do with it; its stack would only cost. */
const CUT = new Error('cut off')

/** One request and its response on an origin's HTTP/2 connection. Never calls its listener from inside its own methods. */
export class H2Exchange implements UpstreamStream {
  readonly #home: StreamHome
  readonly #stream: OwnedStream
  readonly #isHead: boolean
  #events: UpstreamEvents | null
  #ended: boolean
  #trailers: HeaderList | null = null
  #wantsDrain = false
  #answered = false
  #interims = 0
  /** Of the body: announced or UNKNOWN_LENGTH, and come so far. */
  #expected = UNKNOWN_LENGTH
  #received = 0
  #responseTrailers: HeaderList | null = null
  #movedAt = clock.now
  /** The origin broke the rules of the connection. */
  #broken = false

  constructor(home: StreamHome, head: RequestHead, events: UpstreamEvents) {
    this.#home = home
    this.#events = events
    this.#isHead = head.method === 'HEAD'
    this.#ended = head.bodyLength === 0
    const options = this.#ended ? WHOLE : head.bodyLength === UNKNOWN_LENGTH ? WITH_TRAILERS : WITH_BODY
    const stream = home.session.request(requestFields(head), options) as OwnedStream
    stream[kOwner] = this
    this.#stream = stream
    if (options === WITH_TRAILERS) stream.on('wantTrailers', onWantTrailers as () => void)
    stream.on('error', onError as () => void) // and every failure ends in 'close', with its code in rstCode
    stream.on('headers', onInterim as () => void)
    stream.on('response', onResponse as () => void)
    stream.on('close', onClose as () => void)
  }

  data(chunk: Buffer): boolean {
    const stream = this.#stream
    if (stream.closed || stream.destroyed || this.#ended) return false
    this.#movedAt = clock.now
    if (stream.write(chunk)) return true
    if (!this.#wantsDrain) stream.once('drain', onDrain as () => void)
    this.#wantsDrain = true
    return false
  }

  end(trailers: HeaderList | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#trailers = trailers
    this.#movedAt = clock.now
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.end()
  }

  abort(): void {
    this.#events = null
    this.#cancel()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#movedAt = clock.now
    if (!this.#stream.destroyed) this.#stream.resume()
  }

  onTick(): void {
    const { responseHeadMs, responseIdleMs } = this.#home.limits
    if (this.#events === null || !clock.passed(this.#movedAt, this.#answered ? responseIdleMs : responseHeadMs)) return
    if (!this.#answered) this.#fail('origin-timeout')
    else if (!this.#stream.isPaused()) this.#fail('origin-cut-off')
  }

  interim(raw: string[]): void {
    const status = Number(raw[raw.indexOf(':status') + 1])
    this.#movedAt = clock.now
    // RFC 9113 §8.6: there is no 101 on HTTP/2
    const { maxInterim, maxHeadBytes } = this.#home.limits
    const tooMuch = ++this.#interims > maxInterim || fieldBytes(raw) > maxHeadBytes
    if (status === 101 || tooMuch || hasOuterSpace(raw)) this.#fail('origin-bad-response')
    else this.#events?.onInformational(status, plainFields(raw))
  }

  response(raw: string[], flags: number): void {
    if (this.#events === null) return
    if (fieldBytes(raw) > this.#home.limits.maxHeadBytes || hasOuterSpace(raw)) {
      this.#fail('origin-bad-response')
      return
    }
    const whole = (flags & NGHTTP2_FLAG_END_STREAM) !== 0
    const head = readResponse(raw, this.#isHead, whole)
    this.#answered = true
    this.#movedAt = clock.now
    this.#expected = head.bodyLength
    const stream = this.#stream
    if (!whole) {
      stream.on('trailers', onTrailers as () => void)
      stream.on('end', onEnd as () => void)
      stream.on('data', onData as () => void)
    }
    this.#events.onResponseHead(head)
    if (!whole) return
    this.#complete()
    stream.resume()
  }

  received(chunk: Buffer): void {
    this.#received += chunk.length
    this.#movedAt = clock.now
    if (this.#events !== null && !this.#events.onResponseData(chunk)) this.#stream.pause()
  }

  trailers(raw: string[]): void {
    const trailers = readTrailers(raw, this.#home.limits.maxTrailerBytes)
    if (trailers === null) this.#fail('origin-bad-response')
    else this.#responseTrailers = trailers.fields
  }

  /**
   * node ends a stream that was reset with NO_ERROR like one that was complete; the length tells them apart where there
   * is one.
   */
  bodyEnded(): void {
    const short = this.#expected !== UNKNOWN_LENGTH && !this.#isHead && this.#received !== this.#expected
    if (short || this.#stream.rstCode !== NGHTTP2_NO_ERROR) this.#fail('origin-cut-off')
    else this.#complete()
  }

  #complete(): void {
    const events = this.#events
    this.#events = null
    // The rest of a request that is answered already is for nobody.
    if (!this.#ended) this.#cancel()
    events?.onResponseEnd(this.#responseTrailers)
  }

  drained(): void {
    this.#wantsDrain = false
    this.#movedAt = clock.now
    this.#events?.onUpstreamDrain()
  }

  wantTrailers(): void {
    if (!this.#stream.closed && !this.#stream.destroyed) this.#stream.sendTrailers(fieldObject(this.#trailers))
  }

  /** Nothing more comes from the origin: what is whole and not yet read is still delivered. */
  originEnded(): void {
    const { closed, state } = this.#stream
    if (this.#events !== null && !closed && state.state !== NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE)
      this.#fail(this.#goneCode())
  }

  /** What ended the connection comes as an error of each stream on it, with this code where nghttp2 could not go on. */
  failed({ code }: NodeJS.ErrnoException): void {
    this.#broken = code === 'ERR_HTTP2_ERROR' || code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES'
  }

  gone(): void {
    this.#home.onStreamGone(this)
    if (this.#events !== null) this.#fail(this.#goneCode())
  }

  #goneCode(): ErrorCode {
    const { rstCode, id } = this.#stream
    if (this.#answered) return 'origin-cut-off'
    if (wantsClientCertificate(this.#home.cause(), true)) return 'origin-client-cert'
    // RFC 9113 §8.7: certainly not processed
    if (rstCode === NGHTTP2_REFUSED_STREAM || (id ?? 0) > this.#home.lastStreamId) return 'origin-reset'
    // The connection is full of what others stalled: elsewhere there is room
    if (rstCode === NGHTTP2_ENHANCE_YOUR_CALM) this.#home.retire()
    return rstCode === NGHTTP2_PROTOCOL_ERROR || this.#broken ? 'origin-bad-response' : 'origin-reset'
  }

  #fail(code: ErrorCode): void {
    const events = this.#events
    const { rstCode } = this.#stream
    this.#events = null
    this.#cancel()
    const detail = rstCode === NGHTTP2_NO_ERROR ? '' : `HTTP/2 error ${rstCode}.`
    events?.onUpstreamError(new WeirError(code, detail))
  }

  /** `close(code)` ends an unfinished upload in good order first, and the origin would take it for complete. */
  #cancel(): void {
    const stream = this.#stream
    if (stream.destroyed) return
    this.#home.onCancel()
    if (stream.writableEnded) stream.close(NGHTTP2_CANCEL)
    else stream.destroy(CUT)
  }
}

function onError(this: OwnedStream, cause: NodeJS.ErrnoException): void {
  this[kOwner].failed(cause)
}

function onInterim(this: OwnedStream, _headers: object, _flags: number, raw: string[]): void {
  this[kOwner].interim(raw)
}

function onResponse(this: OwnedStream, _headers: object, flags: number, raw: string[]): void {
  this[kOwner].response(raw, flags)
}

function onTrailers(this: OwnedStream, _headers: object, _flags: number, raw: string[]): void {
  this[kOwner].trailers(raw)
}

function onData(this: OwnedStream, chunk: Buffer): void {
  this[kOwner].received(chunk)
}

function onEnd(this: OwnedStream): void {
  this[kOwner].bodyEnded()
}

function onDrain(this: OwnedStream): void {
  this[kOwner].drained()
}

function onWantTrailers(this: OwnedStream): void {
  this[kOwner].wantTrailers()
}

function onClose(this: OwnedStream): void {
  this[kOwner].gone()
}
