import type { RequestHead, ResponseHead } from '../core/exchange.ts'
import { type HeaderList, headerAll, headerGet } from '../core/headers.ts'
import { type Entry, storedFields, withoutFields } from './entry.ts'
import { stronglyEqual, weaklyEqual } from './etag.ts'
import { uriOf } from './key.ts'

/** Registered as safe (RFC 9110 §9.2.1, RFC 4918, 3253, 5323). Any other method, known or not, may change its target. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH', 'QUERY', 'PRI'])

/** Of the stored body, not of the 304: RFC 9111 §3.2 (Content-Length) and what was decided by the stored bytes. */
const BODY_FIELDS = ['content-encoding', 'content-range']

/**
 * Does this 304 speak of what is stored (RFC 9111 §4.3.4)? Its entity tag must agree, or else its Last-Modified; one
 * without any validator answers the validators we sent.
 */
export function isAbout(entry: Entry, notModified: HeaderList): boolean {
  const etag = headerGet(notModified, 'etag')
  if (etag !== null) {
    if (entry.etag === null) return false
    return etag.startsWith('W/')
      ? weaklyEqual(etag, entry.etag)
      : stronglyEqual(etag, entry.etag) || etag === entry.etag
  }
  const modified = headerGet(notModified, 'last-modified')
  return modified === null || entry.etag !== null || modified === entry.lastModified
}

/**
 * Stored fields brought up to date by those of a 304: each name that it carries replaces the stored lines. Cookies are
 * left out: they are for the client that asked.
 */
export function mergedFields(stored: HeaderList, notModified: HeaderList): HeaderList {
  const fresh = withoutFields(storedFields(notModified), [...BODY_FIELDS, 'set-cookie'])
  const names = new Set<string>()
  for (let i = 0; i < fresh.length; i += 2) names.add(fresh[i]!.toLowerCase())
  const out: HeaderList = []
  for (let i = 0; i < stored.length; i += 2) {
    if (!names.has(stored[i]!.toLowerCase())) out.push(stored[i]!, stored[i + 1]!)
  }
  for (const item of fresh) out.push(item)
  return out
}

/** RFC 9111 §4.3.5: does the answer to a HEAD show that the stored answer to GET is another one? */
export function headDisagrees(entry: Entry, response: ResponseHead): boolean {
  const etag = headerGet(response.headers, 'etag')
  const modified = headerGet(response.headers, 'last-modified')
  return (etag !== null && etag !== entry.etag) || (modified !== null && modified !== entry.lastModified)
}

/** URIs that this exchange makes invalid (RFC 9111 §4.4): none unless an unsafe method succeeded. */
export function invalidatedUris(request: RequestHead, response: ResponseHead): string[] {
  if (SAFE.has(request.method) || response.status < 200 || response.status >= 400) return []
  const uris = [uriOf(request)]
  for (const field of ['location', 'content-location']) {
    for (const value of headerAll(response.headers, field)) {
      const uri = sameOriginUri(request, uris[0]!, value)
      if (uri !== null && !uris.includes(uri)) uris.push(uri)
    }
  }
  return uris
}

/** Only the origin's own URIs: anybody could else empty anybody's cache. */
function sameOriginUri(request: RequestHead, base: string, value: string): string | null {
  const url = URL.parse(value, base)
  const origin = URL.parse(base)
  if (url === null || origin === null || url.origin !== origin.origin) return null
  return uriOf({ ...request, path: url.pathname + url.search })
}
