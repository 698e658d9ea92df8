import net from 'node:net'

/** IPv4 clients reach a dual-stack listener as `::ffff:10.0.0.1`; everywhere else in Weir an address has one spelling. */
export function plainAddr(addr: string): string {
  return addr.startsWith('::ffff:') && addr.includes('.') ? addr.slice(7) : addr
}

/** 16 bytes (IPv4 as mapped), or null when it is no address. Zone ids are not addresses here. */
export function addrBytes(addr: string): Uint8Array | null {
  const plain = plainAddr(addr)
  if (net.isIPv4(plain)) {
    const out = new Uint8Array(16)
    out[10] = out[11] = 0xff
    plain.split('.').forEach((part, i) => {
      out[12 + i] = Number(part)
    })
    return out
  }
  if (!net.isIPv6(plain) || plain.includes('%')) return null
  return ipv6Bytes(plain)
}

function ipv6Bytes(addr: string): Uint8Array {
  const out = new Uint8Array(16)
  const [head = '', tail] = addr.split('::')
  const left = words(head)
  const right = tail === undefined ? [] : words(tail)
  left.forEach((word, i) => {
    out[i * 2] = word >> 8
    out[i * 2 + 1] = word & 255
  })
  right.forEach((word, i) => {
    const at = 16 - (right.length - i) * 2
    out[at] = word >> 8
    out[at + 1] = word & 255
  })
  return out
}

/** The 16-bit groups of one half of an IPv6 address, an embedded IPv4 tail included. */
function words(half: string): number[] {
  if (half === '') return []
  return half.split(':').flatMap(part => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}

/** `host:port`, with brackets round an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Loopback, unspecified, link-local: never a destination the network may choose for us. */
export function isLocalOnly(addr: string): boolean {
  const b = addrBytes(addr)
  if (b === null) return true
  const v4 = b[10] === 0xff && b[11] === 0xff && b.subarray(0, 10).every(x => x === 0)
  if (v4) return b[12] === 127 || b[12] === 0 || (b[12] === 169 && b[13] === 254) || b[12]! >= 224
  if (b[0] === 0xff || (b[0] === 0xfe && (b[1]! & 0xc0) === 0x80)) return true
  return b.subarray(0, 15).every(x => x === 0) && b[15]! <= 1
}
