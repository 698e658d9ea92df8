import {
  type ConnectionFacts,
  type Decision,
  NO_REASON,
  type Policy,
  type Reason,
  type ReasonCode,
} from '../core/decision.ts'
import { WeirError } from '../core/errors.ts'
import type { LearnedEntry, LearnedKind } from '../core/tls-policy.ts'
import { isEchPublicName } from './ech-names.ts'

/** What is known of a TLS connection once its hello has been read. */
export interface TlsFacts extends ConnectionFacts {
  hello: {
    /** Protocols the client offers; none: it did not say. */
    alpn: readonly string[]
    /** Highest version offered, e.g. 0x0304. */
    maxVersion: number
    ja4: string
  }
  /** The device is trying out whether it trusts us, and this is the name it does so with. */
  enrolling: boolean
  /** May our CA certify the name at all? Its name constraints say no for others than its own. */
  certifiable: boolean
}

/** What was learned, as a worker holds it. It may answer null for an entry in force: this connection is the re-test. */
export interface LearnedLookup {
  lookup(client: string, host: string, ja4: string, nowMs: number): LearnedEntry | null
}

/** TLS 1.2 (RFC 5246 §7.4.1.2): below it nothing is terminated. */
const TLS12 = 0x0303

const CODES: Record<LearnedKind, ReasonCode> = {
  untrusting: 'learned-untrusting',
  pinned: 'learned-pinned',
  'client-cert': 'learned-client-cert',
}

/**
 * The last word on a TLS connection that the rules would open: what its hello and what was learned about its client and
 * name say against that. Where they do, the connection is left closed (tier `names`), or refused if `tls:` of the policy
 * wants that (verdict `block`; `refusalOf` gives the error). Only ever called for TLS, after `decideConnection`.
 */
export function overlay(policy: Policy, decision: Decision, facts: TlsFacts, learned: LearnedLookup): Decision {
  if (!facts.certifiable && (facts.enrolling || decision.tier === 'inspect'))
    return close(policy, facts, CA_LIMITS, false)
  // Whether the device trusts us shows only on a connection that is opened, whatever else holds for the device
  if (facts.enrolling) return { ...decision, tier: 'inspect', tierReason: ENROLLING }
  if (decision.tier !== 'inspect') return decision
  const { tls } = policy
  const { hello } = facts
  if (hello.maxVersion < TLS12) return close(policy, facts, OLD_CLIENT, tls.oldClients === 'refuse')
  if (!speaksHttp(hello.alpn)) return close(policy, facts, ALPN, tls.notHttp === 'refuse')
  if (decision.learned === 'never') return decision
  const host = facts.host ?? facts.dstAddr
  const entry = learned.lookup(facts.clientAddr, host, hello.ja4, facts.now)
  if (entry === null) return decision
  // A client that accepts our certificate for ECH's public name comes back with its real one (RFC 9849 §6.1.6)
  if (entry.kind !== 'untrusting' && isEchPublicName(host)) return decision
  const refuse =
    entry.kind === 'untrusting' ? tls.untrusting === 'refuse' : entry.kind === 'pinned' && tls.pinned === 'refuse'
  return close(policy, facts, REASONS[entry.kind], refuse)
}

/** The error of a connection whose decision is `block` and which is not opened for a page. */
export function refusalOf(decision: Decision): WeirError {
  switch (decision.reason.code) {
    case 'old-client':
      return new WeirError('client-tls-old')
    case 'alpn':
      return new WeirError('client-tls', 'The client offers only protocols that carry no HTTP.')
    case 'learned-untrusting':
    case 'learned-pinned':
      return new WeirError('client-tls-distrust')
    default:
      return new WeirError('policy-blocked')
  }
}

/** Left closed, the URL will never be seen: the verdict is asked for again, because it may have waited for one. */
function close(policy: Policy, facts: TlsFacts, reason: Reason, refuse: boolean): Decision {
  const { verdict, reason: why } = policy.decideConnection({ ...facts, closed: true })
  if (verdict === 'block') return { verdict, reason: why, tier: 'names', tierReason: reason }
  return { verdict: refuse ? 'block' : 'allow', reason: refuse ? reason : why, tier: 'names', tierReason: reason }
}

/** What our end of the client's TLS agrees to. */
const HTTP = ['h2', 'http/1.1', 'http/1.0']

/** RFC 7301 §3.1; a client that says nothing speaks HTTP/1.1. */
function speaksHttp(alpn: readonly string[]): boolean {
  return alpn.length === 0 || HTTP.some(protocol => alpn.includes(protocol))
}

function only(code: ReasonCode): Reason {
  return Object.freeze({ ...NO_REASON, code })
}

const ENROLLING = only('enrolling')
const CA_LIMITS = only('ca-limits')
const OLD_CLIENT = only('old-client')
const ALPN = only('alpn')
const REASONS: Record<LearnedKind, Reason> = {
  untrusting: only(CODES.untrusting),
  pinned: only(CODES.pinned),
  'client-cert': only(CODES['client-cert']),
}
