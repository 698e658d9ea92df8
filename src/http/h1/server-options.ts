import type { Socket } from 'node:net'
import type { Conn } from '../../core/conn.ts'
import type { WeirError } from '../../core/errors.ts'
import type { ClientEvents, ClientStream, Exchange, LocalReply, RequestHead } from '../../core/exchange.ts'
import type { HttpLimits } from '../limits.ts'

/** What a client connection is served with. */
export interface H1ServerOptions {
  conn: Conn
  /** Plain or TLS; bytes read before may have been unshifted into it. */
  socket: Socket
  /** The TCP connection: `socket` itself, or what is below its TLS. */
  raw: Socket
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
