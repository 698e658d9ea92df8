/**
 * Every JSON answer and event of `/api/v1`. The web UI imports these by `import type`, so this file holds types only and
 * depends on nothing that needs Node. Times are milliseconds since the epoch, sizes bytes, durations milliseconds.
 * Text from the network (host, path, errors) is data: show it as text, never as HTML.
 */
import type { Tier } from '../core/decision.ts'
import type { Allowance, HandshakeOutcome, LearnedEntry } from '../core/tls-policy.ts'
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

// ── CA, without sign-in: GET /ca, /ca/cert.pem and so on; while another is rolled out /ca/next.… too ───

/** `firefox`: its policies.json; `powershell`: a script for Windows. */
export type CaFormat = 'pem' | 'der' | 'p12' | 'mobileconfig' | 'firefox' | 'powershell'

export interface CaGuide {
  /** `windows`, `macos`, `ios`, `android`, `chromeos`, `linux`, `firefox`, `other` */
  id: string
  title: string
  /** Best format for this platform. */
  format: CaFormat
  steps: string[]
  /** What will not work, said plainly; '' when there is nothing to say. */
  note: string
}

/** One certificate of the CA: never a key. */
export interface CaCertificate {
  /** Common name, or the whole subject when it has none. */
  subject: string
  /** Lower-case hex, no colons. */
  sha256: string
  /** Of an intermediate: the time in which its whole chain is valid. */
  notBefore: number
  notAfter: number
  /** `ECDSA P-256`, `RSA 3072`. */
  key: string
  /** Brought in by the admin, not made on this box. */
  imported: boolean
  /** null: not limited. */
  pathLength: number | null
  /** Names and networks it may sign for; null: every one. */
  permitted: string[] | null
  /** Names and networks it must not sign for. */
  excluded: string[]
  /** For an intermediate: the root that devices must trust, and whose file the downloads are; null: the certificate itself. */
  root: { subject: string; sha256: string } | null
}

export interface CaDownload {
  format: CaFormat
  path: string
  contentType: string
  fileName: string
}

export interface CaAnswer extends CaCertificate {
  downloads: CaDownload[]
  guides: CaGuide[]
  /** Handed out already, so that devices know it when it takes over; null: no rotation is under way. */
  next: (CaCertificate & { downloads: CaDownload[] }) | null
  /** Out of use, and still on devices; newest first. */
  previous: CaCertificate[]
  /** The private key is kept under a passphrase. */
  encrypted: boolean
}

/**
 * POST /ca/rotate. `prepare` makes another CA and hands it out, `finish` signs with it from then on, `cancel` throws away
 * what was prepared. The subject of the CA in use, typed by a person, confirms each.
 */
export interface CaRotate {
  step: 'prepare' | 'finish' | 'cancel'
  confirm: string
}

// ── TLS: GET /tls/learned?q=, /tls/exceptions, /tls/trust, /tls/never-decrypt, /tls/learned/export (YAML) ─────────────

/** What the log knows about it: rows counted, and the filter that lists exactly these. */
export interface LogUse {
  count: number
  q: string
}

/** In force first, newest first; `refused` counts the last seven days. At most 200; `q`: part of a host or client. */
export interface LearnedAnswer {
  /** That match `q`, shown here or not. */
  total: number
  entries: (LearnedEntry & { refused: LogUse; refusedDevices: number })[]
}

/** POST /tls/learned/{id}. A dismissed conclusion stays, without effect; one removed may be drawn again. */
export interface LearnedDo {
  do: 'dismiss' | 'restore' | 'remove'
}

export interface ExceptionFacts {
  /** The host and everything below it. */
  host: string
  allow: Allowance[]
  until: number
  reason: string
  /** Of the policy document; 0: a person clicked through the warning. */
  line: number
  /** For a click: the only client it holds for; '' otherwise. */
  client: string
}

export interface ExceptionsAnswer {
  exceptions: (ExceptionFacts & { used: LogUse })[]
}

export interface TrustedDevice {
  client: string
  /** null: it has not shown it within the last seven days. */
  trusts: boolean | null
  /** The newest sign: when, at which host, and how the handshake ended; 0, '' and '' when there is none. */
  at: number
  host: string
  outcome: HandshakeOutcome | ''
  /** Handshakes it broke off. */
  refused: LogUse
  /** First of these; 0: none. */
  refusedSince: number
  /** It is not opened because it was learned that it trusts nothing of ours. */
  learned: boolean
}

export interface TrustAnswer {
  devices: TrustedDevice[]
  /** There were more than are told here. */
  more: boolean
}

export interface NeverDecryptAnswer {
  /** The policy may switch the list off. */
  inForce: boolean
  entries: {
    /** It and everything below; `=` before a name that stands for itself alone. */
    host: string
    reason: string
    /** Of the list, from 1. */
    line: number
  }[]
}

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
