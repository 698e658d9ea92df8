import type { Conn } from './conn.ts'
import type { Decision } from './decision.ts'
import type { WeirError } from './errors.ts'
import type { HeaderList } from './headers.ts'
import type { TlsException } from './tls-policy.ts'

/** HTTP version times ten, as in the log: 10, 11, 20. */
export type HttpVersion = 10 | 11 | 20

/** Length of a body whose end is only known when it comes (chunked, h2 without content-length, until close). */
export const UNKNOWN_LENGTH = -1

export interface RequestHead {
  /** Case kept: `get` is not `GET`. */
  method: string
  scheme: 'http' | 'https'
  /** Lower case, no port, no brackets round IPv6, no final dot. */
  host: string
  port: number
  /** Origin-form with query, or `*`. One character per octet. */
  path: string
  /** Framing fields (Content-Length, Transfer-Encoding) are still in it as sent; Host too on HTTP/1. */
  headers: HeaderList
  version: HttpVersion
  /** Bytes, 0 when there is none, or UNKNOWN_LENGTH. */
  bodyLength: number
  /** The client waits for 100 (Continue) before it sends the body. */
  expectContinue: boolean
  /** Lower-case protocol of a well-formed Upgrade request (`websocket`), else null. */
  upgrade: string | null
}

export interface ResponseHead {
  status: number
  /** Reason phrase as sent ('' on h2). */
  reason: string
  headers: HeaderList
  version: HttpVersion
  bodyLength: number
}

/** The client's side of one exchange; implemented by http/h1/server and http/h2/server. */
export interface ClientStream {
  /** 1xx other than 101, passed on at once. Ignored towards HTTP/1.0. */
  informational(status: number, headers: HeaderList): void
  /**
   * Final response head. `head.headers` carry no hop-by-hop and no framing field; the stream chooses framing from
   * `head.bodyLength` and its own version. The head may be held back until the first body bytes (one write).
   */
  head(head: ResponseHead): void
  /** Body bytes. False: wait for `onClientDrain`. */
  data(chunk: Buffer): boolean
  /** The response is complete. */
  end(trailers: HeaderList | null): void
  /** The response cannot be completed: cut the client off visibly (h1: destroy the socket; h2: RST_STREAM). */
  abort(error: WeirError): void
  /** Starts (or restarts) the delivery of the request body; it is paused until then. Sends 100 (Continue) never by itself. */
  resumeBody(): void
  /**
   * After an accepted upgrade (101 has been written from `head`): gives up the raw client byte stream for relaying,
   * with anything read past the request already pushed back into it. h2: null, not possible.
   */
  upgrade(head: ResponseHead): import('node:stream').Duplex | null
}

/** What the client's side tells the exchange; implemented by pipeline/exchange. */
export interface ClientEvents {
  /** False: stop until `resumeBody`. */
  onRequestData(chunk: Buffer): boolean
  onRequestEnd(trailers: HeaderList | null): void
  /** The client can take more response bytes. */
  onClientDrain(): void
  /** The client is gone or broke the protocol before the exchange was over. Called at most once, never after `end`. */
  onClientError(error: WeirError): void
  /** The last response byte was handed to the kernel; `end` was called before. */
  onClientDone(): void
}

/** The origin's side of one exchange; implemented by http/h1/client and http/h2/client. */
export interface UpstreamStream {
  /** Request body bytes. False: wait for `onUpstreamDrain`. */
  data(chunk: Buffer): boolean
  end(trailers: HeaderList | null): void
  /** Gives up; the connection is not reused (h2: RST_STREAM CANCEL). No handler call follows. */
  abort(): void
  /** Back-pressure on the response body. */
  pause(): void
  resume(): void
}

/** What the origin's side tells the exchange; implemented by pipeline/exchange. */
export interface UpstreamEvents {
  /** 1xx other than 101. */
  onInformational(status: number, headers: HeaderList): void
  onResponseHead(head: ResponseHead): void
  /** False: the stream pauses itself until `resume`. */
  onResponseData(chunk: Buffer): boolean
  onResponseEnd(trailers: HeaderList | null): void
  /** At most once, and nothing after it. */
  onUpstreamError(error: WeirError): void
  onUpstreamDrain(): void
  /** 101 to a request that asked for it: the raw byte stream, bytes after the head pushed back into it. */
  onUpgraded(head: ResponseHead, socket: import('node:stream').Duplex): void
}

