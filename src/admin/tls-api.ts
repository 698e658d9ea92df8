/** The part of `api.ts` about TLS and the CA; the same rules hold: types only, nothing that needs Node. */
import type { Allowance, HandshakeOutcome, LearnedEntry } from '../core/tls-policy.ts'

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
