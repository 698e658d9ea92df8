import { tlv } from '../pki/der.ts'

/** Numbers that come again with the same seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, limit)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }
}

/** A DER element: of others, or of octets. */
interface Node {
  tag: number
  content: Node[] | Buffer
}

const TAGS = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31, 0x80, 0x81, 0x82, 0x86, 0x87,
  0xa0, 0xa1, 0xa3,
]
/** Contents that have broken parsers before. */
const INTERESTING = [
  '',
  '00',
  'ff',
  '80',
  '7f',
  '0000',
  'ffff',
  '8000',
  '0500',
  '3000',
  '0100',
  '0101ff',
  'ffffffffffffffff',
  '2a',
  '551d11',
  '551d1e',
  '551d13',
  '2e',
  '2a2e',
]
const MAX_DEPTH = 24

/** One to three changes somewhere in the tree; what stands in OCTET and BIT STRINGs as DER is part of it. */
export function mutateTree(der: Buffer, random: Random): Buffer {
  const root = parse(der, 0)
  if (root === null) return random.bytes(der.length)
  for (let i = random.below(3); i >= 0; i--) mutate(root, random)
  return write(root)
}

function mutate(root: Node, random: Random): void {
  const all: { node: Node; siblings: Node[]; index: number }[] = []
  collect(root, all)
  if (all.length === 0) return
  const { node, siblings, index } = random.pick(all)
  switch (random.below(8)) {
    case 0:
      siblings.splice(index, 1)
      break
    case 1:
      siblings.splice(index, 0, structuredClone(node))
      break
    case 2:
      siblings[index] = structuredClone(random.pick(all).node)
      break
    case 3:
      node.tag = random.pick(TAGS)
      break
    case 4:
      node.content = Buffer.from(random.pick(INTERESTING), 'hex')
      break
    case 5: {
      const other = random.below(siblings.length)
      siblings[index] = siblings[other]!
      siblings[other] = node
      break
    }
    case 6:
      for (let n = random.below(9); n > 0; n--) siblings.splice(index, 0, structuredClone(node))
      break
    default:
      node.content = changeOctets(write(node), random)
  }
}

function changeOctets(octets: Buffer, random: Random): Buffer {
  const content = octets.subarray(2)
  const out = Buffer.from(content)
  if (out.length > 0) out[random.below(out.length)] = random.below(256)
  return random.below(4) === 0 ? Buffer.concat([out, random.bytes(random.below(40))]) : out
}

function collect(node: Node, into: { node: Node; siblings: Node[]; index: number }[]): void {
  if (!isTree(node)) return
  node.content.forEach((child, index) => {
    into.push({ node: child, siblings: node.content, index })
    collect(child, into)
  })
}

function isTree(node: Node): node is Node & { content: Node[] } {
  return Array.isArray(node.content)
}

/** null: it is not one element and nothing else. */
function parse(buf: Buffer, depth: number): Node | null {
  const nodes = parseAll(buf, depth)
  return nodes?.length === 1 ? nodes[0]! : null
}

function parseAll(buf: Buffer, depth: number): Node[] | null {
  const out: Node[] = []
  for (let at = 0; at < buf.length; ) {
    const first = buf[at + 1]
    if (first === undefined || depth > MAX_DEPTH) return null
    const count = first < 0x80 ? 0 : first & 0x7f
    if (count > 3 || first === 0x80 || at + 2 + count > buf.length) return null
    const length = count === 0 ? first : buf.readUIntBE(at + 2, count)
    const start = at + 2 + count
    if (start + length > buf.length) return null
    out.push(node(buf[at]!, buf.subarray(start, start + length), depth))
    at = start + length
  }
  return out
}

function node(tag: number, content: Buffer, depth: number): Node {
  const inside = tag & 0x20 || tag === 0x04 ? parseAll(content, depth + 1) : null
  return { tag, content: inside !== null && inside.length > 0 ? inside : content }
}

function write({ tag, content }: Node): Buffer {
  return Array.isArray(content) ? tlv(tag, ...content.map(write)) : tlv(tag, content)
}
