import { type HeaderList, nameIs } from '../core/headers.ts'

/**
 * Hop-by-hop fields (RFC 9110 §7.6.1) and framing fields, by length of name: one array load tells that most names are
 * none. `Trailer` stays: trailers pass through. `Proxy-Status` is end to end (RFC 9209) and stays too.
 */
const BY_LENGTH: (readonly string[])[] = []
for (const name of [
  'te',
  'upgrade',
  'connection',
  'keep-alive',
  'content-length',
  'http2-settings',
  'proxy-connection',
  'transfer-encoding',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
]) {
  for (let length = BY_LENGTH.length; length <= name.length; length++) BY_LENGTH[length] = []
  BY_LENGTH[name.length] = [...BY_LENGTH[name.length]!, name]
}

/** Not to be taken away by naming them in Connection: routing and loop detection hang on them. */
const NEVER_NAMED = new Set(['host', 'via'])

/** Fields a trailer section must not carry onward (RFC 9110 §6.5.1): framing, routing, connection control. */
const NOT_IN_TRAILERS = new Set([
  'host',
  'trailer',
  'expect',
  'max-forwards',
  'authorization',
  'set-cookie',
  'content-range',
])

/**
 * Takes off what belongs to the received connection only, in place. `TE: trailers` is kept in that bare form, because
 * Weir does pass trailers on; HTTP/1 then has to name it in Connection again.
 */
export function stripRequest(headers: HeaderList): void {
  strip(headers, true)
}

export function stripResponse(headers: HeaderList): void {
  strip(headers, false)
}

function strip(headers: HeaderList, request: boolean): void {
  const named = namedByConnection(headers)
  const length = headers.length
  let to = 0
  for (let i = 0; i < length; i += 2) {
    const name = headers[i]!
    let value = headers[i + 1]!
    if (isHop(name)) {
      if (!request || name.length !== 2 || !acceptsTrailers(value)) continue
      value = 'trailers'
    } else if (named?.has(name.toLowerCase())) continue
    // `Proxy` is no field of HTTP, but CGI makes HTTP_PROXY of it ("httpoxy")
    else if (request && name.length === 5 && nameIs(name, 'proxy')) continue
    if (to !== i || value !== headers[i + 1]) {
      headers[to] = name
      headers[to + 1] = value
    }
    to += 2
  }
  if (to !== length) headers.length = to
}

function isHop(name: string): boolean {
  const candidates = BY_LENGTH[name.length]
  if (candidates === undefined) return false
  for (let i = 0; i < candidates.length; i++) if (nameIs(name, candidates[i]!)) return true
  return false
}

/** Lower-case names listed in Connection, or null in the common case that it lists none but `close` or `keep-alive`. */
function namedByConnection(headers: HeaderList): Set<string> | null {
  let named: Set<string> | null = null
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.length !== 10 || !nameIs(headers[i]!, 'connection')) continue
    const value = headers[i + 1]!
    if (nameIs(value, 'keep-alive') || nameIs(value, 'close')) continue
    named ??= new Set()
    for (const item of value.split(',')) {
      const name = item.trim().toLowerCase()
      if (name !== '' && !NEVER_NAMED.has(name)) named.add(name)
    }
  }
  named?.delete('te') // judged by its own value
  return named
}

function acceptsTrailers(te: string): boolean {
  return nameIs(te, 'trailers') || te.split(',').some(item => nameIs(item.trim(), 'trailers'))
}

/** Takes out of a trailer section what may not be there, in place; null when nothing is left. */
export function stripTrailers(trailers: HeaderList): HeaderList | null {
  for (let i = trailers.length - 2; i >= 0; i -= 2) {
    if (isHop(trailers[i]!) || NOT_IN_TRAILERS.has(trailers[i]!.toLowerCase())) trailers.splice(i, 2)
  }
  return trailers.length === 0 ? null : trailers
}

/**
 * The name this box goes by in Via: a pseudonym (RFC 9110 §7.6.3), so that the inside of the network is not told,
 * with an id of the box, so that two Weirs in a row are no loop.
 */
export function viaName(boxId: string): string {
  return boxId === '' ? 'weir' : `weir-${boxId}`
}

/** Adds our Via line at the end; `version` is that of the received message, times ten. */
export function addVia(headers: HeaderList, version: 10 | 11 | 20, name: string): void {
  headers.push('Via', `${version === 20 ? '2' : version === 11 ? '1.1' : '1.0'} ${name}`)
}

/** Did this message pass through the box called `name` already? */
export function hasLooped(headers: HeaderList, name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.length !== 3 || !nameIs(headers[i]!, 'via')) continue
    const value = headers[i + 1]!
    if (!value.includes(name)) continue
    for (const item of value.split(',')) {
      const [, receivedBy] = item.trim().split(/[ \t]+/, 2)
      if (receivedBy === name) return true
    }
  }
  return false
}
