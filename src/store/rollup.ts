import type Database from 'better-sqlite3'
import type { LogRow } from '../core/log-event.ts'
import { hostOf, int, text } from './record.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
/** Distinct names kept apart in one bucket; a client that invents host names ends in the common entry ''. */
export const MAX_NAMES = 10_000
/** Buckets of which the names are remembered: both widths of three kinds, the current one and late comers. */
const MAX_BUCKETS = 24

/** Counts of one minute, in the order of the columns of `minutes`. */
interface MinuteCounts {
  inspected: number
  names: number
  passed: number
  blocked: number
  failed: number
  bytesUp: number
  bytesDown: number
  cacheRequests: number
  cacheHits: number
  bytesSaved: number
}

interface TopEntry {
  width: number
  bucket: number
  kind: string
  name: string
  rule: string
  ruleLine: number
  list: string
  count: number
  blocked: number
  bytes: number
}

/** Sums a batch in memory and adds it to the roll-up tables with one upsert a key. Used inside the batch's transaction. */
export class Rollup {
  private readonly upsertMinute: Database.Statement
  private readonly upsertTop: Database.Statement
  private readonly known = new Map<string, Set<string>>()
  private minutes = new Map<number, MinuteCounts>()
  private tops = new Map<string, TopEntry>()

  constructor(db: Database.Database) {
    this.upsertMinute = db.prepare(`INSERT INTO minutes VALUES (?,?,?,?,?,?,?,?,?,?,?)
      ON CONFLICT DO UPDATE SET inspected = inspected + excluded.inspected, names = names + excluded.names,
      passed = passed + excluded.passed, blocked = blocked + excluded.blocked, failed = failed + excluded.failed,
      bytes_up = bytes_up + excluded.bytes_up, bytes_down = bytes_down + excluded.bytes_down,
      cache_requests = cache_requests + excluded.cache_requests, cache_hits = cache_hits + excluded.cache_hits,
      bytes_saved = bytes_saved + excluded.bytes_saved`)
    this.upsertTop = db.prepare(`INSERT INTO tops VALUES (?,?,?,?,?,?,?,?,?,?)
      ON CONFLICT DO UPDATE SET count = count + excluded.count, blocked = blocked + excluded.blocked,
      bytes = bytes + excluded.bytes`)
  }

  begin(): void {
    this.minutes = new Map()
    this.tops = new Map()
  }

  add(row: LogRow): void {
    // A connection with requests is counted by them.
    if (row.kind === 'connection' && int(row.exchanges) > 0) return
    const time = int(row.time)
    const bytes = int(row.bytesUp) + int(row.bytesDown)
    const blocked = row.verdict === 'block' ? 1 : 0
    this.addMinute(row, Math.floor(time / MINUTE_MS))
    const host = hostOf(row)
    const client = text(row.client, 64)
    this.addTop(time, 'host', host, '', 0, '', blocked, bytes)
    this.addTop(time, 'client', client, '', 0, '', blocked, bytes)
    if (blocked === 1)
      this.addTop(time, 'blocked', host, text(row.rule, 255), int(row.ruleLine), text(row.list, 255), 1, 0)
    const error = text(row.error, 64)
    if (error !== '') this.addTop(time, 'error', host, error, 0, '', blocked, 0)
  }

  /** Writes what was added since `begin`. */
  flush(): void {
    for (const [minute, c] of this.minutes) {
      this.upsertMinute.run(
        minute,
        c.inspected,
        c.names,
        c.passed,
        c.blocked,
        c.failed,
        c.bytesUp,
        c.bytesDown,
        c.cacheRequests,
        c.cacheHits,
        c.bytesSaved,
      )
    }
    for (const t of this.tops.values()) {
      this.upsertTop.run(t.width, t.bucket, t.kind, t.name, t.rule, t.ruleLine, t.list, t.count, t.blocked, t.bytes)
    }
  }

  private addMinute(row: LogRow, minute: number): void {
    let c = this.minutes.get(minute)
    if (c === undefined) {
      c = {
        inspected: 0,
        names: 0,
        passed: 0,
        blocked: 0,
        failed: 0,
        bytesUp: 0,
        bytesDown: 0,
        cacheRequests: 0,
        cacheHits: 0,
        bytesSaved: 0,
      }
      this.minutes.set(minute, c)
    }
    if (row.verdict === 'block') c.blocked++
    else if (row.verdict === 'fail') c.failed++
    else if (row.tier === 'names') c.names++
    else if (row.tier === 'pass') c.passed++
    else c.inspected++
    c.bytesUp += int(row.bytesUp)
    c.bytesDown += int(row.bytesDown)
    if (row.kind === 'connection' || row.verdict !== 'allow' || row.cache === 'none') return
    c.cacheRequests++
    if (row.cache !== 'hit' && row.cache !== 'revalidated') return
    c.cacheHits++
    c.bytesSaved += int(row.bytesDown)
  }

  private addTop(
    time: number,
    kind: string,
    name: string,
    rule: string,
    ruleLine: number,
    list: string,
    blocked: number,
    bytes: number,
  ): void {
    for (const width of [MINUTE_MS, HOUR_MS]) {
      const bucket = Math.floor(time / width)
      const kept = this.bounded(`${width} ${kind} ${bucket}`, name)
      const key = `${width}\0${bucket}\0${kind}\0${kept}\0${rule}\0${ruleLine}\0${list}`
      const entry = this.tops.get(key)
      if (entry === undefined) {
        this.tops.set(key, { width, bucket, kind, name: kept, rule, ruleLine, list, count: 1, blocked, bytes })
      } else {
        entry.count++
        entry.blocked += blocked
        entry.bytes += bytes
      }
    }
  }

  private bounded(bucket: string, name: string): string {
    let names = this.known.get(bucket)
    if (names === undefined) {
      names = new Set()
      this.known.set(bucket, names)
      if (this.known.size > MAX_BUCKETS) this.known.delete(this.known.keys().next().value!)
    }
    if (names.has(name)) return name
    if (names.size >= MAX_NAMES) return ''
    names.add(name)
    return name
  }
}
