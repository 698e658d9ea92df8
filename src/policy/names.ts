import net from 'node:net'
import { domainToASCII } from 'node:url'

/** RFC 1035 §2.3.4: the longest name, without its final dot, in characters. */
export const MAX_NAME = 253

/** LDH labels and the underscore that real names use (`_dmarc`, `a_b.cdn.example`). */
const NAME = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/** A domain of the document or a list: covers itself and every name under it, or itself alone when `exact`. */
export interface DomainPattern {
  name: string
  exact: boolean
}

/** What `shop.example/checkout` says: `path` in the spelling of `canonicalPath`, without a final slash. */
export interface UrlPattern extends DomainPattern {
  path: string
}

/** Lower case, no final dot, A-labels, one spelling per address; null when it is no host name. */
export function canonicalName(text: string): string | null {
  let name = text.toLowerCase()
  if (name.endsWith('.')) name = name.slice(0, -1)
  if (NAME.test(name)) return name.length <= MAX_NAME ? name : null
  const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  if (bare.includes(':')) return canonicalV6(bare)
  // A person may write `bücher.example`; clients send the A-label (RFC 5890 §2.3.2.1)
  if (!/[^\x00-\x7f]/.test(name)) return null
  const ascii = domainToASCII(name)
  return NAME.test(ascii) && ascii.length <= MAX_NAME ? ascii : null
}

/** RFC 5952 spelling, or null. */
export function canonicalV6(text: string): string | null {
  if (!net.isIPv6(text) || text.includes('%')) return null
  return new net.SocketAddress({ address: text, family: 'ipv6' }).address
}

/** A domain as a person writes it, or one sentence of what is wrong. */
export function parseDomain(text: string): DomainPattern | string {
  const exact = text.startsWith('=')
  const rest = exact ? text.slice(1) : text
  if (rest.includes('://') || rest.includes('/')) {
    return `"${clip(text)}" has a path; write the host alone, or move it to "urls" as host/path.`
  }
  if (rest.startsWith('*.') || rest.startsWith('.')) {
    return `Write "${clip(rest.replace(/^\*?\./, ''))}": it covers every name under it.`
  }
  const name = canonicalName(rest)
  if (name !== null) return { name, exact: exact || net.isIP(name) !== 0 }
  const [host, port] = rest.split(':', 2)
  if (port !== undefined && /^\d+$/.test(port)) return `Write "${clip(host ?? '')}" and give the port under "ports".`
  return `"${clip(text)}" is no domain name, such as bank.example or =www.bank.example.`
}

/** A URL prefix as a person writes it, or one sentence of what is wrong. */
export function parseUrl(text: string): UrlPattern | string {
  const bare = text.replace(/^https?:\/\//i, '')
  if (bare !== text) return `Write "${clip(bare)}": http and https are both meant.`
  const slash = text.indexOf('/')
  if (slash < 0) return `"${clip(text)}" has no path; a whole site belongs under "domains".`
  if (/[?#]/.test(text))
    return `"${clip(text)}" has a query or fragment; a URL here is host/path and covers all queries.`
  const domain = parseDomain(text.slice(0, slash))
  if (typeof domain === 'string') return domain
  const octets = Buffer.from(text.slice(slash), 'utf8').toString('latin1')
  return { ...domain, path: canonicalPath(octets).replace(/\/$/, '') }
}

/** Does the canonical path lie at or under the prefix, by whole segments? */
export function pathUnder(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f)
}

/** Only these spell a path in a second way; anything else is canonical as it is. */
const NEEDS_WORK = /[%\\\x00-\x20\x7f-\uffff]|\/[./]/

/**
 * One spelling for one path, so that `/%63heckout`, `//checkout` and `/x/../checkout` cannot walk round a rule for
 * `/checkout`: RFC 3986 §6.2.2.2 decoding (not of `/ ? # %`, which would change the structure), §5.2.4 dot segments,
 * empty segments folded, `\` as `/` like WHATWG URL does. The query is cut off.
 */
export function canonicalPath(target: string): string {
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  if (!path.startsWith('/')) return '/'
  if (!NEEDS_WORK.test(path)) return path
  const out: string[] = []
  const segments = path
    .replace(/%([0-9a-f]{2})|[^\x21-\x7e]/gi, onePath)
    .replaceAll('\\', '/')
    .split('/')
  for (const segment of segments) {
    if (segment === '..') out.pop()
    else if (segment !== '' && segment !== '.') out.push(segment)
  }
  const last = segments[segments.length - 1]
  const open = out.length > 0 && (last === '' || last === '.' || last === '..')
  return `/${out.join('/')}${open ? '/' : ''}`
}

/** One octet, escaped or not: plain when it is printable and no delimiter of structure, else `%XX`. */
function onePath(match: string, hex: string | undefined): string {
  const code = hex === undefined ? match.charCodeAt(0) : Number.parseInt(hex, 16)
  const char = String.fromCharCode(code)
  if (code > 0x20 && code < 0x7f && !'/?#%'.includes(char)) return char
  return `%${(code & 0xff).toString(16).toUpperCase().padStart(2, '0')}`
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
