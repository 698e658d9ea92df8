import type Database from 'better-sqlite3'
import type {
  Summary,
  SummaryProblem,
  SummaryRange,
  SummarySeries,
  TopBlocked,
  TopClient,
  TopHost,
  TrafficCounts,
} from './answers.ts'
import { exactly } from './filter-language.ts'
import { HOUR_MS, MINUTE_MS } from './rollup.ts'

interface Shape {
  ms: number
  bucketMs: number
  /** Width of the top lists; the range begins at a whole one, so that lists, totals and links count the same rows. */
  topsMs: number
}

const SHAPES: Record<SummaryRange, Shape> = {
  '1h': { ms: HOUR_MS, bucketMs: MINUTE_MS, topsMs: MINUTE_MS },
  '24h': { ms: 24 * HOUR_MS, bucketMs: 10 * MINUTE_MS, topsMs: HOUR_MS },
  '7d': { ms: 7 * 24 * HOUR_MS, bucketMs: HOUR_MS, topsMs: HOUR_MS },
}
const TOP = 10
const MAX_PROBLEMS = 5
/** Fewer failures of an origin than this are everyday life. */
const FAILING_COUNT = 10

interface Bucket {
  bucket: number
  inspected: number
  names: number
  passed: number
  blocked: number
  failed: number
  up: number
  down: number
  requests: number
  hits: number
  saved: number
}

/** The dashboard's numbers, from the roll-ups only: its cost grows with minutes, not with rows. */
export function summary(db: Database.Database, range: SummaryRange, now: number): Summary {
  const shape = SHAPES[range]
  const from = Math.floor((now - shape.ms) / shape.topsMs) * shape.topsMs
  const buckets = readBuckets(db, from, now, shape.bucketMs)
  const since = `after:${from}`
  const totals: TrafficCounts = { all: 0, inspected: 0, names: 0, passed: 0, blocked: 0, failed: 0 }
  const sums = { up: 0, down: 0, requests: 0, hits: 0, saved: 0 }
  for (const b of buckets) {
    totals.inspected += b.inspected
    totals.names += b.names
    totals.passed += b.passed
    totals.blocked += b.blocked
    totals.failed += b.failed
    for (const key of ['up', 'down', 'requests', 'hits', 'saved'] as const) sums[key] += b[key]
  }
  totals.all = totals.inspected + totals.names + totals.passed + totals.blocked + totals.failed
  return {
    range,
    from,
    to: now,
    bucketMs: shape.bucketMs,
    totals,
    links: links(since),
    bytesUp: sums.up,
    bytesDown: sums.down,
    cache: { requests: sums.requests, hits: sums.hits, bytesSaved: sums.saved },
    clients: countClients(db, shape, from),
    series: toSeries(buckets, from, now, shape.bucketMs),
    topHosts: topHosts(db, shape, from, since),
    topBlocked: topBlocked(db, shape, from, since),
    topClients: topClients(db, shape, from, since),
    problems: problems(db, shape, from, since),
  }
}

function links(since: string): Record<keyof TrafficCounts, string> {
  return {
    all: since,
    inspected: `verdict:allow tier:inspect ${since}`,
    names: `verdict:allow tier:names ${since}`,
    passed: `verdict:allow tier:pass ${since}`,
    blocked: `verdict:block ${since}`,
    failed: `verdict:fail ${since}`,
  }
}

function readBuckets(db: Database.Database, from: number, now: number, bucketMs: number): Bucket[] {
  const minutes = bucketMs / MINUTE_MS
  return db
    .prepare(
      `SELECT minute / CAST(? AS INTEGER) AS bucket, sum(inspected) AS inspected, sum(names) AS names, sum(passed) AS passed,
        sum(blocked) AS blocked, sum(failed) AS failed, sum(bytes_up) AS up, sum(bytes_down) AS down,
        sum(cache_requests) AS requests, sum(cache_hits) AS hits, sum(bytes_saved) AS saved
      FROM minutes WHERE minute >= ? AND minute <= ? GROUP BY bucket ORDER BY bucket`,
    )
    .all(minutes, from / MINUTE_MS, Math.floor(now / MINUTE_MS)) as Bucket[]
}

