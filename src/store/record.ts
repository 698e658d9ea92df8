import type { ConnectionRow, ExchangeRow, LogRow } from '../core/log-event.ts'

/**
 * Rows come from processes that talk to the network, so nothing about them is believed: every field is coerced to its
 * column's type and bounded here, and no row can make an insert fail.
 */
const SHORT = 64
const NAME = 255
const PATH = 8192
const DETAIL = 500

const EXCHANGE_COLUMNS = `id time conn client dst host port scheme method path status http_version origin_http_version
  content_type bytes_up bytes_down tier verdict reason rule rule_line list list_line cache cache_reason duration_ms connect_ms
  wait_ms body_ms client_tls origin_tls upstream upstream_reused exception revocation error error_detail`.split(/\s+/)

const CONNECTION_COLUMNS =
  `id time conn client client_port dst port host protocol alpn tier verdict reason rule rule_line list
  list_line tier_reason tier_rule tier_rule_line bytes_up bytes_down duration_ms exchanges client_tls origin_tls ja3 ja4
  ech handshake exception error error_detail`.split(/\s+/)

export const INSERT_EXCHANGE = insert('exchanges', EXCHANGE_COLUMNS)
export const INSERT_CONNECTION = insert('connections', CONNECTION_COLUMNS)

function insert(table: string, columns: string[]): string {
  return `INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => '?').join()})`
}

/** Values in the order of EXCHANGE_COLUMNS. */
export function exchangeValues(id: number, r: ExchangeRow): (string | number)[] {
  return [
    id,
    int(r.time),
    text(r.conn, SHORT),
    text(r.client, SHORT),
    text(r.dst, SHORT),
    hostOf(r),
    int(r.port),
    text(r.scheme, SHORT),
    text(r.method, SHORT),
    text(r.path, PATH),
    int(r.status),
    int(r.httpVersion),
    int(r.originHttpVersion),
    text(r.contentType, NAME),
    int(r.bytesUp),
    int(r.bytesDown),
    text(r.tier, SHORT),
    text(r.verdict, SHORT),
    text(r.reason, SHORT),
    text(r.rule, NAME),
    int(r.ruleLine),
    text(r.list, NAME),
    int(r.listLine),
    text(r.cache, SHORT),
    text(r.cacheReason, SHORT),
    int(r.durationMs),
    int(r.connectMs),
    int(r.waitMs),
    int(r.bodyMs),
    text(r.clientTls, SHORT),
    text(r.originTls, SHORT),
    text(r.upstream, SHORT),
    int(r.upstreamReused),
    text(r.exception, NAME),
    text(r.revocation, SHORT),
    text(r.error, SHORT),
    text(r.errorDetail, DETAIL),
  ]
}

/** Values in the order of CONNECTION_COLUMNS. */
export function connectionValues(id: number, r: ConnectionRow): (string | number)[] {
  return [
    id,
    int(r.time),
    text(r.conn, SHORT),
    text(r.client, SHORT),
    int(r.clientPort),
    text(r.dst, SHORT),
    int(r.dstPort),
    hostOf(r),
    text(r.protocol, SHORT),
    text(r.alpn, SHORT),
    text(r.tier, SHORT),
    text(r.verdict, SHORT),
    text(r.reason, SHORT),
    text(r.rule, NAME),
    int(r.ruleLine),
    text(r.list, NAME),
    int(r.listLine),
    text(r.tierReason, SHORT),
    text(r.tierRule, NAME),
    int(r.tierRuleLine),
    int(r.bytesUp),
    int(r.bytesDown),
    int(r.durationMs),
    int(r.exchanges),
    text(r.clientTls, SHORT),
    text(r.originTls, SHORT),
    text(r.ja3, SHORT),
    text(r.ja4, SHORT),
    int(r.ech),
    text(r.handshake, SHORT),
    text(r.exception, NAME),
    text(r.error, SHORT),
    text(r.errorDetail, DETAIL),
  ]
}

/** Without a name the destination address stands in, so that every row can be found by `host:`. */
export function hostOf(row: LogRow): string {
  return text(row.host, NAME) || text(row.dst, SHORT)
}

export function text(value: unknown, max: number): string {
  if (typeof value !== 'string') return ''
  return value.length > max ? value.slice(0, max) : value
}

/** A whole number from 0 up: times, sizes, counts and lines are never negative. */
export function int(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) return 0
  return value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Math.trunc(value)
}

/** What a batch holds, or null when it is no JSON array. Entries that are no rows are left out. */
export function parseBatch(batch: Uint8Array): LogRow[] | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength).toString('utf8'))
  } catch {
    return null
  }
  return Array.isArray(parsed) ? parsed.filter(isRow) : null
}

function isRow(value: unknown): value is LogRow {
  if (typeof value !== 'object' || value === null) return false
  const kind = (value as { kind?: unknown }).kind
  return kind === 'exchange' || kind === 'connection'
}
