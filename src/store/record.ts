import type { ConnectionRow, ExchangeRow, LogRow } from '../core/log-event.ts'

/**
 * Rows come from processes that talk to the network, so nothing about them is believed: every value is coerced to its
 * column's type and bounded here, and no row can make an insert fail.
 */
const SHORT = 64
const NAME = 255
const PATH = 8192
const DETAIL = 500

/** Of the right types; that a word is one of those agreed on is not certain. */
type Checked<T extends LogRow> = {
  [K in keyof T]: K extends 'kind' ? T[K] : T[K] extends number ? number : string
}
export type StoredExchange = Checked<ExchangeRow>
export type StoredConnection = Checked<ConnectionRow>
export type StoredRow = StoredExchange | StoredConnection

/** What a batch holds (see core/log-batch.ts), or null when it is no JSON array. Entries that are no rows are left out. */
export function parseBatch(batch: Uint8Array): StoredRow[] | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength).toString('utf8'))
  } catch {
    return null
  }
  if (!Array.isArray(parsed)) return null
  const rows: StoredRow[] = []
  for (const entry of parsed) {
    if (!Array.isArray(entry)) continue
    if (entry[0] === 'exchange') rows.push(exchange(entry))
    else if (entry[0] === 'connection') rows.push(connection(entry))
  }
  return rows
}

/** The order is that of `wireRow`. */
function exchange(v: unknown[]): StoredExchange {
  let i = 1
  const row: StoredExchange = {
    kind: 'exchange',
    time: int(v[i++]),
    conn: text(v[i++], SHORT),
    client: text(v[i++], SHORT),
    dst: text(v[i++], SHORT),
    host: text(v[i++], NAME),
    port: int(v[i++]),
    scheme: text(v[i++], SHORT),
    method: text(v[i++], SHORT),
    path: text(v[i++], PATH),
    status: int(v[i++]),
    httpVersion: int(v[i++]),
    originHttpVersion: int(v[i++]),
    contentType: text(v[i++], NAME),
    bytesUp: int(v[i++]),
    bytesDown: int(v[i++]),
    tier: text(v[i++], SHORT),
    verdict: text(v[i++], SHORT),
    reason: text(v[i++], SHORT),
    rule: text(v[i++], NAME),
    ruleLine: int(v[i++]),
    list: text(v[i++], NAME),
    listLine: int(v[i++]),
    cache: text(v[i++], SHORT),
    cacheReason: text(v[i++], SHORT),
    durationMs: int(v[i++]),
    connectMs: int(v[i++]),
    waitMs: int(v[i++]),
    bodyMs: int(v[i++]),
    clientTls: text(v[i++], SHORT),
    originTls: text(v[i++], SHORT),
    upstream: text(v[i++], SHORT),
    upstreamReused: int(v[i++]),
    exception: text(v[i++], NAME),
    revocation: text(v[i++], SHORT),
    error: text(v[i++], SHORT),
    errorDetail: text(v[i++], DETAIL),
  }
  return named(row)
}

function connection(v: unknown[]): StoredConnection {
  let i = 1
  const row: StoredConnection = {
    kind: 'connection',
    time: int(v[i++]),
    conn: text(v[i++], SHORT),
    client: text(v[i++], SHORT),
    clientPort: int(v[i++]),
    dst: text(v[i++], SHORT),
    dstPort: int(v[i++]),
    host: text(v[i++], NAME),
    protocol: text(v[i++], SHORT),
    alpn: text(v[i++], SHORT),
    tier: text(v[i++], SHORT),
    verdict: text(v[i++], SHORT),
    reason: text(v[i++], SHORT),
    rule: text(v[i++], NAME),
    ruleLine: int(v[i++]),
    list: text(v[i++], NAME),
    listLine: int(v[i++]),
    tierReason: text(v[i++], SHORT),
    tierRule: text(v[i++], NAME),
    tierRuleLine: int(v[i++]),
    bytesUp: int(v[i++]),
    bytesDown: int(v[i++]),
    durationMs: int(v[i++]),
    exchanges: int(v[i++]),
    clientTls: text(v[i++], SHORT),
    originTls: text(v[i++], SHORT),
    ja3: text(v[i++], SHORT),
    ja4: text(v[i++], SHORT),
    ech: int(v[i++]),
    handshake: text(v[i++], SHORT),
    exception: text(v[i++], NAME),
    error: text(v[i++], SHORT),
    errorDetail: text(v[i++], DETAIL),
  }
  return named(row)
}

/** Without a name the destination address stands in, so that every row can be found by `host:`. */
function named<T extends StoredRow>(row: T): T {
  if (row.host === '') row.host = row.dst
  return row
}

function text(value: unknown, max: number): string {
  if (typeof value !== 'string') return ''
  return value.length > max ? value.slice(0, max) : value
}

/** A whole number from 0 up: times, sizes, counts and lines are never negative. */
function int(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) return 0
  return value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Math.trunc(value)
}
