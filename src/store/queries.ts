import fs from 'node:fs'
import Database from 'better-sqlite3'
import { LRUCache } from 'lru-cache'
import type { Summary, SummaryRange, TrafficDetail, TrafficPage, TrafficRow } from './answers.ts'
import { trafficDetail } from './detail.ts'
import { compileFilter, type Filter, parseFilter, type RowKind } from './filter-language.ts'
import { summary } from './summary.ts'
import { type TlsUse, tlsUse } from './tls-summary.ts'

/** Which lines: requests and bare connections together, or one kind. */
export type Listing = 'traffic' | 'exchanges' | 'connections'

export interface LivePart {
  rows: TrafficRow[]
  /** Matching rows between `after` and the first row here. */
  missed: number
  /** Pass as `after` next time. */
  lastId: number
}

/** Ids looked at in one statement; between statements the clock is read, so no query runs away. */
const STEP_IDS = 20_000
const LIST_MS = 1000
const COUNT_MS = 300
const MAX_STATEMENTS = 100
const LIVE_ROWS = 500
/** Ids that are searched for a stream that was away; what is older is only counted as missed. */
const LIVE_IDS = 20_000

const EXCHANGE = `SELECT id, 'exchange' AS kind, time, client, NULL AS device, host, port, method, scheme, path, status,
  content_type AS contentType, bytes_up AS bytesUp, bytes_down AS bytesDown, tier, verdict, reason, rule,
  rule_line AS ruleLine, cache, duration_ms AS durationMs, error,
  exception <> '' AS exception FROM exchanges`
const CONNECTION = `SELECT id, 'connection' AS kind, time, client, NULL AS device, host, port, '' AS method,
  protocol AS scheme, '' AS path, 0 AS status, '' AS contentType, bytes_up AS bytesUp, bytes_down AS bytesDown, tier,
  verdict, reason, rule, rule_line AS ruleLine, 'none' AS cache, duration_ms AS durationMs, error,
  exception <> '' AS exception FROM connections`

/** One side of a listing: a table, what of it belongs there, and the filter compiled for it. */
interface Source {
  table: string
  select: string
  where: string
  params: (string | number)[]
}

/** Read-only questions to the log. Opens the file again when another stands in its place. */
export class TrafficQueries {
  private readonly file: string
  private db: Database.Database | null = null
  private inode = -1
  private readonly statements = new LRUCache<string, Database.Statement>({ max: MAX_STATEMENTS })

  constructor(file: string) {
    this.file = file
  }

  /** Also maps the -wal and -shm files, so that the process may give up the right to open them. */
  open(): void {
    this.use(db => db.prepare('SELECT value FROM meta').get())
  }

  close(): void {
    this.statements.clear()
    this.db?.close()
    this.db = null
  }

  lastId(): number {
    return this.use(() => this.newest())
  }

  /** Newest first, ids below `before`. */
  page(listing: Listing, q: string, before: number | null, limit: number): TrafficPage {
    const begun = performance.now()
    const filter = parseFilter(q)
    return this.use(() => {
      const sources = sourcesOf(listing, filter)
      const floor = this.floor(filter)
      const top = this.newest() + 1
      const rows: TrafficRow[] = []
      let to = Math.min(before ?? top, top)
      while (to > floor && rows.length < limit && performance.now() - begun < LIST_MS) {
        const from = Math.max(floor, to - STEP_IDS)
        const found = this.range(sources, from, to, 'DESC', limit - rows.length)
        rows.push(...found)
        to = rows.length < limit ? from : rows.at(-1)!.id
      }
      const count = this.count(sources, floor, top)
      return { rows, ...count, next: to > floor ? to : null, tookMs: Math.round(performance.now() - begun) }
    })
  }

  /** Oldest first, ids above `after`. */
  live(filter: Filter, after: number): LivePart {
    return this.use(() => {
      const lastId = this.newest()
      // A new database begins its ids again.
      if (after > lastId) return { rows: [], missed: 0, lastId }
      const sources = sourcesOf('traffic', filter)
      const rows = this.range(sources, Math.max(after + 1, lastId - LIVE_IDS), lastId + 1, 'DESC', LIVE_ROWS).reverse()
      const firstShown = rows.length < LIVE_ROWS ? lastId - LIVE_IDS : rows[0]!.id
      const missed = firstShown > after + 1 ? this.count(sources, after + 1, firstShown).total : 0
      return { rows, missed, lastId }
    })
  }

