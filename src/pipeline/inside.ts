import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Conn } from '../core/conn.ts'
import type { ReasonCode } from '../core/decision.ts'
import { WeirError } from '../core/errors.ts'
import type { UpstreamInfo } from '../core/exchange.ts'
import type { Peeked, Stations } from './stations.ts'

/** A client silent for so long lets the server speak first (mail inside TLS). */
const SERVER_FIRST_MS = 1500
/** And if neither says a word, the connection ends. */
const BOTH_SILENT_MS = 60_000

export interface InsideEvents {
  /** It is HTTP after all; every byte is back in the socket. */
  onHttp(version: 'h1' | 'h2'): void
  /** It is not, and here begins the relay. */
  onRelay(reason: ReasonCode, origin: Duplex): void
  /** Neither, or not allowed: the sockets are the listener's to end. */
  onOver(reason: ReasonCode | null, error: WeirError | null): void
}

/**
 * A TLS client that named no protocol by ALPN. Simple HTTP clients do so, and so do mail, printers and directories: the
 * first bytes tell. What is no HTTP is relayed over a connection whose origin has proved its name like any other. A
 * client that keeps silent lets its server speak first; while both are waited for, the client may still turn out to
 * speak HTTP, and is then treated as such: nobody gets past the policy by waiting.
 */
export class Inside {
  readonly #stations: Stations
  readonly #conn: Conn
  readonly #socket: TLSSocket
  readonly #name: string
  readonly #events: InsideEvents
  #cancelLook: (() => void) | null = null
  #cancelDial: (() => void) | null = null
  #origin: Duplex | null = null
  /** The client has spoken, and it was no HTTP. */
  #spoken = false
  #over = false

  constructor(stations: Stations, conn: Conn, socket: TLSSocket, name: string, events: InsideEvents) {
    this.#stations = stations
    this.#conn = conn
    this.#socket = socket
    this.#name = name
    this.#events = events
  }

  start(): void {
    this.#cancelLook = this.#stations.peekInside(this.#socket, SERVER_FIRST_MS, result => {
      if (result.kind === 'silent') this.#waitForEither()
      else this.#looked(result)
    })
  }

  /** Lets go of everything but the client; no event follows. */
  readonly cancel = (): void => {
    this.#over = true
    this.#cancelLook?.()
    this.#cancelDial?.()
    this.#socket.removeListener('close', this.#onClientClosed)
    if (this.#origin === null) return
    this.#origin.removeListener('readable', this.#onServerSpoke)
    this.#origin.removeListener('close', this.#onOriginClosed)
    this.#origin.destroy()
  }

  #waitForEither(): void {
    if (this.#refused('server-first')) return
    this.#dial()
    if (this.#over) return
    this.#cancelLook = this.#stations.peekInside(this.#socket, BOTH_SILENT_MS, result => this.#looked(result))
  }

  #looked(result: Peeked): void {
    if (this.#over) return
    switch (result.kind) {
      case 'h1':
      case 'h2':
        this.cancel()
        this.#events.onHttp(result.kind)
        return
      case 'closed':
        this.#end(null, null)
        return
      case 'silent':
        this.#end('server-first', new WeirError('idle-timeout'))
        return
      case 'slow':
        this.#end('malformed', new WeirError('client-timeout', 'The beginning of a request came, and then nothing.'))
        return
      default:
        this.#notHttp()
    }
  }

  #notHttp(): void {
    this.#spoken = true
    this.#socket.once('close', this.#onClientClosed)
    if (this.#origin !== null) this.#relay('not-http')
    else if (this.#cancelDial === null && !this.#refused('not-http')) this.#dial()
  }

  #refused(reason: ReasonCode): boolean {
    if (this.#stations.policy().tls.notHttp !== 'refuse') return false
    this.#end(reason, new WeirError('policy-blocked'))
    return true
  }

  #dial(): void {
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
    this.#cancelDial = this.#stations.dialTls(target, (error, stream, info) => this.#dialled(error, stream, info))
  }

  #dialled(error: WeirError | null, stream: Duplex | null, info: UpstreamInfo | null): void {
    const conn = this.#conn
    if (info !== null) {
      conn.originTlsVersion = info.tlsVersion
      conn.exception = info.exception
      conn.revocation = info.revocation
    }
    if (stream === null) {
      if (error?.code === 'origin-client-cert') this.#stations.clientCertWanted(conn)
      this.#end(this.#spoken ? 'not-http' : 'server-first', error ?? new WeirError('origin-unreachable'))
      return
    }
    this.#origin = stream
    if (this.#spoken) {
      this.#relay('not-http')
      return
    }
    stream.on('readable', this.#onServerSpoke)
    stream.on('close', this.#onOriginClosed)
  }

  readonly #onServerSpoke = (): void => this.#relay('server-first')
  readonly #onOriginClosed = (): void => this.#end('server-first', new WeirError('origin-reset'))
  readonly #onClientClosed = (): void => this.#end(null, new WeirError('client-gone'))

  #relay(reason: ReasonCode): void {
    const origin = this.#origin!
    origin.removeListener('readable', this.#onServerSpoke)
    origin.removeListener('close', this.#onOriginClosed)
    this.#origin = null
    this.cancel()
    this.#events.onRelay(reason, origin)
  }

  #end(reason: ReasonCode | null, error: WeirError | null): void {
    if (this.#over) return
    this.cancel()
    this.#events.onOver(reason, error)
  }
}
