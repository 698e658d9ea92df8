import type { Conn } from '../core/conn.ts'
import type { WeirError } from '../core/errors.ts'
import type { Exchange, RequestHead, UpstreamInfo, UpstreamTarget } from '../core/exchange.ts'
import { headerGet } from '../core/headers.ts'
import type { Stations } from './stations.ts'

type OriginStations = Pick<Stations, 'policy' | 'keepClientAddress' | 'exceptionFor'>

/** What the origin's certificate must prove: the name the connection was opened for, without one the address itself. */
function originName(conn: Conn): string {
  return conn.hello?.sni ?? conn.dstAddr
}

/**
 * May this request go over that connection? A host other than the one the connection was opened for must be in the
 * origin's certificate too (RFC 9110 §7.4), and be one that may be opened; else the client gets 421 and opens a connection of its own.
 */
export function mayCarry(ex: Exchange, { covers, exception }: UpstreamInfo, { policy }: OriginStations): boolean {
  const { request, conn, startedAt: now } = ex
  if (covers === null || request.host === originName(conn)) return true
  // What was overlooked was so for the one host, and proves nothing about others
  if (exception !== '' || !covers(request.host)) return false
  // A host that is not to be opened must not come in through the door of another one; the exchange's own decision tells
  // the tier of the connection
  const { clientAddr, dstAddr, dstPort } = conn
  return policy().decideConnection({ clientAddr, dstAddr, dstPort, host: request.host, now }).tier === 'inspect'
}

/** Where the exchange goes: the client's original destination, proved by the name it asked for. */
export function originTarget({ conn, request }: Exchange, stations: OriginStations): UpstreamTarget {
  const https = request.scheme === 'https'
  const name = https ? originName(conn) : ''
  return {
    scheme: request.scheme,
    addr: conn.dstAddr,
    port: conn.dstPort,
    name,
    sourceAddr: stations.keepClientAddress ? conn.clientAddr : null,
    exception: https ? stations.exceptionFor(conn.clientAddr, name) : null,
    // The origin is spoken to as the client could have: h2 only for a client that chose it, and an upgrade needs HTTP/1
    allowH2: https && conn.clientAlpn === 'h2' && request.upgrade === null,
    client: conn.clientAddr,
    ...(conn.userBound && { owner: conn.id }),
  }
}

/**
 * Schemes that name the user of a connection and not of a request (RFC 4559 §6, MS-NTHT): whatever follows on it is his,
 * with or without credentials. From the first of them on, the client's connection has origin connections to itself.
 */
export function bindsUser({ headers }: RequestHead): boolean {
  const credentials = headerGet(headers, 'authorization')
  return credentials !== null && /^(?:ntlm|negotiate|nego2|kerberos)(?: |$)/i.test(credentials)
}

/**
 * A name proved by the origin's certificate may share one entry. On plain HTTP, and where a client sent no SNI and the
 * certificate was checked for the address, Host is only the client's word: there an entry belongs to the address it
 * came from, and a forged Host can poison nobody else's.
 */
export function cacheScope({ conn, request }: Exchange): string {
  return request.scheme === 'https' && conn.hello?.sni != null ? '' : conn.dstAddr
}

/**
 * Something may be overlooked in the origin's certificate: what comes from there is proved less, perhaps to one person
 * only, and must reach nobody else through the cache.
 */
export function underException({ conn, request }: Exchange, stations: OriginStations): boolean {
  return request.scheme === 'https' && stations.exceptionFor(conn.clientAddr, originName(conn)) !== null
}

/** RFC 9110 §9.2.2 and RFC 9112 §9.3.1: only what is idempotent and has no body, if it died of a stale connection. */
export function maySendAgain({ request, upstreamReused }: Exchange, error: WeirError): boolean {
  return error.code === 'origin-reset' && upstreamReused && request.bodyLength === 0 && IDEMPOTENT.has(request.method)
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
