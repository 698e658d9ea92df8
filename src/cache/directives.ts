import { type HeaderList, nameIs } from '../core/headers.ts'

/** What a message's Cache-Control says (RFC 9111 §5.2), requests and responses alike. Seconds; ABSENT when not there. */
export interface Directives {
  /** There was a Cache-Control field at all: then Pragma does not count (§5.4). */
  present: boolean
  noStore: boolean
  /** With a field list too: storing the rest of the answer is allowed, but never needed. */
  noCache: boolean
  isPrivate: boolean
  isPublic: boolean
  mustRevalidate: boolean
  proxyRevalidate: boolean
  mustUnderstand: boolean
  onlyIfCached: boolean
  maxAge: number
  sMaxage: number
  minFresh: number
  /** Infinity without an argument. */
  maxStale: number
}

export const ABSENT = -1
/** RFC 9111 §1.2.2: what does not fit is this many seconds. */
const MAX_DELTA = 2 ** 31

const NONE: Directives = Object.freeze(make(false))

/**
 * Every Cache-Control field line of the list. Names in any case, arguments as token or quoted string; of duplicates the
 * stricter counts, and an argument that is no number of seconds is the strictest there is (§4.2.1: considered stale).
 */
export function parseCacheControl(headers: HeaderList): Directives {
  let out: Directives | null = null
  for (let i = 0; i < headers.length; i += 2) {
    if (!nameIs(headers[i]!, 'cache-control')) continue
    out ??= make(true)
    parseLine(out, headers[i + 1]!)
  }
  return out ?? NONE
}

/** Non-negative integer seconds, capped; null for anything else. */
export function deltaSeconds(text: string): number | null {
  return /^\d+$/.test(text) ? Math.min(Number(text), MAX_DELTA) : null
}

function make(present: boolean): Directives {
  return {
    present,
    noStore: false,
    noCache: false,
    isPrivate: false,
    isPublic: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    onlyIfCached: false,
    maxAge: ABSENT,
    sMaxage: ABSENT,
    minFresh: ABSENT,
    maxStale: ABSENT,
  }
}

/** Quotes hide commas (`private="a, no-store"` says nothing about no-store); from one that never closes on they do not. */
function parseLine(out: Directives, line: string): void {
  let start = 0
  let at = 0
  let quotes = true
  while (at <= line.length) {
    const c = line[at]
    if (c === '"' && quotes) {
      const close = closingQuote(line, at)
      if (close < 0) quotes = false
      else at = close
    } else if (c === ',' || c === undefined) {
      parseDirective(out, line.slice(start, at).trim())
      start = at + 1
    }
    at++
  }
}

/** Index of the quote that closes the one at `open`, or -1. */
function closingQuote(line: string, open: number): number {
  for (let i = open + 1; i < line.length; i++) {
    if (line[i] === '\\') i++
    else if (line[i] === '"') return i
  }
  return -1
}

function parseDirective(out: Directives, text: string): void {
  const equals = text.indexOf('=')
  // Space before `=` is not in the grammar; the name is still recognised, so that a sloppy `no-cache ="x"` restricts.
  const name = (equals < 0 ? text : text.slice(0, equals).trimEnd()).toLowerCase()
  const argument = equals < 0 ? null : text.slice(equals + 1)
  switch (name) {
    case 'no-store':
      out.noStore = true
      break
    case 'no-cache':
      out.noCache = true
      break
    case 'private':
      out.isPrivate = true
      break
    case 'must-revalidate':
      out.mustRevalidate = true
      break
    case 'proxy-revalidate':
      out.proxyRevalidate = true
      break
    case 'must-understand':
      out.mustUnderstand = true
      break
    case 'only-if-cached':
      out.onlyIfCached = true
      break
    case 'public': // gives a permission: only in its exact form
      if (argument === null) out.isPublic = true
      break
    case 'max-age':
      out.maxAge = lower(out.maxAge, seconds(argument) ?? 0)
      break
    case 's-maxage':
      out.sMaxage = lower(out.sMaxage, seconds(argument) ?? 0)
      break
    case 'min-fresh':
      out.minFresh = Math.max(out.minFresh, seconds(argument) ?? Number.POSITIVE_INFINITY)
      break
    case 'max-stale':
      out.maxStale = lower(out.maxStale, argument === null ? Number.POSITIVE_INFINITY : (seconds(argument) ?? 0))
      break
    default:
  }
}

function seconds(argument: string | null): number | null {
  if (argument === null) return null
  const quoted = argument.length >= 2 && argument.startsWith('"') && argument.endsWith('"')
  return deltaSeconds(quoted ? argument.slice(1, -1) : argument)
}

function lower(before: number, now: number): number {
  return before === ABSENT ? now : Math.min(before, now)
}