/** One verified connection to an origin, ready to carry exchanges; made by the pool, implemented by http/h1|h2/client. */
export interface UpstreamConn {
  readonly version: 11 | 20
  readonly info: UpstreamInfo
  /** How many exchanges it can take now: h1 0 or 1, h2 up to the peer's limit. */
  capacity(): number
  /** `head.headers` carry no hop-by-hop field and no framing; the conn writes Host/:authority from host and port. */
  send(head: RequestHead, events: UpstreamEvents): UpstreamStream
  /** Has it carried an exchange before: a reset may then be a race with the idle close (RFC 9112 §9.3.1). */
  reused(): boolean
  /** Ends it once idle. */
  close(): void
  destroy(): void
  /** Called whenever capacity may have grown (an exchange ended), and once when the connection is gone. Set by the pool. */
  onAvailable: (() => void) | null
  onClosed: (() => void) | null
}

/** Facts about an upstream connection for the log and the drawer. */
export interface UpstreamInfo {
  addr: string
  port: number
  /** Name its certificate was verified for; null on plain HTTP. */
  verifiedName: string | null
  /** e.g. `TLSv1.3`, '' on plain. */
  tlsVersion: string
  cipher: string
  alpn: string
  /** Allowances the verdict on its certificate made use of, in words for the log; ''. */
  exception: string
  /** What says it is not revoked: `staple`, `ocsp`, `crl`, `list`, `none`; '' on plain. */
  revocation: string
  /** Does the origin's certificate speak for that host too? null: plain HTTP, nothing is proved. */
  covers: ((host: string) => boolean) | null
  /** Milliseconds. */
  connectMs: number
  tlsMs: number
}

/** Where an exchange must go: a connection is shared only among equal keys. */
export interface UpstreamTarget {
  scheme: 'http' | 'https'
  /** Address to dial: the client's original destination in transparent mode. */
  addr: string
  port: number
  /** Name to send as SNI and to verify; an address when the client named none. */
  name: string
  /** Source address to bind (the client's), or null for the box's own. */
  sourceAddr: string | null
  /** What may be overlooked in the origin's certificate; a connection is shared only under the same exception. */
  exception: TlsException | null
  /** May h2 be offered (never when the request is an HTTP/1 upgrade). */
  allowH2: boolean
  /** Address of the client: none may have all connections to one origin. Absent: not counted apart from others without. */
  client?: string
  /** Id of the client connection whose requests alone may go there; absent: everybody's. */
  owner?: string
  /** Offer no protocol at all (RFC 7301): what is spoken inside is not HTTP. */
  noAlpn?: boolean
}

export type CacheResult = 'none' | 'miss' | 'hit' | 'revalidated' | 'bypass'

/** A complete answer made by Weir itself: block page, error page. */
export interface LocalReply {
  status: number
  headers: HeaderList
  body: Buffer
}

/** All that is known about one request; a fixed shape, every field set at birth. Behaviour lives in pipeline/exchange. */
export class Exchange {
  readonly conn: Conn
  readonly request: RequestHead
  /** Milliseconds since the epoch, and on the monotonic clock. */
  readonly startedAt: number
  readonly startedMono: number
  decision: Decision | null = null
  response: ResponseHead | null = null
  /** Set when Weir answers by itself. */
  localReply: LocalReply | null = null
  upstream: UpstreamInfo | null = null
  upstreamReused = false
  cache: CacheResult = 'none'
  /** Why not stored or not a hit: short closed words such as `no-store`, `private`, `vary`, `method`. */
  cacheReason = ''
  error: WeirError | null = null
  requestBytes = 0
  responseBytes = 0
  /** Monotonic milliseconds at which it happened; 0 = not (yet). */
  upstreamReadyMono = 0
  firstByteMono = 0

  constructor(conn: Conn, request: RequestHead, startedAt: number, startedMono: number) {
    this.conn = conn
    this.request = request
    this.startedAt = startedAt
    this.startedMono = startedMono
  }
}
