import { nameIs } from '../../core/headers.ts'

/** A Content-Length value: digits only, as no `+5`, `5_0`, `0x5` or `5, 5` means the same to everyone. -1 when it is none. */
export function parseLength(value: string): number {
  if (value.length === 0 || value.length > 20) return -1
  let n = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    n = n * 10 + digit
  }
  return n <= Number.MAX_SAFE_INTEGER ? n : -1
}

/** Is `lower` a member of the comma-separated list? */
export function tokenIn(list: string, lower: string): boolean {
  if (nameIs(list, lower)) return true
  if (!list.includes(',')) return false
  return list.split(',').some(item => nameIs(item.trim(), lower))
}

/**
 * The one protocol of an Upgrade field, lower case; null for several, and for those that would change how this very
 * connection is parsed: h2c (withdrawn by RFC 9113 §3.1, and a known tunnel past proxies), HTTP and TLS.
 */
export function parseUpgrade(value: string): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+(\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$/.test(value)) return null
  const lower = value.toLowerCase()
  return /^(h2c|http|tls)(\/|$)/.test(lower) ? null : lower
}
