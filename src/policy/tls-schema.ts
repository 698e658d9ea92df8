import net from 'node:net'
import { z } from 'zod'
import { canonicalName, parseDomain } from './names.ts'
import { oneOf, some, text, textWith } from './schema-parts.ts'

/** Far more than anybody reviews when their time is up. */
const MAX_EXCEPTIONS = 500
const UNTIL_ADVICE = 'must be the last day, such as 2027-01-31, or a moment, such as 2027-01-31T18:00Z.'

/** The `tls` mapping: how strict, and what becomes of clients that cannot or will not be looked into. */
export const tlsPart = z.strictObject(
  {
    revocation: oneOf(['soft', 'hard']).optional(),
    override: oneOf(['never', 'allow']).optional(),
    oldClients: oneOf(['refuse', 'pass']).optional(),
    notHttp: oneOf(['relay', 'refuse']).optional(),
    untrusting: oneOf(['names', 'refuse']).optional(),
    pinned: oneOf(['names', 'refuse']).optional(),
    neverDecrypt: oneOf(['default', 'none']).optional(),
  },
  { error: 'must be a mapping, such as { revocation: hard }.' },
)

const host = textWith(value => {
  const parsed = parseDomain(value)
  if (typeof parsed === 'string') return parsed
  return parsed.exact && net.isIP(parsed.name) === 0
    ? `Write "${parsed.name}": an exception covers the host and every name under it.`
    : null
})
const until = textWith(value => (parseUntil(value) === null ? UNTIL_ADVICE : null))

export const exceptionShape = {
  host,
  allow: some(oneOf(['expired', 'weak', 'old-tls', 'name', 'untrusted']), 'expired, old-tls'),
  until,
  reason: text
    .trim()
    .min(1, 'must not be empty: say why, for whoever reads it later.')
    .max(300, 'must be at most 300 characters long.'),
}

export const exceptions = z
  .array(z.strictObject(exceptionShape, { error: 'must be a mapping that begins with "- host: …".' }), {
    error: 'must be a list of exceptions, each beginning with "- host: …".',
  })
  .max(MAX_EXCEPTIONS, `has more than ${MAX_EXCEPTIONS} entries.`)

/** Host of an exception in the one spelling it is looked up by. The text has passed the schema. */
export function exceptionHost(text: string): string {
  return canonicalName(text) ?? text
}

/**
 * A date (RFC 3339 full-date: the whole of that day) or date and time as milliseconds; without a zone UTC is meant, so
 * that the document says the same on every box. null when it is neither.
 */
export function parseUntil(text: string): number | null {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)?)?$/i.exec(text.trim())
  if (match === null) return null
  const [, date = '', time, zone = 'Z'] = match
  const day = Date.parse(`${date}T00:00:00Z`)
  // Date.parse takes 31 April for 1 May in some spellings; the round trip does not
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== date) return null
  const moment = time === undefined ? day + 86_400_000 : Date.parse(`${date}T${time}${zone.toUpperCase()}`)
  return Number.isNaN(moment) ? null : moment
}
