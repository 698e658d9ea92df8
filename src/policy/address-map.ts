import net from 'node:net'
import { addrBytes } from '../core/addr.ts'

/** Addresses from `first` to `last`, both included, as 32-bit words: one for IPv4, four for IPv6. */
export interface AddressRange {
  family: 4 | 6
  first: Uint32Array
  last: Uint32Array
}

/** `10.9.0.1`, `10.77.1.0/24`, `fd77:1::/64`; a sentence when it is none of these; null when it does not look like one. */
export function parseRange(text: string): AddressRange | string | null {
  const slash = text.indexOf('/')
  const addr = slash < 0 ? text : text.slice(0, slash)
  const words = addressWords(addr)
  if (words === null)
    return slash < 0 && !/[.:]/.test(text) ? null : `"${text.slice(0, 80)}" is no IP address or network.`
  const width = words.length * 32
  const bits = slash < 0 ? String(width) : text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > width)
    return `The prefix of "${text.slice(0, 80)}" must be 0 to ${width}.`
  const first = words.map((word, i) => word & maskOf(Number(bits) - i * 32))
  const last = first.map((word, i) => word | ~maskOf(Number(bits) - i * 32))
  if (compare(first, 0, words) !== 0) {
    return `"${addr}" has bits behind the prefix; write ${spell(first)}/${bits} for the network or "${addr}" for one address.`
  }
  return { family: words.length === 1 ? 4 : 6, first, last }
}

/** Maps an address to the bits of all sets it belongs to. Immutable once built; a lookup is a binary search. */
export class AddressMap {
  readonly #v4: Intervals
  readonly #v6: Intervals
  readonly #none: Uint32Array
  readonly #v4Key = new Uint32Array(1)
  readonly #v6Key = new Uint32Array(4)

  /** `resolve` makes what a lookup returns out of the numbers of the sets that hold the address. */
  constructor(sets: readonly AddressRange[][], resolve: (members: ReadonlySet<number>) => Uint32Array) {
    const interned = new Map<string, Uint32Array>()
    const intern = (members: ReadonlySet<number>) => {
      const key = [...members].sort((a, b) => a - b).join()
      let bits = interned.get(key)
      if (bits === undefined) interned.set(key, (bits = resolve(members)))
      return bits
    }
    this.#none = intern(new Set())
    this.#v4 = intervals(sets, 4, intern)
    this.#v6 = intervals(sets, 6, intern)
  }

  /** What `resolve` made for the sets of this address; text that is no address belongs to none. */
  find(addr: string): Uint32Array {
    if (readV4(addr, this.#v4Key)) return search(this.#v4, this.#v4Key)
    const zone = addr.indexOf('%')
    const words = addressWords(zone < 0 ? addr : addr.slice(0, zone))
    if (words === null) return this.#none
    if (words.length === 1) return search(this.#v4, words)
    this.#v6Key.set(words)
    return search(this.#v6, this.#v6Key)
  }
}

/** Elementary intervals: the i-th begins at `starts[i * width]` and ends where the next begins. */
interface Intervals {
  width: number
  starts: Uint32Array
  values: Uint32Array[]
}

interface Edge {
  at: Uint32Array
  set: number
  delta: 1 | -1
}

/** Sweeps over the edges of all ranges and notes at each place which sets are open. */
function intervals(
  sets: readonly AddressRange[][],
  family: 4 | 6,
  intern: (members: ReadonlySet<number>) => Uint32Array,
): Intervals {
  const width = family === 4 ? 1 : 4
  const edges: Edge[] = []
  sets.forEach((ranges, set) => {
    for (const range of ranges) {
      if (range.family !== family) continue
      edges.push({ at: range.first, set, delta: 1 })
      const after = successor(range.last)
      if (after !== null) edges.push({ at: after, set, delta: -1 })
    }
  })
  edges.sort((a, b) => compare(a.at, 0, b.at))
  const open = new Map<number, number>()
  const members = new Set<number>()
  const starts: Uint32Array[] = [new Uint32Array(width)]
  const values = [intern(members)]
  for (let i = 0; i < edges.length; i++) {
    const { at, set, delta } = edges[i]!
    const depth = (open.get(set) ?? 0) + delta
    open.set(set, depth)
    if (depth > 0) members.add(set)
    else members.delete(set)
    const next = edges[i + 1]
    if (next !== undefined && compare(next.at, 0, at) === 0) continue
    starts.push(at)
    values.push(intern(members))
  }
  const flat = new Uint32Array(starts.length * width)
  starts.forEach((start, i) => {
    flat.set(start, i * width)
  })
  return { width, starts: flat, values }
}

function search(map: Intervals, key: Uint32Array): Uint32Array {
  let low = 0
  let high = map.values.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (compare(map.starts, middle * map.width, key) <= 0) low = middle
    else high = middle - 1
  }
  return map.values[low]!
}

/** Compares `b.length` words of `a` from `at` with all of `b`. */
function compare(a: Uint32Array, at: number, b: Uint32Array): number {
  for (let i = 0; i < b.length; i++) {
    const difference = a[at + i]! - b[i]!
    if (difference !== 0) return difference
  }
  return 0
}

/** The next address, or null after the last one. */
function successor(words: Uint32Array): Uint32Array | null {
  const out = words.slice()
  for (let i = out.length - 1; i >= 0; i--) {
    out[i] = out[i]! + 1
    if (out[i] !== 0) return out
  }
  return null
}

/** Mask of one word when `bits` of the prefix are left for it. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? 0xffffffff : ~(0xffffffff >>> bits)
}

function addressWords(addr: string): Uint32Array | null {
  const bytes = addrBytes(addr)
  if (bytes === null) return null
  const view = new DataView(bytes.buffer)
  const words = Uint32Array.of(view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12))
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff ? words.slice(3) : words
}

/** Dotted IPv4 without an allocation: nearly every client address takes this way. */
function readV4(addr: string, out: Uint32Array): boolean {
  let value = 0
  let part = 0
  let digits = 0
  let dots = 0
  for (let i = 0; i < addr.length; i++) {
    const code = addr.charCodeAt(i)
    if (code >= 48 && code <= 57 && digits < 3) {
      part = part * 10 + code - 48
      digits++
    } else if (code === 46 && digits > 0 && part < 256 && dots < 3) {
      value = (value << 8) | part
      part = digits = 0
      dots++
    } else return false
  }
  if (dots !== 3 || digits === 0 || part > 255) return false
  out[0] = (value << 8) | part
  return true
}

function spell(words: Uint32Array): string {
  const bytes = [...words].flatMap(word => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255])
  if (bytes.length === 4) return bytes.join('.')
  const groups = [...words].flatMap(word => [(word >>> 16).toString(16), (word & 0xffff).toString(16)])
  return new net.SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}
