import type Database from 'better-sqlite3'
import type { StoredConnection, StoredExchange } from './record.ts'

const EXCHANGE_COLUMNS = `id time conn client dst host port scheme method path status http_version content_type bytes_up
  bytes_down tier verdict reason cache cache_reason duration_ms client_tls`.split(/\s+/)

/**
 * Columns that are empty together in most rows, with what empty is: no rule of the policy's, no question to the origin,
 * no trouble. To hand a value to SQLite costs more than to store it, so what is empty stands in the statement itself.
 */
const EXCHANGE_PARTS = [
  { rule: "''", rule_line: '0', list: "''", list_line: '0' },
  {
    origin_http_version: '0',
    connect_ms: '0',
    wait_ms: '0',
    body_ms: '0',
    origin_tls: "''",
    upstream: "''",
    upstream_reused: '0',
    revocation: "''",
  },
  { exception: "''", error: "''", error_detail: "''" },
]
const RULE = 1
const ORIGIN = 2
const TROUBLE = 4

const CONNECTION_COLUMNS =
  `id time conn client client_port dst port host protocol alpn tier verdict reason rule rule_line list
  list_line tier_reason tier_rule tier_rule_line bytes_up bytes_down duration_ms exchanges client_tls origin_tls ja3 ja4
  ech handshake exception error error_detail`.split(/\s+/)

/** Writes rows of the log, one statement a row. */
export class Inserts {
  /** By the parts that are filled. */
  private readonly exchanges: Database.Statement[]
  private readonly connections: Database.Statement

  constructor(db: Database.Database) {
    const every = RULE | ORIGIN | TROUBLE
    this.exchanges = Array.from({ length: every + 1 }, (_, filled) => db.prepare(exchangeInsert(filled)))
    const values = CONNECTION_COLUMNS.map(() => '?')
    this.connections = db.prepare(`INSERT INTO connections (${CONNECTION_COLUMNS}) VALUES (${values})`)
  }

  exchange(id: number, r: StoredExchange): void {
    const values = [
      id,
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
      r.contentType,
      r.bytesUp,
      r.bytesDown,
      r.tier,
      r.verdict,
      r.reason,
      r.cache,
      r.cacheReason,
      r.durationMs,
      r.clientTls,
    ]
    let filled = 0
    if (r.rule !== '' || r.ruleLine !== 0 || r.list !== '' || r.listLine !== 0) {
      filled |= RULE
      values.push(r.rule, r.ruleLine, r.list, r.listLine)
    }
    if (askedOrigin(r)) {
      filled |= ORIGIN
      values.push(r.originHttpVersion, r.connectMs, r.waitMs, r.bodyMs)
      values.push(r.originTls, r.upstream, r.upstreamReused, r.revocation)
    }
    if (r.exception !== '' || r.error !== '' || r.errorDetail !== '') {
      filled |= TROUBLE
      values.push(r.exception, r.error, r.errorDetail)
    }
    this.exchanges[filled]!.run(values)
  }

  connection(id: number, r: StoredConnection): void {
    this.connections.run([
      id,
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
    ])
  }
}

function askedOrigin(r: StoredExchange): boolean {
  const numbers = r.originHttpVersion + r.connectMs + r.waitMs + r.bodyMs + r.upstreamReused
  return numbers !== 0 || r.originTls !== '' || r.upstream !== '' || r.revocation !== ''
}

function exchangeInsert(filled: number): string {
  const columns = [...EXCHANGE_COLUMNS]
  const values = EXCHANGE_COLUMNS.map(() => '?')
  EXCHANGE_PARTS.forEach((part, i) => {
    for (const [column, empty] of Object.entries(part)) {
      columns.push(column)
      values.push(filled & (1 << i) ? '?' : empty)
    }
  })
  return `INSERT INTO exchanges (${columns}) VALUES (${values})`
}
