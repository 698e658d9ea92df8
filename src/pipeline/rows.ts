import type { Conn } from '../core/conn.ts'
import { type Decision, NO_REASON, type Reason } from '../core/decision.ts'
import type { WeirError } from '../core/errors.ts'
import type { Exchange } from '../core/exchange.ts'
import { headerGet } from '../core/headers.ts'
import type { ConnectionRow, ExchangeRow } from '../core/log-event.ts'

/** A connection's one row, written when it is over, whatever way it ended. */
export function connectionRow(conn: Conn, reason: Reason, error: WeirError | null, nowMono: number): ConnectionRow {
  const decision = conn.decision
  const tierReason = decision?.tierReason ?? NO_REASON
  return {
    kind: 'connection',
    time: conn.startedAt,
    conn: conn.id,
    client: conn.clientAddr,
    clientPort: conn.clientPort,
    dst: conn.dstAddr,
    dstPort: conn.dstPort,
    host: conn.host ?? '',
    protocol: conn.protocol,
    alpn: conn.clientAlpn || (conn.hello?.alpn.join(',') ?? ''),
    tier: decision?.tier ?? 'pass',
    verdict: verdictOf(decision, error),
    reason: reason.code,
    rule: reason.rule ?? '',
    ruleLine: reason.line,
    list: reason.list ?? '',
    listLine: reason.listLine,
    tierReason: tierReason.code,
    tierRule: tierReason.rule ?? '',
    tierRuleLine: tierReason.line,
    bytesUp: conn.bytesUp,
    bytesDown: conn.bytesDown,
    durationMs: round(nowMono - conn.startedMono),
    exchanges: conn.exchanges,
    clientTls: conn.clientTlsVersion,
    originTls: conn.originTlsVersion,
    ja3: conn.hello?.ja3 ?? '',
    ja4: conn.hello?.ja4 ?? '',
    ech: conn.hello?.ech ? 1 : 0,
    handshake: conn.outcome,
    exception: conn.exception,
    error: error?.code ?? '',
    errorDetail: error?.detail ?? '',
  }
}

/** An exchange's one row. */
export function exchangeRow(ex: Exchange, nowMono: number): ExchangeRow {
  const { conn, request, response, upstream, error } = ex
  const decision = ex.decision ?? conn.decision
  const reason = decision?.reason ?? NO_REASON
  const status = response?.status ?? ex.localReply?.status ?? (error?.status || 0)
  return {
    kind: 'exchange',
    time: ex.startedAt,
    conn: conn.id,
    client: conn.clientAddr,
    dst: conn.dstAddr,
    host: request.host,
    port: request.port,
    scheme: request.scheme,
    method: request.method,
    path: request.path,
    status,
    httpVersion: request.version,
    originHttpVersion: upstream === null || response === null ? 0 : response.version,
    contentType: response === null ? '' : (headerGet(response.headers, 'content-type') ?? ''),
    bytesUp: ex.requestBytes,
    bytesDown: ex.responseBytes,
    tier: decision?.tier ?? conn.decision?.tier ?? 'inspect',
    verdict: verdictOf(decision, error),
    reason: reason.code,
    rule: reason.rule ?? '',
    ruleLine: reason.line,
    list: reason.list ?? '',
    listLine: reason.listLine,
    cache: ex.cache,
    cacheReason: ex.cacheReason,
    durationMs: round(nowMono - ex.startedMono),
    connectMs: ex.upstreamReadyMono === 0 ? 0 : round(ex.upstreamReadyMono - ex.startedMono),
    waitMs: ex.firstByteMono === 0 || ex.upstreamReadyMono === 0 ? 0 : round(ex.firstByteMono - ex.upstreamReadyMono),
    bodyMs: ex.firstByteMono === 0 ? 0 : round(nowMono - ex.firstByteMono),
    clientTls: conn.clientTlsVersion,
    originTls: upstream?.tlsVersion ?? '',
    upstream: upstream === null ? '' : upstream.addr,
    upstreamReused: ex.upstreamReused ? 1 : 0,
    exception: upstream?.exception ?? '',
    revocation: upstream?.revocation ?? '',
    error: error?.code ?? '',
    errorDetail: error?.detail ?? '',
  }
}

/** A client that went away is nobody's failure; what policy refused is a block even if it was told by an error. */
function verdictOf(decision: Decision | null, error: WeirError | null): 'allow' | 'block' | 'fail' {
  if (decision?.verdict === 'block' || error?.fault === 'policy') return 'block'
  if (error === null || error.code === 'client-gone' || error.code === 'idle-timeout') return 'allow'
  return 'fail'
}

/** Tenths of a millisecond are enough for people and keep the row short. */
function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
