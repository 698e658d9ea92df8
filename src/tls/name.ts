import net from 'node:net'
import { addrBytes } from '../core/addr.ts'

/** Letters, digits, hyphen, and the underscore that real hosts use. No empty label, no label over 63. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** A name Weir may put into a certificate or compare with one: lower case, no final dot, ≤ 253 characters, no wildcard. */
export function isHostName(name: string): boolean {
  if (name.length === 0 || name.length > 253 || net.isIP(name) !== 0) return false
  const labels = name.split('.')
  // A last label of digits only is what URL parsers take for an IPv4 address (WHATWG URL, "ends in a number").
  return labels.every(label => LABEL.test(label)) && !/^(?:\d+|0x[0-9a-f]*)$/.test(labels[labels.length - 1]!)
}

/** The octets of an iPAddress entry: 4 or 16, or null when `name` is no address. */
export function ipOctets(name: string): Buffer | null {
  const bytes = addrBytes(name)
  if (bytes === null) return null
  // addrBytes() spells IPv4 as a mapped IPv6 address; so does a client that dials ::ffff:…, and both mean IPv4.
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every(byte => byte === 0)
  return Buffer.from(mapped ? bytes.subarray(12) : bytes)
}
