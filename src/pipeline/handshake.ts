import type { TLSSocket } from 'node:tls'
import type { Conn } from '../core/conn.ts'
import type { HandshakeFacts, Stations } from './stations.ts'

/**
 * How one client took our certificate: known at once when the handshake fails or the client speaks, else when the
 * connection ends. Told exactly once.
 */
export class HandshakeWatch {
  readonly #stations: Pick<Stations, 'outcomeOf' | 'handshake'>
  readonly #conn: Conn
  readonly #facts: HandshakeFacts
  /** null: the handshake failed. */
  readonly #tls: TLSSocket | null
  readonly #finishedMono = performance.now()
  #told = false

  constructor(
    stations: Pick<Stations, 'outcomeOf' | 'handshake'>,
    conn: Conn,
    facts: HandshakeFacts,
    tls: TLSSocket | null,
  ) {
    this.#stations = stations
    this.#conn = conn
    this.#facts = facts
    this.#tls = tls
  }

  /** The client has sent something inside. */
  heard(): void {
    if (!this.#told) this.#tell(-1, false)
  }

  /** The connection is over. */
  over(byUs: boolean): void {
    if (!this.#told) this.#tell(this.#tls === null ? -1 : performance.now() - this.#finishedMono, byUs)
  }

  #tell(closedAfterMs: number, byUs: boolean): void {
    this.#told = true
    const conn = this.#conn
    const facts = this.#facts
    conn.outcome = this.#stations.outcomeOf({
      ...facts,
      complete: this.#tls !== null,
      // Of a TLSSocket these are octets of application data
      appBytes: this.#tls?.bytesRead ?? 0,
      closedAfterMs,
      byUs: facts.byUs || byUs,
    })
    this.#stations.handshake({
      time: Date.now(),
      client: conn.clientAddr,
      host: conn.host ?? conn.dstAddr,
      outcome: conn.outcome,
      ja4: conn.hello?.ja4 ?? '',
    })
  }
}
