import net from 'node:net'

/** Longer ones are not for certificates; an OCSP request in a URL has at most 255 characters (RFC 5019 §5). */
const MAX_URL = 2048

export interface FetchTarget {
  /** Name or address (no brackets), as the URL parser spells it: `0x7f.1` has become `127.0.0.1` here. */
  host: string
  port: number
  /** With the query; never a fragment. */
  path: string
  /** The value of the Host header. */
  authority: string
  isAddress: boolean
}

/** Pure. A sentence when the URL may not be fetched. */
export function parseFetchUrl(text: string, base?: string): FetchTarget | string {
  if (text.length > MAX_URL) return 'the URL is too long'
  const url = URL.parse(text, base)
  if (url === null) return 'the URL is malformed'
  // RFC 5280 §8: https here can need the very answer that is being fetched; files and directories are no web.
  if (url.protocol !== 'http:') return `the scheme ${url.protocol.slice(0, 20)} is not http`
  if (url.username !== '' || url.password !== '') return 'the URL carries credentials'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isAddress = net.isIP(host) !== 0
  // A name without a dot is completed by the resolver with the local domain: it is never a public one.
  if (!isAddress && !/[^.]\.[^.]/.test(host)) return 'the host is not a public name'
  const path = url.pathname + url.search
  if (path.length > MAX_URL) return 'the URL is too long'
  return { host, port: url.port === '' ? 80 : Number(url.port), path, authority: url.host, isAddress }
}
