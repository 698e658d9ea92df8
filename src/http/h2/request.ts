import type { ErrorCode } from '../../core/errors.ts'
import { type RequestHead, UNKNOWN_LENGTH } from '../../core/exchange.ts'
import type { HeaderList } from '../../core/headers.ts'
import { parseLength } from '../h1/values.ts'
import { parseAuthority } from '../target.ts'
import { hasOuterSpace } from './fields.ts'

/**
 * The request head from node's flat list of field lines, or why it is malformed. nghttp2 has refused before: pseudo
 * fields missing, double, unknown or late; upper case; connection-specific fields; a bad or double Content-Length or one
 * that the body belies; white space and controls in the target. It has dropped, unseen, field lines with a name that is
 * no token or with CR, LF, NUL or DEL in the value: they reach nobody (docs/http2.md).
 */
export function readRequest(
  raw: readonly string[],
  endStream: boolean,
  scheme: 'http' | 'https',
): RequestHead | 'client-bad-request' {
  const headers: HeaderList = []
  let method = ''
  let path = ''
  let authority: string | null = null
  let host: string | null = null
  let cookieAt = -1
  let length = UNKNOWN_LENGTH
  let expectContinue = false
  for (let i = 0; i < raw.length; i += 2) {
    const value = raw[i + 1]!
    switch (raw[i]) {
      case ':method':
        method = value
        continue
      case ':path':
        path = value
        continue
      case ':authority':
        authority = value
        continue
      case ':scheme':
        // RFC 9110 §7.4: what is asked for over this connection is what it was made for
        if (value.toLowerCase() !== scheme) return 'client-bad-request'
        continue
      case 'host':
        if (host !== null && host !== value) return 'client-bad-request'
        host = value
        continue
      case 'cookie': // RFC 9113 §8.2.3: crumbs become one field again
        if (cookieAt >= 0) {
          headers[cookieAt] += `; ${value}`
          continue
        }
        cookieAt = headers.length + 1
        break
      case 'content-length':
        length = parseLength(value)
        if (length < 0) return 'client-bad-request'
        break
      case 'expect':
        expectContinue = value.toLowerCase() === '100-continue'
        break
    }
    headers.push(raw[i]!, value)
  }
  if (method === 'CONNECT' || !isPath(path, method) || hasOuterSpace(raw)) return 'client-bad-request'
  const place = placeOf(authority, host, scheme)
  if (place === null) return 'client-bad-request'
  return {
    method,
    scheme,
    host: place.host,
    port: place.port,
    path,
    headers,
    version: 20,
    bodyLength: endStream ? 0 : length,
    expectContinue,
    upgrade: null,
  }
}

/** RFC 9113 §8.3.1: origin-form, or `*` for OPTIONS. */
function isPath(path: string, method: string): boolean {
  if (path.charCodeAt(0) === 47) return !path.includes('#')
  return path === '*' && method === 'OPTIONS'
}

/** RFC 9113 §8.3.1: Host may stand in for :authority, and must not differ from it. */
function placeOf(
  authority: string | null,
  host: string | null,
  scheme: 'http' | 'https',
): { host: string; port: number } | null {
  const place = parseAuthority(authority ?? host ?? '', scheme)
  if (place === null || authority === null || host === null || authority === host) return place
  const other = parseAuthority(host, scheme)
  return other !== null && other.host === place.host && other.port === place.port ? place : null
}

/** What a well-formed request may still be refused for. */
export function refusal(head: RequestHead, maxTargetBytes: number): ErrorCode | null {
  return head.path.length > maxTargetBytes ? 'client-target-too-long' : null
}
