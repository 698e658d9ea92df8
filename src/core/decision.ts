import type { HeaderPolicy } from './header-policy.ts'
import type { TlsException, TlsPolicy } from './tls-policy.ts'

/** How far Weir looks into a connection: all of it, only the names in the handshake, or not at all. */
export type Tier = 'inspect' | 'names' | 'pass'

/** Closed list of why; the words for people are made in the UI and the pages from code + parameters. */
export type ReasonCode =
  | 'default' // no rule said anything
  | 'rule' // a rule of the policy document: `rule`, `line`
  | 'list' // a rule's list: `rule`, `line`, `list`, `listLine`
  | 'not-http' // not TLS and not HTTP: tunnelled
  | 'server-first' // the client said nothing; the server may speak first: tunnelled
  | 'no-name' // TLS without a server name
  | 'ech' // the inner name is encrypted
  | 'learned-untrusting' // this device trusts nothing we sign
  | 'learned-pinned' // this name's apps turn our certificate down
  | 'learned-client-cert' // the origin wants a client certificate
  | 'ca-limits' // our CA may not certify this name: its name constraints
  | 'never-decrypt' // the shipped list of hosts that are never opened: `list`, `listLine`
  | 'alpn' // the client offers only protocols we do not speak
  | 'old-client' // TLS 1.0 or 1.1 only
  | 'enrolling' // the device is trying out whether it trusts us
  | 'malformed' // the first bytes were refused
  | 'loop' // the destination is Weir itself
  | 'error' // Weir refused for a technical cause: see the error code

export interface Reason {
  code: ReasonCode
  /** Name of the rule, or null. */
  rule: string | null
  /** Line of the rule in the policy document, from 1; 0 when there is none. */
  line: number
  /** Name of the list and the line in it that matched. */
  list: string | null
  listLine: number
}

export const NO_REASON: Reason = Object.freeze({ code: 'default', rule: null, line: 0, list: null, listLine: 0 })

/** What policy says about a connection or a request, each half with its own reason. */
export interface Decision {
  verdict: 'allow' | 'block'
  reason: Reason
  tier: Tier
  tierReason: Reason
  /** `never`: the rule that gave the tier forbids that anything learned takes its place. */
  learned?: 'never'
}

export interface ConnectionFacts {
  /** Plain spelling (see `plainAddr`). */
  clientAddr: string
  dstAddr: string
  dstPort: number
  /** Name from SNI or Host, lower case without final dot; null when the client named none. */
  host: string | null
  /** Milliseconds since the epoch. */
  now: number
  /** It will not be opened, whatever tier the rules give: a verdict cannot wait for the URL. */
  closed?: boolean
}

export interface RequestFacts extends ConnectionFacts {
  host: string
  scheme: 'http' | 'https'
  /** Path and query as sent. */
  path: string
}

/** A compiled policy snapshot. Pure and synchronous; swapped whole. */
export interface Policy {
  readonly version: string
  readonly tls: TlsPolicy
  readonly headers: HeaderPolicy
  /** The exception in force for an origin, the most specific host first; null: none. */
  exceptionFor(host: string, nowMs: number): TlsException | null
  /** Before anything is opened: tier, and block if the name alone decides. */
  decideConnection(facts: ConnectionFacts): Decision
  /** With the URL known. */
  decideRequest(facts: RequestFacts): Decision
}
