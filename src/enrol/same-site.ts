import type { RequestHead } from '../core/exchange.ts'
import { headerGet } from '../core/headers.ts'

/** `https://host[:port]`, as browsers write it in Origin. */
export function originOf({ scheme, host, port }: Pick<RequestHead, 'scheme' | 'host' | 'port'>): string {
  return `${scheme}://${authorityOf(host, port, scheme)}`
}

export function authorityOf(host: string, port: number, scheme: 'http' | 'https'): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === (scheme === 'https' ? 443 : 80) ? name : `${name}:${port}`
}

/**
 * Was the form on a page of this very origin? Browsers say so in Sec-Fetch-Site (to secure origins only) and, for POST,
 * in Origin. What says neither is no browser of today and is refused.
 */
export function isOwnForm(request: RequestHead): boolean {
  const site = headerGet(request.headers, 'sec-fetch-site')
  const origin = headerGet(request.headers, 'origin')
  if (site === null && origin === null) return false
  return (site === null || site === 'same-origin') && (origin === null || origin === originOf(request))
}
