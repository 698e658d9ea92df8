import { type HeaderList, nameIs } from '../core/headers.ts'

/** The field lives on one connection only (RFC 9110 §7.6.1), or frames the message. */
const HOP = 1
/** Says where a request came from or what it was before somebody rewrote it; from a client, anything may be said. */
const FORWARDED = 2
/** `Proxy` is no field of HTTP, but CGI makes HTTP_PROXY of it ("httpoxy", CVE-2016-5385). */
const OXY = 3
type Kind = typeof HOP | typeof FORWARDED | typeof OXY

/** `Trailer` is none: trailers pass through. `Proxy-Status` is end to end (RFC 9209). */
const HOP_NAMES = [
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
]

/**
 * RFC 7239 and what proxies, balancers and delivery networks call the same; whoever believes one of them believes it from
 * the last hop. Beside these, everything that begins as in FORWARDED_PREFIXES.
 */
const FORWARDED_NAMES = [
  'forwarded',
  'forwarded-for',
  'x-forwarded',
  'x-forward-for',
  'x-real-ip',
  'client-ip',
  'x-client-ip',
  'true-client-ip',
  'x-true-client-ip',
  'x-cluster-client-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-originating-ip',
  'x-proxyuser-ip',
  'proxy-client-ip',
  'wl-proxy-client-ip', // WebLogic
  'cf-connecting-ip', // Cloudflare
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'fastly-client-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-appengine-user-ip',
  'x-envoy-external-address',
  'x-envoy-original-path',
  'x-rewrite-url', // IIS; read by Symfony and Zend until 2018 (CVE-2018-14773)
  'x-host',
  'x-scheme',
  'x-url-scheme',
  'front-end-https',
]
const FORWARDED_PREFIXES = ['x-forwarded-', 'x-original-']
const SHORTEST_PREFIX = Math.min(...FORWARDED_PREFIXES.map(prefix => prefix.length))

/** By first letter and length: one array load tells that most names are none of them. */
const SLOTS: (readonly [string, Kind][] | undefined)[] = new Array(32 * 64).fill(undefined)
const ALL: [readonly string[], Kind][] = [
  [HOP_NAMES, HOP],
  [FORWARDED_NAMES, FORWARDED],
  [['proxy'], OXY],
]
for (const [names, kind] of ALL) {
  for (const name of names) SLOTS[slotOf(name)] = [...(SLOTS[slotOf(name)] ?? []), [name, kind]]
}

function slotOf(name: string): number {
  return ((name.charCodeAt(0) & 31) << 6) | name.length
}

/**
 * Fields that Connection cannot take away. RFC 9110 §7.6.1 forbids senders to name what is meant for everybody, and has
 * proxies remove it all the same; that is how loop detection, the host (CVE-2022-45059 in Varnish), the sender's own
 * identity and the word of an answer about who may keep it have been removed from messages on their way.
 */
const NEVER_NAMED = new Set([
  'host',
  'via',
  'max-forwards',
  'expect',
  'cookie',
  'authorization',
  'origin',
  'range',
  'content-type',
  'content-encoding',
  'content-range',
  'cache-control',
  'age',
  'date',
  'expires',
  'vary',
  'set-cookie',
  'www-authenticate',
  'strict-transport-security',
  'te', // judged by its own value
])

/**
 * Fields a trailer section must not carry onward (RFC 9110 §6.5.1): whoever merges trailers into the head would take them
 * for framing, routing, conditions, who asks, what the content is, or how the answer is to be treated.
 */
