import net from 'node:net'

const MAX_NAME = 253
const MAX_LABEL = 63

/**
 * A DNS host name in its one spelling: lower case, no final dot, LDH labels; underscores pass because real names
 * carry them. Null for addresses, empty names and any other byte: what cannot be a name must not steer a decision.
 */
export function hostName(text: string): string | null {
  const end = text.endsWith('.') ? text.length - 1 : text.length
  if (end < 1 || end > MAX_NAME) return null
  let label = 0
  let letters = false // in the last label: `10.0.0.1` and `0x7f.1` are addresses to many resolvers, never names
  for (let i = 0; i < end; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x2e) {
      if (label === 0 || text.charCodeAt(i - 1) === 0x2d) return null
      label = 0
      letters = false
      continue
    }
    if (!isLdh(c) || (label === 0 && c === 0x2d) || ++label > MAX_LABEL) return null
    if (c < 0x30 || c > 0x39) letters = true
  }
  if (label === 0 || text.charCodeAt(end - 1) === 0x2d || !letters) return null
  const name = text.slice(0, end).toLowerCase()
  return /(?:^|\.)0x[0-9a-f]*$/.test(name) ? null : name
}

/** Host part of an authority (`name`, `name:port`, `[v6]:port`): a host name or an address without brackets, else null. */
export function authorityHost(authority: string): string | null {
  if (authority.startsWith('[')) {
    const close = authority.indexOf(']')
    const addr = authority.slice(1, close)
    return close > 0 && net.isIPv6(addr) && isPortTail(authority.slice(close + 1)) ? addr.toLowerCase() : null
  }
  const colon = authority.indexOf(':')
  const host = colon < 0 ? authority : authority.slice(0, colon)
  if (colon >= 0 && !isPortTail(authority.slice(colon))) return null
  return net.isIPv4(host) ? host : hostName(host)
}

function isPortTail(tail: string): boolean {
  return tail === '' || /^:\d{0,5}$/.test(tail)
}

function isLdh(c: number): boolean {
  return (c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39) || c === 0x2d || c === 0x5f
}
