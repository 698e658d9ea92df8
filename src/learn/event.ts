import net from 'node:net'
import type { HandshakeEvent, HandshakeOutcome } from '../core/tls-policy.ts'

const OUTCOMES: ReadonlySet<unknown> = new Set<HandshakeOutcome>([
  'trusted',
  'unknown-ca',
  'bad-certificate',
  'closed-after-certificate',
  'closed-after-handshake',
  'ech-retry',
  'client-cert-wanted',
  'other',
])
/** Host names as they come out of a ClientHello: LDH and underscore. */
const NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/
const JA4 = /^[\x21-\x7e]{0,64}$/

/** The client said that it does not want our certificate. */
export function isAlert(outcome: HandshakeOutcome): boolean {
  return outcome === 'unknown-ca' || outcome === 'bad-certificate'
}

/** The client went away after it saw our certificate, and said nothing. */
export function isSilent(outcome: HandshakeOutcome): boolean {
  return outcome === 'closed-after-certificate' || outcome === 'closed-after-handshake'
}

/** A client that goes back because of ECH has checked our certificate for the public name first (RFC 9849 §6.1.6). */
export function isTrust(outcome: HandshakeOutcome): boolean {
  return outcome === 'trusted' || outcome === 'ech-retry'
}

export function isHost(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 253 && (NAME.test(value) || net.isIP(value) !== 0)
}

export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Events come from workers, which speak with the network, and from a file that a person may have edited. */
export function isEvent(value: unknown): value is HandshakeEvent {
  if (typeof value !== 'object' || value === null) return false
  const { time, client, host, outcome, ja4 } = value as Record<string, unknown>
  return (
    isTime(time) &&
    typeof client === 'string' &&
    net.isIP(client) !== 0 &&
    isHost(host) &&
    OUTCOMES.has(outcome) &&
    typeof ja4 === 'string' &&
    JA4.test(ja4)
  )
}
