import { type HeaderList, headerAll, headerGet } from '../core/headers.ts'
import { parseHttpDate } from './date.ts'
import { type Entry, withoutFields } from './entry.ts'
import { noneMatchNames } from './etag.ts'
import { ageMs } from './freshness.ts'
import { type ByteRange, ifRangeHolds, selectRange, sliceBody } from './range.ts'

export interface Answer {
  status: number
  /** A list of its own; no framing and no hop-by-hop field. */
  headers: HeaderList
  /** Shared with the store: not to be changed. Null: no content (304, 416) or none wanted (HEAD). */
  body: Buffer[] | null
  /** Of the content; for HEAD, of what GET would bring. */
  bodyLength: number
}

/** How the client is told (RFC 9211), or null for not at all. */
export type CacheStatus = 'hit' | 'revalidated' | null

/** What a client that sent these fields gets from a stored answer (RFC 9111 §4.3.2, RFC 9110 §13.2.2). */
export function answerFrom(
  entry: Entry,
  method: string,
  client: HeaderList,
  nowMs: number,
  cacheStatus: CacheStatus,
): Answer {
  // Preconditions are about a successful answer (RFC 9110 §13.2.1).
  const success = entry.status >= 200 && entry.status < 300
  if (success && clientHasIt(entry, client, nowMs)) {
    // §15.4.5: what 200 would have carried of metadata for caches; the rest describes a body that is not sent
    const kept = withoutFields(entry.headers, ['content-encoding', 'content-type', 'content-language'])
    return { status: 304, headers: withAge(kept, entry, nowMs, cacheStatus), body: null, bodyLength: 0 }
  }
  const headers = withAge(entry.headers, entry, nowMs, cacheStatus)
  if (method === 'HEAD') return { status: entry.status, headers, body: null, bodyLength: entry.bodyLength }
  const range = entry.status === 200 ? wantedRange(entry, client, nowMs) : null
  if (range === null) return { status: entry.status, headers, body: entry.body, bodyLength: entry.bodyLength }
  if (range === 'unsatisfiable') {
    const unsatisfied = ['Content-Range', `bytes */${entry.bodyLength}`]
    return { status: 416, headers: unsatisfied, body: null, bodyLength: 0 }
  }
  headers.push('Content-Range', `bytes ${range.first}-${range.last}/${entry.bodyLength}`)
  return { status: 206, headers, body: sliceBody(entry.body, range), bodyLength: range.last - range.first + 1 }
}

/** If-None-Match, else If-Modified-Since: against Last-Modified, else Date, else the time of reception. */
function clientHasIt(entry: Entry, client: HeaderList, nowMs: number): boolean {
  const noneMatch = headerAll(client, 'if-none-match')
  if (noneMatch.length > 0) return noneMatchNames(noneMatch.join(','), entry.etag)
  const since = headerAll(client, 'if-modified-since')
  const sinceMs = since.length === 1 ? parseHttpDate(since[0]!, nowMs) : null
  if (sinceMs === null) return false
  return (entry.lastModified === null ? entry.freshness.dateMs : entry.lastModifiedMs) <= sinceMs
}

function wantedRange(entry: Entry, client: HeaderList, nowMs: number): ByteRange | 'unsatisfiable' | null {
  const range = headerAll(client, 'range')
  if (range.length !== 1) return null
  const ifRange = headerGet(client, 'if-range')
  if (ifRange !== null && !ifRangeHolds(ifRange, entry, nowMs)) return null
  return selectRange(range[0]!, entry.bodyLength)
}

function withAge(stored: HeaderList, entry: Entry, nowMs: number, cacheStatus: CacheStatus): HeaderList {
  const age = ageMs(entry.freshness, nowMs)
  const headers = stored.concat('Age', String(Math.floor(age / 1000)))
  if (cacheStatus !== null) {
    const ttl = Math.floor((entry.freshness.lifetimeMs - age) / 1000)
    const how = cacheStatus === 'hit' ? 'hit' : 'fwd=stale; fwd-status=304'
    headers.push('Cache-Status', `weir; ${how}; ttl=${ttl}`)
  }
  return headers
}
