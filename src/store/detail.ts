import type Database from 'better-sqlite3'
import type { ConnectionDetail, ExchangeDetail, TrafficDetail, TrafficRow, Why } from './answers.ts'

interface WhyColumns {
  reason: Why['code']
  rule: string
  rule_line: number
  list: string
  list_line: number
}

interface ExchangeColumns extends WhyColumns {
  http_version: number
  origin_http_version: number
  cache_reason: string
  duration_ms: number
  connect_ms: number
  wait_ms: number
  body_ms: number
  client_tls: string
  origin_tls: string
  dst: string
  upstream: string
  upstream_reused: number
  exception: string
  revocation: string
  error_detail: string
  conn: string
}

interface ConnectionColumns extends WhyColumns {
  conn: string
  client_port: number
  dst: string
  port: number
  protocol: string
  alpn: string
  tier_reason: Why['code']
  tier_rule: string
  tier_rule_line: number
  exchanges: number
  client_tls: string
  origin_tls: string
  ja3: string
  ja4: string
  ech: number
  handshake: ConnectionDetail['handshake']
  exception: string
  error_detail: string
}

/** All that is known about a line of the log and the connection that carried it. */
export function trafficDetail(
  db: Database.Database,
  exchange: TrafficRow | null,
  connection: TrafficRow | null,
): TrafficDetail {
  return {
    exchange: exchange === null ? null : exchangeDetail(db, exchange),
    connection: connection === null ? null : connectionDetail(db, connection),
  }
}

function exchangeDetail(db: Database.Database, row: TrafficRow): ExchangeDetail {
  const c = db.prepare('SELECT * FROM exchanges WHERE id = ?').get(row.id) as ExchangeColumns
  return {
    row,
    why: whyOf(c),
    httpVersion: c.http_version,
    originHttpVersion: c.origin_http_version,
    cacheReason: c.cache_reason,
    timings: { totalMs: c.duration_ms, connectMs: c.connect_ms, waitMs: c.wait_ms, bodyMs: c.body_ms },
    clientTls: c.client_tls,
    originTls: c.origin_tls,
    dst: c.dst,
    upstream: c.upstream,
    upstreamReused: c.upstream_reused !== 0,
    exception: c.exception,
    revocation: c.revocation,
    errorDetail: c.error_detail,
    connection: c.conn,
  }
}

function connectionDetail(db: Database.Database, row: TrafficRow): ConnectionDetail {
  const c = db.prepare('SELECT * FROM connections WHERE id = ?').get(row.id) as ConnectionColumns
  return {
    row,
    connection: c.conn,
    clientPort: c.client_port,
    dst: c.dst,
    dstPort: c.port,
    protocol: c.protocol,
    alpn: c.alpn,
    why: whyOf(c),
    tierWhy: { code: c.tier_reason, rule: c.tier_rule, ruleLine: c.tier_rule_line, list: '', listLine: 0 },
    exchanges: c.exchanges,
    clientTls: c.client_tls,
    originTls: c.origin_tls,
    ja3: c.ja3,
    ja4: c.ja4,
    ech: c.ech !== 0,
    handshake: c.handshake,
    exception: c.exception,
    errorDetail: c.error_detail,
  }
}

function whyOf(c: WhyColumns): Why {
  return { code: c.reason, rule: c.rule, ruleLine: c.rule_line, list: c.list, listLine: c.list_line }
}
