import type { WeirError } from '../core/errors.ts'
import type { Exchange, UpstreamTarget } from '../core/exchange.ts'

/** Where the exchange goes: the client's original destination, proved by the name it asked for. */
export function originTarget({ conn, request }: Exchange, keepClientAddress: boolean): UpstreamTarget {
  const https = request.scheme === 'https'
  return {
    scheme: request.scheme,
    addr: conn.dstAddr,
    port: conn.dstPort,
    name: https ? (conn.hello?.sni ?? conn.dstAddr) : '',
    sourceAddr: keepClientAddress ? conn.clientAddr : null,
    // The origin is spoken to as the client could have: h2 only for a client that chose it, and an upgrade needs HTTP/1
    allowH2: https && conn.clientAlpn === 'h2' && request.upgrade === null,
  }
}

/**
 * A name proved by the origin's certificate may share one entry. On plain HTTP, and where a client sent no SNI and the
 * certificate was checked for the address, Host is only the client's word: there an entry belongs to the address it
 * came from, and a forged Host can poison nobody else's.
 */
export function cacheScope({ conn, request }: Exchange): string {
  return request.scheme === 'https' && conn.hello?.sni != null ? '' : conn.dstAddr
}

/** RFC 9110 §9.2.2 and RFC 9112 §9.3.1: only what is idempotent and has no body, if it died of a stale connection. */
export function maySendAgain({ request, upstreamReused }: Exchange, error: WeirError): boolean {
  return error.code === 'origin-reset' && upstreamReused && request.bodyLength === 0 && IDEMPOTENT.has(request.method)
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
