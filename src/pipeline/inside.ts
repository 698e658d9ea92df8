import type { TLSSocket } from 'node:tls'
import type { Conn } from '../core/conn.ts'
import type { ReasonCode } from '../core/decision.ts'
import { WeirError } from '../core/errors.ts'
import type { UpstreamInfo } from '../core/exchange.ts'
import { ServerFirst } from './server-first.ts'
import type { Peeked, RawOrigin, Stations } from './stations.ts'

/** A client silent for so long lets the server speak first (mail inside TLS). */
const SERVER_FIRST_MS = 1500
const HTTP_OR_HALF: ReadonlySet<Peeked['kind']> = new Set(['h1', 'h2', 'slow'])

export interface InsideEvents {
  /** It is HTTP after all; every byte is back in the socket. */
  onHttp(version: 'h1' | 'h2'): void
  /** It is not, and here begins the relay. */
  onRelay(reason: ReasonCode, origin: RawOrigin): void
  /** Neither, or not allowed: the sockets are the listener's to end. */
  onOver(reason: ReasonCode | null, error: WeirError | null): void
}

/**
 * A TLS client that named no protocol by ALPN. Simple HTTP clients do so, and so do mail, printers and directories: the
 * first bytes tell. What is no HTTP is relayed over a connection whose origin has proved its name like any other.
 */
export class Inside {
  readonly #stations: Stations
  readonly #conn: Conn
  readonly #socket: TLSSocket
  readonly #name: string
  readonly #events: InsideEvents
  /** Lets go of whatever runs. */
  #cancel: (() => void) | null = null
  #over = false

  constructor(stations: Stations, conn: Conn, socket: TLSSocket, name: string, events: InsideEvents) {
    this.#stations = stations
    this.#conn = conn
    this.#socket = socket
    this.#name = name
    this.#events = events
  }

  start(): void {
    this.#cancel = this.#look(SERVER_FIRST_MS, this.#onLooked)
  }

  /** Lets go of everything but the client; no event follows. */
  cancel(): void {
    this.#over = true
    this.#socket.removeListener('close', this.#onClientClosed)
    this.#cancel?.()
    this.#cancel = null
  }

  #look(firstByteMs: number, done: (result: Peeked) => void): () => void {
    return this.#stations.peekLater(this.#socket, firstByteMs, done)
  }

  readonly #onLooked = (result: Peeked): void => {
    switch (result.kind) {
      case 'h1':
      case 'h2':
        this.cancel()
        this.#events.onHttp(result.kind)
        return
      case 'closed':
        this.#end(null, null)
        return
      case 'slow':
        this.#end('malformed', new WeirError('client-timeout', 'The beginning of a request came, and then nothing.'))
        return
      case 'silent':
        if (!this.#refused('server-first')) this.#waitForEither()
        return
      default:
        if (!this.#refused('not-http')) this.#dialAndRelay()
    }
  }

  #refused(reason: ReasonCode): boolean {
    if (this.#stations.policy().tls.notHttp !== 'refuse') return false
    this.#end(reason, new WeirError('policy-blocked'))
    return true
  }

  #waitForEither(): void {
    const wait = new ServerFirst({
      look: (firstByteMs, done) => this.#look(firstByteMs, done),
      dial: done => this.#dial(done),
      ours: HTTP_OR_HALF,
      onClient: this.#onLooked,
      onRelay: (origin, clientSpoke) => this.#relay(clientSpoke ? 'not-http' : 'server-first', origin),
      onOver: error => this.#end('server-first', error),
    })
    this.#cancel = wait.cancel
    wait.start()
  }

  #dialAndRelay(): void {
    this.#socket.once('close', this.#onClientClosed)
    this.#cancel = this.#dial((error, origin) => {
      if (origin === null) this.#end('not-http', error ?? new WeirError('origin-unreachable'))
      else this.#relay('not-http', origin)
    })
  }

  readonly #onClientClosed = (): void => this.#end(null, new WeirError('client-gone'))

  #dial(done: (error: WeirError | null, origin: RawOrigin | null) => void): () => void {
    const { clientAddr, dstAddr, dstPort } = this.#conn
    const target = {
      scheme: 'https',
      addr: dstAddr,
      port: dstPort,
      name: this.#name,
      sourceAddr: this.#stations.keepClientAddress ? clientAddr : null,
      exception: this.#stations.exceptionFor(clientAddr, this.#name),
      allowH2: false,
      noAlpn: true,
    } as const
    return this.#stations.dialTls(target, (error, origin, info) => {
      this.#note(info)
      if (error?.code === 'origin-client-cert') this.#stations.clientCertWanted(this.#conn)
      done(error, origin)
    })
  }

  #note(info: UpstreamInfo | null): void {
    if (info === null) return
    this.#conn.originTlsVersion = info.tlsVersion
    this.#conn.exception = info.exception
    this.#conn.revocation = info.revocation
  }

  #relay(reason: ReasonCode, origin: RawOrigin): void {
    this.#over = true
    this.#socket.removeListener('close', this.#onClientClosed)
    this.#cancel = null
    this.#events.onRelay(reason, origin)
  }

  #end(reason: ReasonCode | null, error: WeirError | null): void {
    if (this.#over) return
    this.cancel()
    this.#events.onOver(reason, error)
  }
}
