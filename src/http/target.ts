import { isIPv6 } from 'node:net'

/** Where a request goes, in the spelling of RequestHead. */
export interface Target {
  host: string
  port: number
  path: string
}

export type TargetError = 'client-bad-request' | 'client-misdirected'

/** Facts `resolveTarget` needs; a request head fits once parsed. */
export interface TargetFacts {
  method: string
  /** As on the request line. */
  target: string
  version: 10 | 11
  hostCount: number
  /** Value of the last Host field. */
  host: string
}

export interface ConnectionPlace {
  scheme: 'http' | 'https'
  /** Name the connection was opened (and its certificate verified) for; null on plain HTTP. */
  sni: string | null
  dstAddr: string
  dstPort: number
}

interface Authority {
  host: string
  port: number
}

/**
 * The effective target of an HTTP/1 request on an intercepted connection (RFC 9112 §3.2, §3.3), or why it is refused.
 * Wherever two fields could name two hosts they must agree: policy, cache and origin have to see the same one. Whether
 * that host is one the connection may carry is judged by the origin's certificate (pipeline/origin).
 */
export function resolveTarget(request: TargetFacts, place: ConnectionPlace): Target | TargetError {
  const { target } = request
  if (request.method === 'CONNECT' || target.includes('#')) return 'client-bad-request'
  const host = hostField(request, place)
  if (host === null) return 'client-bad-request'
  if (target.charCodeAt(0) === 47) return { host: host.host, port: host.port, path: target }
  if (target === '*') {
    return request.method === 'OPTIONS' ? { host: host.host, port: host.port, path: '*' } : 'client-bad-request'
  }
  return absoluteForm(request, host, place)
}

/** RFC 9112 §3.2: exactly one valid Host, or 400; HTTP/1.0 may have none, then the address dialled is the host. */
function hostField(request: TargetFacts, place: ConnectionPlace): Authority | null {
  if (request.hostCount === 1) return parseAuthority(request.host, place.scheme)
  if (request.hostCount > 1 || request.version === 11) return null
  return { host: place.sni ?? plainHost(place.dstAddr), port: place.dstPort }
}

/** RFC 9112 §3.2.2. The RFC lets the target overrule Host; nobody honest sends two, so they must agree. */
function absoluteForm(request: TargetFacts, host: Authority, place: ConnectionPlace): Target | TargetError {
  const match = /^(https?):\/\/([^/?]*)(.*)$/is.exec(request.target)
  if (match === null) return 'client-bad-request'
  const [, scheme = '', text = '', rest = ''] = match
  // RFC 9110 §7.4: a request for another scheme than the connection's is misdirected
  if (scheme.toLowerCase() !== place.scheme) return 'client-misdirected'
  const authority = parseAuthority(text, place.scheme)
  if (authority === null) return 'client-bad-request'
  if (request.hostCount === 1 && (authority.host !== host.host || authority.port !== host.port)) {
    return 'client-bad-request'
  }
  return { host: authority.host, port: authority.port, path: pathOf(request.method, rest) }
}

/** RFC 9112 §3.2.4: an OPTIONS with neither path nor query is for the server as a whole. */
function pathOf(method: string, rest: string): string {
  if (rest === '') return method === 'OPTIONS' ? '*' : '/'
  return rest.startsWith('?') ? `/${rest}` : rest
}

/**
 * `uri-host [ ":" port ]`; null when malformed. Of reg-name only what DNS names and browsers use is accepted: no
 * userinfo, no percent-encoding, no sub-delims, no empty label.
 */
export function parseAuthority(text: string, scheme: 'http' | 'https'): Authority | null {
  if (text.charCodeAt(0) === 91) return parseIpLiteral(text, scheme)
  const colon = text.indexOf(':')
  const end = colon === -1 ? text.length : colon
  const host = plainHost(end === text.length ? text : text.slice(0, end))
  if (!isHostName(host)) return null
  const port = parsePort(text, end, scheme)
  return port === 0 ? null : { host, port }
}

function parseIpLiteral(text: string, scheme: 'http' | 'https'): Authority | null {
  const close = text.indexOf(']')
  const inner = text.slice(1, close)
  if (close === -1 || inner.includes('%') || !isIPv6(inner)) return null
  const port = parsePort(text, close + 1, scheme)
  return port === 0 ? null : { host: plainHost(inner), port }
}

/** Port after `at`, the scheme's own when there is none, 0 when malformed. */
function parsePort(text: string, at: number, scheme: 'http' | 'https'): number {
  const digits = text.length - at - 1
  if (digits <= 0) return digits === 0 && text.charCodeAt(at) !== 58 ? 0 : scheme === 'https' ? 443 : 80
  if (text.charCodeAt(at) !== 58 || digits > 5) return 0
  let port = 0
  for (let i = at + 1; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return 0
    port = port * 10 + digit
  }
  return port <= 65535 ? port : 0
}

/** One spelling of a host: lower case, no final dot, IPv6 as RFC 5952 writes it. */
function plainHost(host: string): string {
  if (host.includes(':')) return isIPv6(host) ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host
  const lower = host.toLowerCase()
  return lower.endsWith('.') ? lower.slice(0, -1) : lower
}

/** Letters, digits, `-`, `_` in labels of at least one, at most 253 in all. */
function isHostName(host: string): boolean {
  if (host.length === 0 || host.length > 253) return false
  let label = 0
  for (let i = 0; i < host.length; i++) {
    const c = host.charCodeAt(i)
    if (c === 46) {
      if (label === 0) return false
      label = 0
    } else if ((c >= 97 && c <= 122) || (c >= 48 && c <= 57) || c === 45 || c === 95) label++
    else return false
  }
  return label > 0
}