const NOT_IN_TRAILERS = new Set([
  ...['host', 'via', 'trailer', 'expect', 'max-forwards', 'range', 'cookie', 'set-cookie', 'authorization'],
  ...['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'www-authenticate'],
  ...[
    'content-type',
    'content-encoding',
    'content-range',
    'age',
    'cache-control',
    'expires',
    'pragma',
    'vary',
    'location',
  ],
  ...['strict-transport-security', 'content-security-policy', 'access-control-allow-origin'],
])

/**
 * Takes off what belongs to the received connection only and, unless `keepForwarded`, what a client says about the way its
 * request came; in place and in one pass. `TE: trailers` is kept in that bare form, because Weir does pass trailers on;
 * HTTP/1 then has to name it in Connection again.
 */
export function stripRequest(headers: HeaderList, keepForwarded: boolean): void {
  const named = namedByConnection(headers)
  const length = headers.length
  let trailers = false
  let to = 0
  for (let i = 0; i < length; i += 2) {
    const name = headers[i]!
    let value = headers[i + 1]!
    const kind = kindOf(name)
    if (kind === HOP) {
      if (trailers || name.length !== 2 || !acceptsTrailers(value)) continue
      trailers = true
      value = 'trailers'
    } else if (kind === FORWARDED) {
      // Connection does not remove what another proxy told us to tell (CVE-2022-31813 in Apache)
      if (!keepForwarded) continue
    } else if (kind === OXY || named?.has(name.toLowerCase())) continue
    if (to !== i || value !== headers[i + 1]) {
      headers[to] = name
      headers[to + 1] = value
    }
    to += 2
  }
  if (to !== length) headers.length = to
}

/** Takes off what belongs to the received connection only, in place. */
export function stripResponse(headers: HeaderList): void {
  const named = namedByConnection(headers)
  const length = headers.length
  let to = 0
  for (let i = 0; i < length; i += 2) {
    const name = headers[i]!
    if (kindOf(name) === HOP || named?.has(name.toLowerCase())) continue
    if (to !== i) {
      headers[to] = name
      headers[to + 1] = headers[i + 1]!
    }
    to += 2
  }
  if (to !== length) headers.length = to
}

function kindOf(name: string): Kind | 0 {
  const { length } = name
  const slot = length < 64 ? SLOTS[slotOf(name)] : undefined
  if (slot !== undefined) {
    for (let i = 0; i < slot.length; i++) if (beginsAs(name, slot[i]![0])) return slot[i]![1]
  }
  if (length < SHORTEST_PREFIX || (name.charCodeAt(0) | 32) !== 120) return 0
  for (let i = 0; i < FORWARDED_PREFIXES.length; i++) if (beginsAs(name, FORWARDED_PREFIXES[i]!)) return FORWARDED
  return 0
}

/** `_` counts as `-`: CGI and all that was made in its image cannot tell X_Forwarded_For from X-Forwarded-For. */
function beginsAs(name: string, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    let c = name.charCodeAt(i)
    if (c >= 65 && c <= 90) c |= 32
    else if (c === 95) c = 45
    if (c !== lower.charCodeAt(i)) return false
  }
  return true
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
  return named
}

function acceptsTrailers(te: string): boolean {
  return nameIs(te, 'trailers') || te.split(',').some(item => nameIs(item.trim(), 'trailers'))
}

/** Takes out of a trailer section what may not be there, in place; null when nothing is left. */
export function stripTrailers(trailers: HeaderList): HeaderList | null {
  for (let i = trailers.length - 2; i >= 0; i -= 2) {
    if (kindOf(trailers[i]!) !== 0 || NOT_IN_TRAILERS.has(trailers[i]!.toLowerCase())) trailers.splice(i, 2)
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

/** Our member of Via by version of the received message. */
export interface ViaLines {
  readonly 10: string
  readonly 11: string
  readonly 20: string
}

export function viaLines(receivedBy: string): ViaLines {
  return { 10: `1.0 ${receivedBy}`, 11: `1.1 ${receivedBy}`, 20: `2 ${receivedBy}` }
}

/**
 * Did this message pass through the box called `name` already? Its name stands alone, or in a comment after the host name;
 * it is looked for also while nothing is said in Via, as policy may just have changed.
 */
export function hasLooped(headers: HeaderList, name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.length !== 3 || !nameIs(headers[i]!, 'via')) continue
    const value = headers[i + 1]!
    if (!value.includes(name)) continue
    for (const item of value.split(',')) {
      const [, receivedBy, comment] = item.trim().split(/[ \t]+/, 3)
      if (receivedBy === name || comment === `(${name})`) return true
    }
  }
  return false
}
