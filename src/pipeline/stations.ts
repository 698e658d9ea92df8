import type net from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext, TLSSocket } from 'node:tls'
import type { Conn, HelloFacts } from '../core/conn.ts'
import type { ConnectionFacts, Decision, Policy } from '../core/decision.ts'
import type { WeirError } from '../core/errors.ts'
import type {
  ClientEvents,
  ClientStream,
  Exchange,
  LocalReply,
  RequestHead,
  ResponseHead,
  UpstreamConn,
  UpstreamInfo,
  UpstreamTarget,
} from '../core/exchange.ts'
import type { HeaderPolicy } from '../core/header-policy.ts'
import type { HeaderList } from '../core/headers.ts'
import type { LogRow } from '../core/log-event.ts'
import type { HandshakeEvent, HandshakeOutcome, TlsException } from '../core/tls-policy.ts'

/**
 * What the two pipelines need from the stations, as the root (worker.ts) hands it to them. Stations do not know each
 * other; this file is the list of what flows between them.
 */
export interface Stations {
  policy(): Policy
  peek(socket: net.Socket, done: (result: Peeked) => void): void
  /**
   * The same with another patience for the first byte, and inside TLS without need of a host. Returns a function that gives up and
   * puts back what was read.
   */
  peekLater(socket: net.Socket, firstByteMs: number, done: (result: Peeked) => void): () => void
  /** Says what is wrong with a hello by a plaintext alert, and ends. `version`: the client's highest. */
  refuseHello(socket: net.Socket, alert: number, version: number): void
  /** What the hello, and what was learned about client and name, say against opening a TLS connection. */
  overlay(decision: Decision, facts: ConnectionFacts, hello: HelloFacts): Decision
  /** The error of a TLS connection that is blocked and gets no page. */
  refusalOf(decision: Decision): WeirError
  /**
   * The certificate for a name, minted if need be; with an RSA key only for a client that offers no ECDSA. `client`: who
   * wants it, as nobody may have all the minting.
   */
  leaf(
    name: string,
    done: (error: WeirError | null, context: SecureContext | null) => void,
    kind: 'ecdsa' | 'rsa',
    client: string,
  ): void
  terminate(
    socket: net.Socket,
    context: SecureContext,
    options: { requestName: string; ech: boolean },
    done: (error: WeirError | null, tls: TLSSocket | null, facts: HandshakeFacts) => void,
  ): void
  outcomeOf(end: HandshakeEnd): HandshakeOutcome
  /** For whoever learns from it. */
  handshake(event: HandshakeEvent): void
  serveH1(options: ServeOptions): HttpServer
  serveH2(options: ServeOptions): HttpServer
  /** A plain connection to the original destination, for splices. Returns a function that gives up. */
  dialRaw(target: UpstreamTarget, done: (error: WeirError | null, origin: RawOrigin | null) => void): () => void
  /** A connection inside which the origin has proved the target's name, for what is not HTTP. Returns a function that gives up. */
  dialTls(
    target: UpstreamTarget,
    done: (error: WeirError | null, origin: RawOrigin | null, info: UpstreamInfo | null) => void,
  ): () => void
  relay(client: Duplex, origin: RelayEnd, counters: ByteCounters, done: (error: WeirError | null) => void): void
  acquire(target: UpstreamTarget, waiter: UpstreamWaiter): { cancel(): void }
  filters: FilterRunner
  cache: CacheStation | null
  hop: HopStation
  errorPage(ex: Exchange, error: WeirError): LocalReply
  /** Refuses what leads back to the box. */
  isOwnDestination(addr: string): boolean
  /** What may be overlooked in that origin's certificate for this client: by policy, or by a person's click. */
  exceptionFor(clientAddr: string, name: string): TlsException | null
  /** The origin asked for a certificate that only the client has: the next connection to it is better left alone. */
  clientCertWanted(conn: Conn): void
  /** Dial from the client's own address. */
  keepClientAddress: boolean
  emit(row: LogRow): void
  /** Body bytes that passed, for whoever watches over memory. */
  passed(bytes: number): void
  counters: TrafficCounters
}

export type Peeked =
  | { kind: 'tls'; facts: HelloFacts }
  | { kind: 'h1'; host: string | null }
  | { kind: 'h2' }
  | { kind: 'other' }
  | { kind: 'silent' }
  | { kind: 'slow' }
  | { kind: 'closed' }
  | { kind: 'malformed'; why: string; alert: number }

