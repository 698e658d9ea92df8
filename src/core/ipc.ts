import type { CaPublic, LeafCertificate } from './ca.ts'
import type { CaHandout } from './handout.ts'
import type { Limits } from './limits.ts'
import type { Allowance, HandshakeEvent, LearnedEntry } from './tls-policy.ts'

/** What a worker needs to know; sent once at start, before it gives up its privileges. */
export interface WorkerInit {
  workerId: number
  /** Names this box in Via. */
  boxId: string
  keepClientAddress: boolean
  limits: Limits
  /** PEM of all roots trusted for origins: the system's and `tls.originRoots`. */
  originRootsPem: string[]
  /** As the administrator wrote them. */
  revocationLists: { name: string; content: Buffer }[]
  /** Networks that are not public and may be asked for issuers and revocation. */
  fetchNetworks: string[]
  /** What to show origins that ask for a certificate. */
  clientCertificates: { host: string; certPem: string; keyPem: string }[]
  ca: CaPublic
  /** Every CA whose key is on this box: none proves anything on the origin's side. */
  ownCas: CaPublic[]
  /** 48 octets each, shared by all workers, so that a client resumes at any of them; the first one is in use. */
  ticketKeys: Buffer
  /** 32 octets shared by all workers: proves that a form of one of our pages was shown to the device that sends it. */
  overrideKey: Buffer
  /** For the enrolment page. */
  handout: CaHandout
  /** Facts in force when the worker started. */
  facts: SharedFact[]
  /** Conclusions in force when the worker started. */
  learned: LearnedEntry[]
  cacheBytes: number
  clientAddressMode: 'full' | 'pseudonym' | 'none'
  pseudonymKey: Buffer
  policy: PolicySource
  own: OwnAddresses
  /** Run as this user once all is loaded; null when the supervisor is not root. */
  uid: number | null
  gid: number | null
}

/** Where the box itself and its clients are. */
export interface OwnAddresses {
  /** What the loop guard refuses. */
  addrs: string[]
  /** Networks behind the interface clients come from: no certificate's address leads there, also where they are public. */
  lan: string[]
}

/** A policy document with everything it names: a worker may not read files. */
export interface PolicySource {
  text: string
  version: string
  /** Path as written in the document → content. */
  lists: Record<string, string>
  /** For clients without a rule. */
  defaultTier: 'inspect' | 'names' | 'pass'
}

export interface WorkerCounters {
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

/** supervisor → worker */
export type ToWorker =
  | { t: 'init'; init: WorkerInit }
  | { t: 'minted'; id: number; leaf: LeafCertificate | null; error: string }
  | { t: 'policy'; policy: PolicySource }
  | { t: 'own-addresses'; own: OwnAddresses }
  | { t: 'origin-roots'; rootsPem: string[] }
  | { t: 'purge'; host: string | null }
  /** Every conclusion in force; replaces the one before. */
  | { t: 'learned'; entries: LearnedEntry[] }
  /** Something one worker found out that all must know. */
  | { t: 'shared'; fact: SharedFact }
  /** 48 octets each, the one to use first; the others still open old tickets. */
  | { t: 'ticket-keys'; keys: Buffer }
  /** The CA was changed, or another is being rolled out. */
  | { t: 'ca'; ca: CaPublic; own: CaPublic[]; handout: CaHandout }
  | { t: 'drain' }

/** Short-lived, bounded by whoever keeps it. */
export type SharedFact =
  /** The device is on the enrolment page: its connections to `host` are opened, whatever was learned. */
  | { kind: 'enrolling'; client: string; host: string; until: number }
  /** A person clicked through the warning about this very certificate (lower-case hex of its SHA-256). */
  | { kind: 'override'; client: string; host: string; fingerprint: string; allow: Allowance[]; until: number }

/** worker → supervisor */
export type FromWorker =
  | { t: 'ready' }
  | { t: 'mint'; id: number; name: string; spki: Buffer }
  /** Rows as in core/log-batch.ts; forwarded to the store thread unread. */
  | { t: 'log'; batch: Buffer; rows: number; dropped: number }
  | { t: 'counters'; counters: WorkerCounters }
  | { t: 'handshakes'; events: HandshakeEvent[] }
  | { t: 'share'; fact: SharedFact }
  | { t: 'policy-failed'; version: string; message: string }
  /** Everything is over and logged; the process ends. */
  | { t: 'drained' }

/** admin → supervisor: calls by name with an answer; the closed list is in src/admin/calls.ts. */
export type FromAdmin = { t: 'ready' } | { t: 'call'; id: number; method: string; params: unknown }

/** supervisor → admin */
export type ToAdmin =
  | { t: 'init'; init: AdminInit }
  | { t: 'result'; id: number; ok: boolean; value: unknown; error: string }
  | { t: 'status'; status: BoxStatus }

export interface AdminInit {
  trafficDb: string
  adminDb: string
  ca: CaPublic
  uid: number | null
  gid: number | null
  version: string
  /** Addresses the UI is reachable under, for the Origin check and the CA page. */
  listen: string
}

export interface WorkerStatus {
  id: number
  pid: number
  state: 'starting' | 'ready' | 'draining' | 'dead'
  restarts: number
  startedAt: number
  counters: WorkerCounters
}

/** Sent to the admin process every second. */
export interface BoxStatus {
  time: number
  startedAt: number
  version: string
  workers: WorkerStatus[]
  rules: 'applied' | 'manual' | 'removed-unhealthy'
  policyVersion: string
  log: { rowsStored: number; rowsDropped: number; queued: number; error: string; bytes: number }
}
