/**
 * What the database answers, in the words of the API: `admin/api.ts` hands these on. Types only, without Node, because the
 * web UI reads them too. Times are milliseconds since the epoch, sizes bytes, durations milliseconds.
 */
import type { ReasonCode, Tier } from '../core/decision.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { HandshakeOutcome } from '../core/tls-policy.ts'

// ── Traffic ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type Verdict = 'allow' | 'block' | 'fail'
export type CacheWord = 'none' | 'miss' | 'hit' | 'revalidated' | 'bypass'

/**
 * One line of the log: a request, or a connection that carried no request Weir could see (spliced, refused, failed).
 * `id` is unique over both kinds and grows with time of writing.
 */
export interface TrafficRow {
  id: number
  kind: 'exchange' | 'connection'
  time: number
  client: string
  /** Name of the device once devices are known. */
  device: string | null
  /** Lower case; the destination address when no name was given. */
  host: string
  port: number
  /** '' for a connection. */
  method: string
  /** `http`, `https`; for a connection its protocol: `tls`, `h1`, `h2`, `other`, `none`. */
  scheme: string
  /** Path and query; '' for a connection. */
  path: string
  /** 0: there was no answer, or none that Weir could see. */
  status: number
  contentType: string
  bytesUp: number
  bytesDown: number
  tier: Tier
  verdict: Verdict
  reason: ReasonCode
  rule: string
  ruleLine: number
  cache: CacheWord
  durationMs: number
  error: ErrorCode | ''
  /** 1: a TLS exception was used towards the origin. */
  exception: 0 | 1
}

/**
 * GET /traffic (both kinds, what Live shows), /exchanges, /connections (these two: one kind, /connections with those that
 * carried requests too), each `?q=&before=&limit=`. Newest first, keyset by id, limit ≤ 500 (200 unless said).
 */
export interface TrafficPage {
  rows: TrafficRow[]
  /** Rows that match `q`, whatever `before` says. At least so many when `exact` is false. */
  total: number
  exact: boolean
  /** Pass as `before` for the next page; null when there is no older row. May be set although `rows` is short or empty: a rare filter is searched in steps. */
  next: number | null
  tookMs: number
}

/** Why, ready for words: the decisive half is `verdict` for block and `tier` for what was not opened. */
export interface Why {
  code: ReasonCode
  rule: string
  ruleLine: number
  list: string
  listLine: number
}

export interface ExchangeDetail {
  row: TrafficRow
  why: Why
  /** 10, 11, 20: towards the client, and towards the origin (0: not asked). */
  httpVersion: number
  originHttpVersion: number
  cacheReason: string
  /** connect: until the upstream connection was ready; wait: from then to its first byte; body: the rest. */
  timings: { totalMs: number; connectMs: number; waitMs: number; bodyMs: number }
  /** e.g. `TLSv1.3`; '' when plain. */
  clientTls: string
  originTls: string
  dst: string
  /** Address dialled, '' when the origin was not asked. */
  upstream: string
  upstreamReused: boolean
  /** What was overlooked in the origin's certificate or handshake, in words of the exception; '' for nothing. */
  exception: string
  /** What says that the origin's certificate is not revoked: `staple`, `ocsp`, `crl`, `list`, `none`; ''. */
  revocation: string
  errorDetail: string
  connection: string
}

export interface ConnectionDetail {
  row: TrafficRow
  connection: string
  clientPort: number
  dst: string
  dstPort: number
  protocol: string
  /** Chosen with the client; '' when none. */
  alpn: string
  why: Why
  /** Why it was opened or not. */
  tierWhy: Why
  exchanges: number
  clientTls: string
  originTls: string
  /** Fingerprints of the client's hello; '' when there was none. */
  ja3: string
  ja4: string
  /** The hello had an encrypted_client_hello extension, real or GREASE. */
  ech: boolean
  /** How the client took our certificate; '' when it was shown none. */
  handshake: HandshakeOutcome | ''
  exception: string
  errorDetail: string
}

/** GET /exchanges/:id, for an id of either kind. The connection of a request is written when it ends: null until then. */
export interface TrafficDetail {
  exchange: ExchangeDetail | null
  connection: ConnectionDetail | null
}

// ── GET /summary?range=1h|24h|7d ───────────────────────────────────────────────────────────────────────────────────

export type SummaryRange = '1h' | '24h' | '7d'

/** Rows of the traffic log by what was done with them; they add up to `all`. Blocked and failed count nowhere else. */
export interface TrafficCounts {
  all: number
  inspected: number
  names: number
  passed: number
  blocked: number
  failed: number
}

/** Column by column, one number per bucket, ready for a chart; buckets without traffic are there as 0. */
export interface SummarySeries {
  /** Begin of each bucket. */
  time: number[]
  inspected: number[]
  names: number[]
  passed: number[]
  blocked: number[]
  failed: number[]
  bytes: number[]
  cacheHits: number[]
  cacheRequests: number[]
}

export interface TopHost {
  host: string
  count: number
  blocked: number
  bytes: number
  /** Filter for the log that gives exactly these rows. */
  q: string
}

export interface TopBlocked {
  host: string
  rule: string
  ruleLine: number
  list: string
  count: number
  q: string
}

export interface TopClient {
  client: string
  device: string | null
  count: number
  blocked: number
  bytes: number
  q: string
}

/** Something a person should look at. */
export interface SummaryProblem {
  code:
    | 'clients-distrust' // clients refuse our certificate: subject = host
    | 'origin-certificate' // the origin's certificate was refused: subject = host
    | 'origin-failing' // an origin fails often: subject = host
    | 'log-dropped' // rows of the log were lost: count
    | 'log-error' // the database cannot be written: subject = what it said
    | 'worker-restarts' // count
    | 'worker-down'
    | 'rules-removed' // the kernel rules were taken out: traffic passes unseen
    | 'ca-expires' // count = days left
    | 'no-status' // the supervisor does not report
  severity: 'error' | 'warning'
  subject: string
  count: number
  /** Filter for the log, or ''. */
  q: string
}

export interface Summary {
  range: SummaryRange
  /** Begin of the first bucket, and now. */
  from: number
  to: number
  bucketMs: number
  totals: TrafficCounts
  /** Filters for the log that give exactly the rows counted in `totals`. */
  links: Record<keyof TrafficCounts, string>
  bytesUp: number
  bytesDown: number
  cache: {
    /** Requests that could have been answered from the cache, and those that were. */
    requests: number
    hits: number
    bytesSaved: number
  }
  clients: number
  series: SummarySeries
  topHosts: TopHost[]
  topBlocked: TopBlocked[]
  topClients: TopClient[]
  problems: SummaryProblem[]
}