/** What was seen of a client's handshake by the time it was over. */
export interface HandshakeFacts {
  /** Number of the alert the client sent, also later than the handshake; -1: none that could be read. */
  alert: number
  certificateSent: boolean
  resumed: boolean
  handshakeMs: number
  /** We ended it. */
  byUs: boolean
  /** The client's messages were wrong, or there was nothing in common. */
  malformed: boolean
}

/** The same and what became of the connection. */
export interface HandshakeEnd extends HandshakeFacts {
  /** The client's Finished came. */
  complete: boolean
  /** Octets of application data the client sent. */
  appBytes: number
  /** From the client's Finished to its close, milliseconds; -1: it did not close. */
  closedAfterMs: number
}

export interface ServeOptions {
  conn: Conn
  socket: net.Socket
  /** The TCP connection: `socket` itself, or what is below its TLS. */
  raw: net.Socket
  scheme: 'http' | 'https'
  /** The name the connection was opened for; Host must agree. null on plain HTTP. */
  sni: string | null
  onRequest(ex: Exchange, stream: ClientStream): ClientEvents
  /** The message could not be understood: the page to answer with, if any. */
  onRefused(error: WeirError, partial: RequestHead | null): LocalReply | null
  onClosed(error: WeirError | null): void
}

export interface HttpServer {
  /** Finishes what runs, takes nothing new. */
  drain(): void
  destroy(): void
}

/** The origin's end of a relay. */
export interface RelayEnd {
  readonly stream: Duplex
  /** What the socket was made to be read with, opaque to the pipeline; null: an ordinary stream. */
  readonly reader: object | null
}

/** A connection to an origin that nobody has read from yet. */
export interface RawOrigin extends RelayEnd {
  /** Calls `listener` when its first bytes, or its end, are there. Returns a function that stops that. */
  onSpoke(listener: () => void): () => void
}

export interface ByteCounters {
  bytesUp: number
  bytesDown: number
}

export interface UpstreamWaiter {
  onConn(conn: UpstreamConn, reused: boolean): void
  onDialError(error: WeirError, info: UpstreamInfo | null): void
}

/** Compiled filters; `done` may be called before the function returns. */
export interface FilterRunner {
  runRequest(ex: Exchange, done: (reply: LocalReply | null) => void): void
  runResponse(ex: Exchange, done: (reply: LocalReply | null) => void): void
}

export interface HopStation {
  /**
   * Takes hop-by-hop and framing fields off, and what a client may not say of its way, and adds Via; in place. A request that
   * came through here before: 'policy-loop'.
   */
  request(head: RequestHead, policy: HeaderPolicy): WeirError | null
  response(head: ResponseHead, policy: HeaderPolicy): void
  /** The same for the fields of a 1xx, without Via. */
  interim(headers: HeaderList): void
  /** Without the fields that must not stand in trailers; null when none is left. */
  trailers(trailers: HeaderList | null): HeaderList | null
}

/** Opaque to the pipeline: the cache's own entry. */
export type CacheEntry = object

export type CacheLookup =
  | { kind: 'bypass'; reason: string }
  | { kind: 'miss'; reason: string }
  | { kind: 'fresh'; entry: CacheEntry; ageSeconds: number }
  | { kind: 'stale'; entry: CacheEntry; reason: string }
  | { kind: 'unsatisfiable'; reason: string }

export interface CacheWriter {
  write(chunk: Buffer): void
  /** false: the answer was cut off and is dropped. */
  end(complete: boolean): void
}

export interface CachedAnswer {
  status: number
  headers: HeaderList
  body: Buffer[] | null
  bodyLength: number
}

export interface CacheStation {
  lookup(request: RequestHead, scope: string, nowMs: number): CacheLookup
  /** Takes the client's own conditions off the request and returns the fields that ask about the stored answer. */
  conditional(entry: CacheEntry, request: RequestHead): HeaderList
  /** The request as the client sent it, for another attempt. */
  unconditional(entry: CacheEntry, request: RequestHead): void
  answer(entry: CacheEntry, request: RequestHead, nowMs: number): CachedAnswer
  begin(
    request: RequestHead,
    response: ResponseHead,
    scope: string,
    requestMs: number,
    responseMs: number,
  ): CacheWriter | string
  /** After a 304; null: it is about something else, and the request must be sent again `unconditional`. */
  freshen(
    entry: CacheEntry,
    request: RequestHead,
    response: ResponseHead,
    requestMs: number,
    responseMs: number,
  ): CacheEntry | null
  invalidate(request: RequestHead, response: ResponseHead): number
}

/** Whole numbers that only grow, read once a second for the supervisor. */
export interface TrafficCounters {
  connections: number
  exchanges: number
  blocked: number
  spliced: number
  inspected: number
  cacheHits: number
  bytesSaved: number
}
