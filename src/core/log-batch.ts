import type { ConnectionRow, ExchangeRow, LogRow } from './log-event.ts'

/**
 * A row on its way to the store: its values behind its kind, in the order of the fields of `log-event.ts`. A batch is
 * UTF-8 JSON, an array of these; with the names of the fields it would be nearly three times as long, and take twice as
 * long to read.
 */
export type WireRow = (string | number)[]

export function wireRow(row: LogRow): WireRow {
  return row.kind === 'exchange' ? wireExchange(row) : wireConnection(row)
}

function wireExchange(r: ExchangeRow): WireRow {
  return [
    r.kind,
    r.time,
    r.conn,
    r.client,
    r.dst,
    r.host,
    r.port,
    r.scheme,
    r.method,
    r.path,
    r.status,
    r.httpVersion,
    r.originHttpVersion,
    r.contentType,
    r.bytesUp,
    r.bytesDown,
    r.tier,
    r.verdict,
    r.reason,
    r.rule,
    r.ruleLine,
    r.list,
    r.listLine,
    r.cache,
    r.cacheReason,
    r.durationMs,
    r.connectMs,
    r.waitMs,
    r.bodyMs,
    r.clientTls,
    r.originTls,
    r.upstream,
    r.upstreamReused,
    r.exception,
    r.revocation,
    r.error,
    r.errorDetail,
  ]
}

function wireConnection(r: ConnectionRow): WireRow {
  return [
    r.kind,
    r.time,
    r.conn,
    r.client,
    r.clientPort,
    r.dst,
    r.dstPort,
    r.host,
    r.protocol,
    r.alpn,
    r.tier,
    r.verdict,
    r.reason,
    r.rule,
    r.ruleLine,
    r.list,
    r.listLine,
    r.tierReason,
    r.tierRule,
    r.tierRuleLine,
    r.bytesUp,
    r.bytesDown,
    r.durationMs,
    r.exchanges,
    r.clientTls,
    r.originTls,
    r.ja3,
    r.ja4,
    r.ech,
    r.handshake,
    r.exception,
    r.error,
    r.errorDetail,
  ]
}