  detail(id: number): TrafficDetail | null {
    return this.use(db => {
      const exchange = this.prepared(`${EXCHANGE} WHERE id = ?`).get(id) as TrafficRow | undefined
      const conn = this.prepared(
        exchange === undefined
          ? 'SELECT id, conn FROM connections WHERE id = ?'
          : 'SELECT id, conn FROM exchanges WHERE id = ?',
      ).get(id) as { id: number; conn: string } | undefined
      if (conn === undefined) return null
      const connection = this.prepared(`${CONNECTION} WHERE ${exchange === undefined ? 'id' : 'conn'} = ?`).get(
        exchange === undefined ? id : conn.conn,
      ) as TrafficRow | undefined
      return trafficDetail(db, exchange ?? null, connection ?? null)
    })
  }

  summary(range: SummaryRange, now: number): Summary {
    return this.use(db => summary(db, range, now))
  }

  tlsUse(since: number): TlsUse {
    return this.use(db => tlsUse(db, since))
  }

  /** `total` rows of the sources with from ≤ id < to; not exact when time ran out. */
  private count(sources: Source[], from: number, to: number): { total: number; exact: boolean } {
    const end = performance.now() + COUNT_MS
    let total = 0
    for (let top = to; top > from; top -= STEP_IDS) {
      if (performance.now() > end) return { total, exact: false }
      for (const { table, where, params } of sources) {
        const sql = `SELECT count(*) AS n FROM ${table} WHERE id >= ? AND id < ? AND ${where}`
        const { n } = this.prepared(sql).get(Math.max(from, top - STEP_IDS), top, ...params) as { n: number }
        total += n
      }
    }
    return { total, exact: true }
  }

  /** Rows with from ≤ id < to, the sources merged by id. */
  private range(sources: Source[], from: number, to: number, order: 'ASC' | 'DESC', limit: number): TrafficRow[] {
    const rows: TrafficRow[] = []
    for (const { select, where, params } of sources) {
      const sql = `${select} WHERE id >= ? AND id < ? AND ${where} ORDER BY id ${order} LIMIT ?`
      rows.push(...(this.prepared(sql).all(from, to, ...params, limit) as TrafficRow[]))
    }
    rows.sort((a, b) => (order === 'DESC' ? b.id - a.id : a.id - b.id))
    return rows.slice(0, limit)
  }

  private newest(): number {
    return (this.prepared("SELECT value FROM meta WHERE name = 'last_id'").get() as { value: number }).value
  }

  /** The lowest id that can match: the oldest row there is, or where the filter's time range begins. */
  private floor(filter: Filter): number {
    const { id } = this.prepared(
      'SELECT min(id) AS id FROM (SELECT min(id) AS id FROM exchanges UNION ALL SELECT min(id) FROM connections)',
    ).get() as { id: number | null }
    const mark = this.prepared('SELECT id FROM marks WHERE time <= ? ORDER BY time DESC LIMIT 1').get(filter.since) as
      | { id: number }
      | undefined
    return Math.max(id ?? 1, (mark?.id ?? 0) + 1)
  }

  private prepared(sql: string): Database.Statement {
    let statement = this.statements.get(sql)
    if (statement === undefined) {
      statement = this.db!.prepare(sql)
      this.statements.set(sql, statement)
    }
    return statement
  }

  /** Every question runs in one read transaction, so that its parts agree; a failed one closes the file for the next try. */
  private use<T>(work: (db: Database.Database) => T): T {
    const inode = inodeOf(this.file)
    if (this.db !== null && inode !== null && inode !== this.inode) this.close()
    if (this.db === null) {
      this.db = new Database(this.file, { readonly: true, fileMustExist: true, timeout: 1000 })
      this.inode = inodeOf(this.file) ?? -1
    }
    const db = this.db
    try {
      return db.transaction(() => work(db))()
    } catch (error) {
      if (error instanceof Database.SqliteError && !error.code.startsWith('SQLITE_BUSY')) this.close()
      throw error
    }
  }
}

function sourcesOf(listing: Listing, filter: Filter): Source[] {
  const sources: Source[] = []
  const add = (kind: RowKind, table: string, select: string, also: string): void => {
    const { sql, params } = compileFilter(filter, kind)
    sources.push({ table, select, where: `${also}${sql}`, params })
  }
  if (listing !== 'connections') add('exchange', 'exchanges', EXCHANGE, '')
  // A connection with requests is told by them.
  if (listing !== 'exchanges')
    add('connection', 'connections', CONNECTION, listing === 'traffic' ? 'exchanges = 0 AND ' : '')
  return sources
}

/** null: it cannot be seen (no rights after they were given up); then the open file is all there is. */
function inodeOf(file: string): number | null {
  try {
    return fs.statSync(file).ino
  } catch {
    return null
  }
}
