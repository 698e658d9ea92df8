/**
 * Every JSON answer and event of `/api/v1`. The web UI imports these by `import type`, so this file holds types only and
 * depends on nothing that needs Node. Times are milliseconds since the epoch, sizes bytes, durations milliseconds.
 * Text from the network (host, path, errors) is data: show it as text, never as HTML.
 */
import type { Tier } from '../core/decision.ts'
import type { Summary as LogSummary, SummaryProblem, TrafficRow, Why } from '../store/answers.ts'

/** Body of every answer with status ≥ 400. */
export interface ApiError {
  error: {
    code:
      | 'bad-request' // 400, 422: `problems` says which parameter or line
      | 'sign-in' // 401: no session, or it has ended
      | 'credentials' // 401: user or password wrong
      | 'origin' // 403: a write from another site
      | 'not-found' // 404
      | 'too-large' // 413
      | 'too-many' // 429: `retryAfter` seconds
      | 'unavailable' // 503: database or supervisor does not answer
      | 'internal' // 500
    message: string
    /** Also in the log of the gateway and in the header X-Request-Id. */
    requestId: string
    problems: Problem[]
    /** Seconds, 0 when it does not apply. */
    retryAfter: number
  }
}

export interface Problem {
  /** Parameter (`q`), or path inside a document (`rules[3].domains`). */
  where: string
  /** From 1; 0 when there is none. */
  line: number
  message: string
}

// ── Sign-in: POST /session {user, password}, GET /session, DELETE /session ─────────────────────────────────────────

export interface SignIn {
  user: string
  password: string
}

export interface Session {
  user: string
  role: 'admin'
  /** Ends when nothing is asked for so long. */
  expiresAt: number
  version: string
  /** The first random password is still in use. */
  mustChangePassword: boolean
}

/** POST /session/password; ends every other session of the user. */
export interface PasswordChange {
  current: string
  next: string
}

// ── Traffic: GET /traffic, /exchanges, /connections, /exchanges/:id; and GET /summary ──────────────────────────────

export type {
  CacheWord,
  ConnectionDetail,
  ExchangeDetail,
  SummaryProblem,
  SummaryRange,
  SummarySeries,
  TopBlocked,
  TopClient,
  TopHost,
  TrafficCounts,
  TrafficDetail,
  TrafficPage,
  TrafficRow,
  Verdict,
  Why,
} from '../store/answers.ts'

/** Where on the page "TLS & CA" something is told. */
export type TlsTab = 'certificate' | 'install' | 'bypass' | 'learned' | 'devices'

export type TlsProblemCode =
  | 'devices-untrusting' // count devices do not trust our CA; `fresh` of them since midnight
  | 'names-pinned' // count names are not opened because their apps pin
  | 'exception-ends' // of subject = host; count = days left
  | 'ca-rotation' // another CA is being rolled out

export interface DashboardProblem extends Omit<SummaryProblem, 'code'> {
  code: SummaryProblem['code'] | TlsProblemCode
  /** Where more is told, or ''. */
  tab: TlsTab | ''
  /** Of `count`, those since midnight. */
  fresh: number
}

export interface Summary extends Omit<LogSummary, 'problems'> {
  problems: DashboardProblem[]
}

// ── GET /live?q=&after=  Server-sent events, begins after row `after` (now, unless said); resumes by Last-Event-ID ─────────────────────────────────────────────────────

/** event `hello`, first. A `build` other than the page's own: a new UI is installed, offer to reload. */
export interface LiveHello {
  build: string
  time: number
  lastId: number
}

/** event `row`, oldest first, with the last row's id as the event id; at most ten events a second. */
export type LiveRows = TrafficRow[]

/** event `counters`, each second. Rates are per second over the last second, all workers together. */
export interface LiveCounters {
  time: number
  connections: number
  requestsPerSecond: number
  connectionsPerSecond: number
  blockedPerSecond: number
  cacheHitsPerSecond: number
  rowsDropped: number
  /** Worst of the workers. */
  loopLagMs: number
}

/** event `gap`: so many matching rows were left out, because the browser was slow or away too long. */
export interface LiveGap {
  missed: number
}

// ── CA and TLS: GET /ca and its downloads, POST /ca/rotate, /tls/… ─────────────────────────────────────────────────

export type {
  CaAnswer,
  CaCertificate,
  CaDownload,
  CaFormat,
  CaGuide,
  CaRotate,
  ExceptionFacts,
  ExceptionsAnswer,
  LearnedAnswer,
  LearnedDo,
  LogUse,
  NeverDecryptAnswer,
  TrustAnswer,
  TrustedDevice,
} from './tls-api.ts'

// ── GET /status, /policy, /explain; POST /policy, /cache/purge ─────────────────────────────────────────────────────

export interface WorkerAnswer {
  id: number
  pid: number
  state: 'starting' | 'ready' | 'draining' | 'dead'
  restarts: number
  startedAt: number
  counters: {
    connections: number
    connectionsTotal: number
    exchangesTotal: number
    blockedTotal: number
    splicedTotal: number
    inspectedTotal: number
    cacheHits: number
    cacheBytes: number
    bytesSaved: number
    logDropped: number
    loopLagMs: number
    rssBytes: number
  }
}

/** The same as `BoxStatus` of the supervisor, at most a second old. */
export interface StatusAnswer {
  time: number
  startedAt: number
  version: string
  workers: WorkerAnswer[]
  rules: 'applied' | 'manual' | 'removed-unhealthy'
  policyVersion: string
  log: { rowsStored: number; rowsDropped: number; queued: number; error: string; bytes: number }
}

export interface PolicyAnswer {
  version: string
  /** The whole document, YAML. */
  text: string
}

/** POST /policy {text}. Refused: 422 with `problems` (line, message), and the policy in force stays. */
export interface PolicyImport {
  text: string
}

/** GET /explain?client=ADDR&url=URL */
export interface ExplainAnswer {
  client: string
  url: string
  verdict: 'allow' | 'block'
  why: Why
  tier: Tier
  tierWhy: Why
  policyVersion: string
}

/** POST /cache/purge; null: everything. */
export interface PurgeRequest {
  host: string | null
}

export interface PurgeAnswer {
  /** Workers told. */
  workers: number
}
