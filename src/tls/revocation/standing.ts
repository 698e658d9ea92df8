/** What one source says about one certificate. */
export interface Standing {
  /**
   * `unknown`: the responder does not know the certificate. `unusable`: something was said that proves nothing (expired,
   * wrongly signed, about another certificate). `none`: nothing was said.
   */
  kind: 'good' | 'revoked' | 'unknown' | 'unusable' | 'none'
  /** How long it may be relied on (ms); 0 for `unusable` and `none`. */
  until: number
  /** Of `revoked`: since when (ms), and CRLReason (RFC 5280 §5.3.1) or -1. */
  revokedAt: number
  reason: number
  /** Why it is no better, for people; '' when it is good. */
  why: string
}

const REASONS: Record<number, string> = {
  1: 'its key was stolen or lost',
  2: 'the key of its authority was stolen or lost',
  3: 'its owner changed',
  4: 'it was replaced',
  5: 'its service ended',
  6: 'it is on hold',
  8: 'it was taken from a list',
  9: 'its owner lost the right to it',
  10: 'its authority was compromised',
}

/** What a signature that proves nothing is, for people. */
export const SIGNATURE_WORDS = {
  bad: 'wrongly signed',
  weak: 'too weakly signed',
  unsupported: 'signed in a way that is not accepted',
} as const

/** certificateHold is the one revocation that may be taken back. */
export const REASON_HOLD = 6
/** CRLReason as the last octet of an ENUMERATED; 7 is not used, and none is above 10. */
const MAX_REASON = 10

/** How far the clock of an authority may be ahead of ours. */
export const SKEW_MS = 5 * 60_000

export function good(until: number): Standing {
  return { kind: 'good', until, revokedAt: 0, reason: -1, why: '' }
}

export function unusable(why: string): Standing {
  return { kind: 'unusable', until: 0, revokedAt: 0, reason: -1, why }
}

export function none(why: string): Standing {
  return { kind: 'none', until: 0, revokedAt: 0, reason: -1, why }
}

export function unknown(until: number): Standing {
  return { kind: 'unknown', until, revokedAt: 0, reason: -1, why: 'Its authority does not know it.' }
}

export function revoked(revokedAt: number, reason: number, until: number): Standing {
  const day = new Date(revokedAt).toISOString().slice(0, 10)
  const words = REASONS[reason]
  return {
    kind: 'revoked',
    until,
    revokedAt,
    reason,
    why: words === undefined ? `It was revoked on ${day}.` : `It was revoked on ${day}: ${words}.`,
  }
}

/** `code` from an ENUMERATED's content; -1 for what is none of the list. */
export function readReason(buf: Uint8Array, start: number, end: number): number {
  return end === start + 1 && buf[start]! <= MAX_REASON ? buf[start]! : -1
}

/** A stranger's octets that find a mistake of ours are no answer; other connections of this process go on. */
export function guarded(judge: () => Standing): Standing {
  try {
    return judge()
  } catch (cause) {
    return none(`What was said about it could not be read (${(cause as Error).message}).`)
  }
}
