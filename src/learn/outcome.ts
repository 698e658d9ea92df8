import type { HandshakeOutcome } from '../core/tls-policy.ts'

/** What was seen of one handshake with a client, once the connection has shown how it ends. */
export interface HandshakeEnd {
  /** Number of the alert the client sent, read from the wire or from OpenSSL's error; -1: none that could be read. */
  alert: number
  /** Our certificate left before the end; false in a resumed session. */
  certificateSent: boolean
  /** The session was resumed. */
  resumed: boolean
  /** The client's Finished came. */
  complete: boolean
  /** Octets of application data the client sent. */
  appBytes: number
  /** From the first flight we sent to the client's Finished, milliseconds. */
  handshakeMs: number
  /** From the client's Finished to its close, milliseconds; -1: it did not close. */
  closedAfterMs: number
  /** We ended it ourselves: a time limit, draining, the policy. */
  byUs: boolean
  /** The client's own messages were wrong: OpenSSL could not decode them or they came out of order. */
  malformed: boolean
}

const UNKNOWN_CA = 48
/** bad_certificate, unsupported_certificate, certificate_revoked, certificate_expired, certificate_unknown (RFC 8446 §6.2). */
const FIRST_BAD = 42
const LAST_BAD = 46
/** RFC 9849 §6.1.6: our certificate for the public name was good. */
const ECH_REQUIRED = 121
const CLOSE_NOTIFY = 0

/**
 * Libraries that check pins after the handshake (OkHttp) finish it, send nothing and close. A connection made in advance
 * and not needed is closed without a byte too, but only after the client has waited: so "at once" is measured by
 * the round trips of the handshake itself.
 */
const AT_ONCE_FACTOR = 10
const AT_ONCE_MIN_MS = 100
/** However slow the network or a busy gateway made the handshake: nobody calls longer "at once". */
const AT_ONCE_MAX_MS = 5000

/** Pure: what the end of a handshake says about the client's trust in us. */
export function outcomeOf(end: HandshakeEnd): HandshakeOutcome {
  if (end.alert === ECH_REQUIRED) return 'ech-retry'
  if (end.appBytes > 0) return 'trusted'
  if (end.alert === UNKNOWN_CA) return 'unknown-ca'
  if (end.alert >= FIRST_BAD && end.alert <= LAST_BAD) return 'bad-certificate'
  if (end.malformed || end.byUs || end.alert > CLOSE_NOTIFY) return 'other'
  if (!end.complete) return end.certificateSent ? 'closed-after-certificate' : 'other'
  const atOnce = Math.min(AT_ONCE_MAX_MS, Math.max(AT_ONCE_MIN_MS, AT_ONCE_FACTOR * end.handshakeMs))
  const hasty = end.closedAfterMs >= 0 && end.closedAfterMs <= atOnce
  // A client keeps only tickets of sessions it trusted; why a resumed one falls silent at once cannot be known
  if (end.resumed) return hasty ? 'other' : 'trusted'
  return hasty ? 'closed-after-handshake' : 'other'
}
