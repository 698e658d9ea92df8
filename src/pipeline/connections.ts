import type net from 'node:net'
import { plainAddr } from '../core/addr.ts'
import { Conn } from '../core/conn.ts'
import { WeirError } from '../core/errors.ts'
import { Connection } from './connection.ts'
import type { Stations } from './stations.ts'

/** All client connections of a worker. */
export class Connections {
  readonly #stations: Stations
  readonly #all = new Set<Connection>()
  /** Open connections by client; bounded by the listener's own limit, an entry lives as long as its connections. */
  readonly #perClient = new Map<string, number>()
  readonly #idPrefix: string
  readonly #maxPerClient: number
  #count = 0
  #draining = false
  #onEmpty: (() => void) | null = null

  /** `idPrefix` makes connection ids unique across workers and restarts; one device may hold `maxPerClient`. */
  constructor(stations: Stations, idPrefix: string, maxPerClient: number) {
    this.#maxPerClient = maxPerClient
    this.#stations = stations
    this.#idPrefix = idPrefix
  }

  get size(): number {
    return this.#all.size
  }

  accept(socket: net.Socket, ingress: string): void {
    const conn = connOf(socket, `${this.#idPrefix}-${(++this.#count).toString(36)}`, ingress)
    if (conn === null) {
      socket.destroy()
      return
    }
    const open = this.#perClient.get(conn.clientAddr) ?? 0
    this.#perClient.set(conn.clientAddr, open + 1)
    const connection = new Connection(this.#stations, socket, conn, this.#over)
    this.#all.add(connection)
    if (open < this.#maxPerClient) connection.start()
    else connection.refuse(new WeirError('self-overloaded', `This client holds ${open} connections.`))
  }

  /**
   * Resolves when the last connection is over. Idle ones are closed at once; running exchanges and splices may finish
   * for `graceMs` and are cut off then.
   */
  drain(graceMs: number): Promise<void> {
    this.#draining = true
    for (const connection of this.#all) connection.drain()
    return new Promise(resolve => {
      this.#onEmpty = resolve
      if (this.#all.size === 0) resolve()
      else setTimeout(() => this.destroy(new WeirError('self-draining')), graceMs)
    })
  }

  destroy(error: WeirError): void {
    for (const connection of this.#all) connection.destroy(error)
  }

  readonly #over = (connection: Connection): void => {
    this.#all.delete(connection)
    const open = (this.#perClient.get(connection.clientAddr) ?? 1) - 1
    if (open === 0) this.#perClient.delete(connection.clientAddr)
    else this.#perClient.set(connection.clientAddr, open)
    if (this.#draining && this.#all.size === 0) this.#onEmpty?.()
  }
}

/** Facts of a just accepted socket; null when the client is already gone again. */
export function connOf(socket: net.Socket, id: string, ingress: string): Conn | null {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  if (remoteAddress === undefined || localAddress === undefined) return null
  return new Conn({
    id,
    clientAddr: plainAddr(remoteAddress),
    clientPort: remotePort ?? 0,
    dstAddr: plainAddr(localAddress),
    dstPort: localPort ?? 0,
    ingress,
    startedAt: Date.now(),
    startedMono: performance.now(),
  })
}
