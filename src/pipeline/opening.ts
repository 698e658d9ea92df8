import type net from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import type { Conn } from '../core/conn.ts'
import type { ReasonCode } from '../core/decision.ts'
import { WeirError } from '../core/errors.ts'
import { HandshakeWatch } from './handshake.ts'
import { ALERT } from './hello.ts'
import { Inside } from './inside.ts'
import type { HandshakeFacts, RawOrigin, Stations } from './stations.ts'

export interface OpeningEvents {
  /** `name`: what the certificate was made for. */
  onHttp(tls: TLSSocket, name: string): void
  /** What is inside is not HTTP: a relay begins. */
  onRelay(tls: TLSSocket, reason: ReasonCode, origin: RawOrigin): void
  /** There is no certificate: the client still waits for an answer to its hello. */
  onNoCertificate(error: WeirError, alert: number): void
  /** It came to nothing, and its sockets are closed. */
  onOver(reason: ReasonCode | null, error: WeirError | null): void
}

/** How a TLS connection is opened: leaf → handshake → what is spoken inside; and how the client took it. */
export class Opening {
  readonly #stations: Stations
  readonly #conn: Conn
  readonly #socket: net.Socket
  readonly #events: OpeningEvents
  /** What the certificate speaks for: without a server name the destination address is the name. */
  readonly #name: string
  #tls: TLSSocket | null = null
  #inside: Inside | null = null
  #watch: HandshakeWatch | null = null
  #over = false

  constructor(stations: Stations, conn: Conn, socket: net.Socket, events: OpeningEvents) {
    this.#stations = stations
    this.#conn = conn
    this.#socket = socket
    this.#events = events
    this.#name = conn.hello?.sni ?? conn.dstAddr
  }

  start(): void {
    const { hello, clientAddr } = this.#conn
    this.#stations.leaf(this.#name, this.#onLeaf, hello?.ecdsa === false ? 'rsa' : 'ecdsa', clientAddr)
  }

  /** The client has sent a request. */
  heard(): void {
    this.#watch?.heard()
  }

  /** The connection is over, by us or not: last word on the handshake. */
  over(byUs: boolean): void {
    this.#over = true
    this.#inside?.cancel()
    this.#watch?.over(byUs)
  }

  destroy(): void {
    this.#inside?.cancel()
    this.#tls?.destroy()
  }

  readonly #onLeaf = (error: WeirError | null, context: SecureContext | null): void => {
    if (this.#over) return
    if (context === null) {
      this.#events.onNoCertificate(error ?? new WeirError('self-mint'), ALERT.internalError)
      return
    }
    const options = { requestName: this.#name, ech: this.#conn.hello?.ech ?? false }
    this.#stations.terminate(this.#socket, context, options, this.#onHandshake)
  }

  readonly #onHandshake = (error: WeirError | null, tls: TLSSocket | null, facts: HandshakeFacts): void => {
    const conn = this.#conn
    this.#watch = new HandshakeWatch(this.#stations, conn, facts, tls)
    this.#tls = tls
    if (tls === null) {
      this.#close(null, error)
      return
    }
    conn.clientTlsVersion = tls.getProtocol() ?? ''
    conn.clientCipher = tls.getCipher()?.standardName ?? ''
    conn.clientAlpn = tls.alpnProtocol || ''
    if (conn.clientAlpn === '') this.#look(tls)
    else this.#events.onHttp(tls, this.#name)
  }

  #look(tls: TLSSocket): void {
    this.#inside = new Inside(this.#stations, this.#conn, tls, this.#name, {
      onHttp: version => {
        this.#inside = null
        if (version === 'h2') this.#conn.clientAlpn = 'h2'
        this.#events.onHttp(tls, this.#name)
      },
      onRelay: (reason, origin) => {
        this.#inside = null
        this.#events.onRelay(tls, reason, origin)
      },
      onOver: (reason, error) => {
        this.#inside = null
        tls.destroy()
        this.#close(reason, error)
      },
    })
    this.#inside.start()
  }

  #close(reason: ReasonCode | null, error: WeirError | null): void {
    this.#socket.destroy()
    this.#events.onOver(reason, error)
  }
}
