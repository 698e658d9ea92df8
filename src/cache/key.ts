import { hostPort } from '../core/addr.ts'
import type { RequestHead } from '../core/exchange.ts'
import { type HeaderList, headerAll, headerJoined } from '../core/headers.ts'

const MAX_VARY_FIELDS = 16

/** The target URI with its port always written: the primary key (RFC 9111 §2). Only answers to GET are stored. */
export function uriOf(request: RequestHead): string {
  return `${request.scheme}://${hostPort(request.host, request.port)}${request.path}`
}

/**
 * The secondary key (RFC 9111 §4.1): `[name, value, …]`, names lower case and sorted, a value null when the request had
 * no such field. Null when no later request could ever match: `*` anywhere, a name that is none, or too many.
 */
export function varyKey(request: HeaderList, response: HeaderList): (string | null)[] | null {
  const names = new Set<string>()
  for (const line of headerAll(response, 'vary')) {
    for (const part of line.split(',')) {
      const name = part.trim().toLowerCase()
      if (name === '') continue
      if (!/^[!#$%&'+.^_`|~0-9a-z-]+$/.test(name)) return null // `*` too
      names.add(name)
      if (names.size > MAX_VARY_FIELDS) return null
    }
  }
  const out: (string | null)[] = []
  for (const name of [...names].sort()) out.push(name, fieldValue(request, name))
  return out
}

/** Do the request's nominated fields equal those of the request the answer was made for? */
export function varyMatches(key: (string | null)[], request: HeaderList): boolean {
  for (let i = 0; i < key.length; i += 2) if (fieldValue(request, key[i]!) !== key[i + 1]) return false
  return true
}

/** Lists of codings differ among clients in whitespace only; no other field is touched, for want of its grammar. */
function fieldValue(headers: HeaderList, lower: string): string | null {
  const value = headerJoined(headers, lower)
  if (value === null || lower !== 'accept-encoding') return value
  return value
    .replace(/[ \t]+/g, ' ') // first, or a long run of spaces would cost quadratic time
    .replace(/ ?([,;]) ?/g, '$1')
    .trim()
}
