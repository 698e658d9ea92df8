import { addrBytes } from '../core/addr.ts'

/** Octets of an address that name the network of one site: /24 and, with IPv6, /64 (RFC 4291 §2.5.4). */
const V4_PREFIX = 12 + 3
const V6_PREFIX = 8
const V4_MAPPED = /^0{20}f{4}/

/**
 * Who votes when this address does. A machine takes as many addresses as it likes, but has one network card; those that
 * a router hides (`hardware` null) cannot be told apart, and are one voter for each network.
 */
export function voterOf(client: string, hardware: string | null): string {
  if (hardware !== null) return hardware
  const bytes = addrBytes(client)
  if (bytes === null) return client
  const hex = Buffer.from(bytes).toString('hex')
  return `net ${hex.slice(0, 2 * (V4_MAPPED.test(hex) ? V4_PREFIX : V6_PREFIX))}`
}
