import type { ErrorCode } from './errors.ts'

/** Words shared by the parts that judge, learn about and show TLS: no behaviour. */

/**
 * What may be overlooked at one origin, by an exception of the policy document: `expired` every certificate's time;
 * `weak` keys of 1024 bits and more, SHA-1 signatures; `old-tls` TLS 1.0 and 1.1 and the suites of their time;
 * `name` the name; `untrusted` an issuer that is not among the roots. A revoked or wrongly signed certificate never.
 */
export type Allowance = 'expired' | 'weak' | 'old-tls' | 'name' | 'untrusted'

/**
 * The refusals that an exception or, where policy allows it, a click may overlook, and by which allowance. What is not
 * here (revoked, wrongly signed, used for what it was not made for) nobody may overlook.
 */
export const OVERLOOKABLE: Readonly<Partial<Record<ErrorCode, Allowance>>> = {
  'origin-cert-expired': 'expired',
  'origin-cert-name': 'name',
  'origin-cert-untrusted': 'untrusted',
  'origin-cert-weak': 'weak',
}

/** One host's exception; `until` (ms) is always there, so that none lives for ever. */
export interface TlsException {
  /** The host and everything below it, lower case. */
  host: string
  allow: ReadonlySet<Allowance>
  until: number
  reason: string
  /** Of the policy document, from 1; 0: a person clicked through the warning. */
  line: number
  /** Set when a person clicked through: it holds for this client and this very certificate alone. */
  only: { client: string; fingerprint: string } | null
}

/** The policy document's `tls` part, every default filled in. */
export interface TlsPolicy {
  /** When no answer about a certificate's revocation can be had: go on (soft) or refuse (hard). */
  revocation: 'soft' | 'hard'
  /** May a person click through the warning about an origin's certificate. */
  override: 'never' | 'allow'
  /** Clients that can do TLS 1.0 or 1.1 only. */
  oldClients: 'refuse' | 'pass'
  /** TLS to intercepted ports that carries no HTTP: unknown ALPN, other protocols inside. */
  notHttp: 'relay' | 'refuse'
  /** A device that trusts nothing we sign. */
  untrusting: 'names' | 'refuse'
  /** Names that turn our certificate down while their device trusts us for others. */
  pinned: 'names' | 'refuse'
  /** The shipped list of hosts that are never opened. */
  neverDecrypt: 'default' | 'none'
}

/** A certificate of an origin's chain, for pages, log and API; every text is hostile. */
export interface ChainLink {
  subject: string
  issuer: string
  names: string[]
  notBefore: number
  notAfter: number
  serial: string
  key: string
  signature: string
  fingerprint: string
  /** What is wrong with this one, or ''. */
  fault: string
}

/** How a client's handshake with us ended, told by workers to whoever learns from it. */
export type HandshakeOutcome =
  | 'trusted' // it went on and sent something
  | 'unknown-ca' // alert unknown_ca (48)
  | 'bad-certificate' // alerts 42–46 but unknown_ca
  | 'closed-after-certificate' // without a word
  | 'closed-after-handshake' // finished, sent nothing, closed at once
  | 'ech-retry' // ech_required: it comes back with its real name
  | 'client-cert-wanted' // the origin asked for a client certificate
  | 'other'

export interface HandshakeEvent {
  /** Milliseconds since the epoch. */
  time: number
  client: string
  /** The name asked for, or the destination address. */
  host: string
  outcome: HandshakeOutcome
  /** The client's JA4, '' when unknown: tells one app of a device from another. */
  ja4: string
}

export type LearnedKind =
  | 'untrusting' // this device trusts nothing we sign
  | 'pinned' // this name is pinned by the apps of these clients
  | 'client-cert' // this origin wants a client certificate

/** A conclusion: while it lasts, the connection is not opened. */
export interface LearnedEntry {
  id: string
  kind: LearnedKind
  /** Client address, name of a policy group (a letter first, so never taken for an address), or '' for every client. */
  client: string
  /** Host name, or '' for every name. */
  host: string
  since: number
  until: number
  /** After this time one connection is opened again to see whether it still holds. */
  retestAt: number
  failures: number
  devices: number
  /** The last outcomes that led to it, newest first, at most 10. */
  evidence: HandshakeEvent[]
  state: 'active' | 'dismissed'
}
