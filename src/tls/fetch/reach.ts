import net from 'node:net'
import { addrBytes, plainAddr } from '../../core/addr.ts'
import { UserError } from '../../core/errors.ts'

/**
 * Where a fetch may go. URLs stand in certificates that anybody may write, so a fetch is a way to make this box speak to
 * an address somebody else chose: it goes to globally reachable unicast addresses only (the IANA special-purpose
 * registries, RFC 6890 and its updates), and never to the box itself.
 */

/** Not globally reachable, or reachable but no place for a web server (relays, AS112, AMT). */
const SPECIAL_V4: readonly [string, number][] = [
  ['0.0.0.0', 8], // this network, RFC 791
  ['10.0.0.0', 8], // private, RFC 1918
  ['100.64.0.0', 10], // carrier-grade NAT, RFC 6598
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, RFC 3927; clouds keep their credentials at 169.254.169.254
  ['172.16.0.0', 12],
  ['192.0.0.0', 24], // protocol assignments, RFC 6890
  ['192.0.2.0', 24], // documentation, RFC 5737
  ['192.31.196.0', 24], // AS112, RFC 7535
  ['192.52.193.0', 24], // AMT, RFC 7450
  ['192.88.99.0', 24], // 6to4 relays, RFC 7526
  ['192.168.0.0', 16],
  ['192.175.48.0', 24], // AS112, RFC 7534
  ['198.18.0.0', 15], // benchmarking, RFC 2544
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and the broadcast address
]

/** Inside 2000::/3, the only part of IPv6 that is given out as global unicast; all the rest is refused without a list. */
const SPECIAL_V6: readonly [string, number][] = [
  ['2001::', 23], // protocol assignments: Teredo, benchmarking, ORCHID
  ['2001:db8::', 32], // documentation, RFC 3849
  ['2002::', 16], // 6to4: any IPv4 address inside, by relays that are no more (RFC 7526)
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation, RFC 9637
]

const GLOBAL_V6 = blockList([['2000::', 3]])
const NAT64 = blockList([['64:ff9b::', 96]])
const SPECIAL = blockList([...SPECIAL_V4, ...SPECIAL_V6])

export class Reach {
  readonly #isOwn: (addr: string) => boolean
  readonly #extra: net.BlockList

  /** `networks`: CIDRs that are allowed although they are not public; `isOwn` wins over them. */
  constructor(isOwn: (addr: string) => boolean, networks: readonly string[]) {
    this.#isOwn = isOwn
    this.#extra = blockList(networks.map(parseNetwork))
  }

  /** `addr` as the resolver or a URL gives it, without brackets. */
  allows(addr: string): boolean {
    const plain = plainOf(addr)
    return plain !== null && !this.#isOwn(plain) && (has(this.#extra, plain) || isPublic(plain))
  }

  /** Whether the admin named the address's network: there, ports are the admin's business too. */
  isNamed(addr: string): boolean {
    const plain = plainOf(addr)
    return plain !== null && has(this.#extra, plain)
  }
}

/** Pure: globally reachable unicast. `addr` in any spelling that is an address; all else is not public. */
export function isPublic(addr: string): boolean {
  const plain = plainOf(addr)
  if (plain === null || has(SPECIAL, plain)) return false
  if (net.isIPv4(plain)) return true
  // RFC 6052: behind an IPv6-only uplink every IPv4 web server is reached so, and so would be every private one.
  if (has(NAT64, plain)) return isPublic(dotted(addrBytes(plain)!))
  return has(GLOBAL_V6, plain)
}

/** One spelling: IPv4-mapped addresses, also in hexadecimal, are IPv4. Zone ids are not addresses. */
function plainOf(addr: string): string | null {
  const bytes = addrBytes(plainAddr(addr))
  if (bytes === null) return null
  const mapped = bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every(byte => byte === 0)
  return mapped ? dotted(bytes) : addr
}

function dotted(bytes: Uint8Array): string {
  return bytes.subarray(12).join('.')
}

function has(list: net.BlockList, addr: string): boolean {
  return list.check(addr, net.isIPv4(addr) ? 'ipv4' : 'ipv6')
}

function blockList(networks: readonly [string, number][]): net.BlockList {
  const list = new net.BlockList()
  for (const [addr, bits] of networks) list.addSubnet(addr, bits, net.isIPv4(addr) ? 'ipv4' : 'ipv6')
  return list
}

function parseNetwork(text: string): [string, number] {
  const [addr = '', bits] = text.split('/')
  const width = net.isIPv4(addr) ? 32 : 128
  const prefix = bits === undefined ? width : Number(bits)
  if (net.isIP(addr) === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > width)
    throw new UserError(`"${text}" is no network; write one such as 203.0.113.0/24.`)
  return [addr, prefix]
}
