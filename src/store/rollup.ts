import type Database from 'better-sqlite3'
import type { StoredRow } from './record.ts'

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

/** What one name was part of. */
interface Loudness {
  count: number
  blocked: number
  bytes: number
}

interface Blocked extends Loudness {
  host: string
  rule: string
  ruleLine: number
  list: string
}

/** One minute of a batch. Hours need no sums of their own: they are written from these. */
interface MinuteSums {
  counts: MinuteCounts
  hosts: Map<string, Loudness>
  clients: Map<string, Loudness>
  /** By host, rule and list. */
  blocked: Map<string, Blocked>
  /** By host, and the error's code as its rule. */
  errors: Map<string, Blocked>
}

/** Sums a batch in memory and adds it to the roll-up tables with one upsert a key. Used inside the batch's transaction. */
export class Rollup {
  private readonly upsertMinute: Database.Statement
  private readonly upsertTop: Database.Statement
  private readonly known = new Map<string, Set<string>>()
  private minutes = new Map<number, MinuteSums>()

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
  }

  add(row: StoredRow): void {
    // A connection with requests is counted by them.
    if (row.kind === 'connection' && row.exchanges > 0) return
    const sums = this.sumsOf(Math.floor(row.time / MINUTE_MS))
    const bytes = row.bytesUp + row.bytesDown
    const blocked = row.verdict === 'block' ? 1 : 0
    addCounts(sums.counts, row)
    addLoudness(sums.hosts, row.host, blocked, bytes)
    addLoudness(sums.clients, row.client, blocked, bytes)
    if (blocked === 1) addBlocked(sums.blocked, row.host, row.rule, row.ruleLine, row.list, 1)
    if (row.error !== '') addBlocked(sums.errors, row.host, row.error, 0, '', blocked)
  }

  /** Writes what was added since `begin`. */
  flush(): void {
    for (const [minute, sums] of this.minutes) {
      this.writeCounts(minute, sums.counts)
      this.writeTops(MINUTE_MS, minute, sums)
      this.writeTops(HOUR_MS, Math.floor(minute / (HOUR_MS / MINUTE_MS)), sums)
    }
  }

  private sumsOf(minute: number): MinuteSums {
    let sums = this.minutes.get(minute)
    if (sums === undefined) {
      sums = { counts: noCounts(), hosts: new Map(), clients: new Map(), blocked: new Map(), errors: new Map() }
      this.minutes.set(minute, sums)
    }
    return sums
  }

  private writeCounts(minute: number, c: MinuteCounts): void {
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

  private writeTops(width: number, bucket: number, sums: MinuteSums): void {
    const write = (kind: string, name: string, rule: string, ruleLine: number, list: string, l: Loudness): void => {
      const kept = this.bounded(`${width} ${kind} ${bucket}`, name)
      this.upsertTop.run(width, bucket, kind, kept, rule, ruleLine, list, l.count, l.blocked, l.bytes)
    }
    for (const [host, l] of sums.hosts) write('host', host, '', 0, '', l)
    for (const [client, l] of sums.clients) write('client', client, '', 0, '', l)
    for (const b of sums.blocked.values()) write('blocked', b.host, b.rule, b.ruleLine, b.list, b)
    for (const e of sums.errors.values()) write('error', e.host, e.rule, 0, '', e)
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

function noCounts(): MinuteCounts {
  return {
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
}

function addCounts(c: MinuteCounts, row: StoredRow): void {
  if (row.verdict === 'block') c.blocked++
  else if (row.verdict === 'fail') c.failed++
  else if (row.tier === 'names') c.names++
  else if (row.tier === 'pass') c.passed++
  else c.inspected++
  c.bytesUp += row.bytesUp
  c.bytesDown += row.bytesDown
  if (row.kind === 'connection' || row.verdict !== 'allow' || row.cache === 'none') return
  c.cacheRequests++
  if (row.cache !== 'hit' && row.cache !== 'revalidated') return
  c.cacheHits++
  c.bytesSaved += row.bytesDown
}

function addLoudness(into: Map<string, Loudness>, name: string, blocked: number, bytes: number): void {
  const sum = into.get(name)
  if (sum === undefined) {
    into.set(name, { count: 1, blocked, bytes })
    return
  }
  sum.count++
  sum.blocked += blocked
  sum.bytes += bytes
}

function addBlocked(
  into: Map<string, Blocked>,
  host: string,
  rule: string,
  ruleLine: number,
  list: string,
  blocked: number,
): void {
  const key = `${host}\0${rule}\0${ruleLine}\0${list}`
  const sum = into.get(key)
  if (sum === undefined) {
    into.set(key, { host, rule, ruleLine, list, count: 1, blocked, bytes: 0 })
    return
  }
  sum.count++
  sum.blocked += blocked
}