function toSeries(buckets: Bucket[], from: number, now: number, bucketMs: number): SummarySeries {
  const first = Math.floor(from / bucketMs)
  const length = Math.floor(now / bucketMs) - first + 1
  const zeros = (): number[] => new Array<number>(length).fill(0)
  const series: SummarySeries = {
    time: zeros().map((_, i) => (first + i) * bucketMs),
    inspected: zeros(),
    names: zeros(),
    passed: zeros(),
    blocked: zeros(),
    failed: zeros(),
    bytes: zeros(),
    cacheHits: zeros(),
    cacheRequests: zeros(),
  }
  for (const b of buckets) {
    const i = b.bucket - first
    for (const key of ['inspected', 'names', 'passed', 'blocked', 'failed'] as const) series[key][i] = b[key]
    series.bytes[i] = b.up + b.down
    series.cacheHits[i] = b.hits
    series.cacheRequests[i] = b.requests
  }
  return series
}

function countClients(db: Database.Database, shape: Shape, from: number): number {
  const sql = "SELECT count(DISTINCT name) AS n FROM tops WHERE width = ? AND kind = 'client' AND bucket >= ?"
  return (db.prepare(sql).get(shape.topsMs, from / shape.topsMs) as { n: number }).n
}

interface NameCount {
  name: string
  count: number
  blocked: number
  bytes: number
}

function topNames(db: Database.Database, kind: 'host' | 'client', shape: Shape, from: number): NameCount[] {
  // '' gathers what was too much to keep apart: it has no link and is no entry.
  return db
    .prepare(
      `SELECT name, sum(count) AS count, sum(blocked) AS blocked, sum(bytes) AS bytes FROM tops
      WHERE width = ? AND kind = ? AND bucket >= ? AND name <> '' GROUP BY name ORDER BY count DESC, name LIMIT ${TOP}`,
    )
    .all(shape.topsMs, kind, from / shape.topsMs) as NameCount[]
}

function topHosts(db: Database.Database, shape: Shape, from: number, since: string): TopHost[] {
  return topNames(db, 'host', shape, from).map(({ name, count, blocked, bytes }) => ({
    host: name,
    count,
    blocked,
    bytes,
    q: `${exactly('host', name)} ${since}`,
  }))
}

function topClients(db: Database.Database, shape: Shape, from: number, since: string): TopClient[] {
  return topNames(db, 'client', shape, from).map(({ name, count, blocked, bytes }) => ({
    client: name,
    device: null,
    count,
    blocked,
    bytes,
    q: `${exactly('client', name)} ${since}`,
  }))
}

function topBlocked(db: Database.Database, shape: Shape, from: number, since: string): TopBlocked[] {
  const rows = db
    .prepare(
      `SELECT name AS host, rule, rule_line AS ruleLine, list, sum(count) AS count FROM tops
      WHERE width = ? AND kind = 'blocked' AND bucket >= ? AND name <> ''
      GROUP BY name, rule, rule_line, list ORDER BY count DESC, name LIMIT ${TOP}`,
    )
    .all(shape.topsMs, from / shape.topsMs) as Omit<TopBlocked, 'q'>[]
  return rows.map(row => ({
    ...row,
    q: `verdict:block ${exactly('host', row.host)} ${exactly('rule', row.rule)} line:${row.ruleLine} ${exactly('list', row.list)} ${since}`,
  }))
}

/** Hosts where interception or the origin fails; worst first. */
function problems(db: Database.Database, shape: Shape, from: number, since: string): SummaryProblem[] {
  const of = (
    code: SummaryProblem['code'],
    like: string,
    not: string,
    error: string,
    least: number,
  ): SummaryProblem[] => {
    const rows = db
      .prepare(
        `SELECT name, sum(count) AS count FROM tops
        WHERE width = ? AND kind = 'error' AND bucket >= ? AND name <> '' AND rule LIKE ? AND rule NOT LIKE ?
        GROUP BY name HAVING sum(count) >= ? ORDER BY count DESC, name LIMIT ${MAX_PROBLEMS}`,
      )
      .all(shape.topsMs, from / shape.topsMs, like, not, least) as { name: string; count: number }[]
    return rows.map(({ name, count }) => ({
      code,
      severity: 'warning',
      subject: name,
      count,
      q: `${exactly('host', name)} ${error} ${since}`,
    }))
  }
  return [
    ...of('clients-distrust', 'client-tls-distrust', '', 'error:client-tls-distrust', 1),
    ...of('origin-certificate', 'origin-cert-%', '', 'error:origin-cert-', 1),
    ...of('origin-failing', 'origin-%', 'origin-cert-%', 'error:origin- -error:origin-cert-', FAILING_COUNT),
  ]
}
