/**
 * Which domains of which source cover a host: one open-addressed table for all rules and lists of a policy.
 *
 * Two flat buffers and no object per entry, because a category list has millions of them. `pool` holds the records
 * back to back: length (1 byte), source and exact bit (2), line (4), then the name. `slots` holds record offsets and
 * `tags` one byte of each hash, so that a miss mostly ends in one cache line. A name costs its length + 7 + 7.5 bytes.
 */

const HEAD = 7
const EXACT = 0x8000
export const MAX_SOURCES = 0x7fff

/** Slots per entry: at two thirds full a miss looks at five tags on average. */
const SLOTS_PER_ENTRY = 1.5

/** What a lookup found, least specific name first. Reused from call to call: read it before the next one. */
export class Hits {
  count = 0
  readonly sources: number[] = []
  readonly lines: number[] = []

  add(source: number, line: number): void {
    this.sources[this.count] = source
    this.lines[this.count] = line
    this.count++
  }
}

export class DomainIndexBuilder {
  #pool = new Uint8Array(1 << 12)
  #used = 0
  #entries = 0
  readonly #seed: number

  /** `seed` is random in real use, so that nobody can write a list whose names all fall into one place. */
  constructor(seed: number) {
    this.#seed = seed | 0
  }

  get entries(): number {
    return this.#entries
  }

  /** `name` is canonical (at most 253 ASCII characters); `source` below MAX_SOURCES; `line` fits 32 bits. */
  add(name: string, exact: boolean, source: number, line: number): void {
    const end = this.#used + HEAD + name.length
    if (end > this.#pool.length) this.#pool = resized(this.#pool, Math.max(end, this.#pool.length * 2))
    const pool = this.#pool
    let at = this.#used
    pool[at] = name.length
    pool[at + 1] = source & 255
    pool[at + 2] = (source | (exact ? EXACT : 0)) >> 8
    pool[at + 3] = line & 255
    pool[at + 4] = (line >>> 8) & 255
    pool[at + 5] = (line >>> 16) & 255
    pool[at + 6] = line >>> 24
    at += HEAD
    for (let i = 0; i < name.length; i++) pool[at + i] = name.charCodeAt(i)
    this.#used = end
    this.#entries++
  }

  build(): DomainIndex {
    return new DomainIndex(resized(this.#pool, this.#used), this.#entries, this.#seed)
  }
}

export class DomainIndex {
  readonly #pool: Uint8Array
  readonly #slots: Uint32Array
  readonly #tags: Uint8Array
  readonly #seed: number
  readonly entries: number

  constructor(pool: Uint8Array, entries: number, seed: number) {
    this.#pool = pool
    this.#seed = seed
    this.entries = entries
    const size = Math.ceil(entries * SLOTS_PER_ENTRY) + 1
    this.#slots = new Uint32Array(size)
    this.#tags = new Uint8Array(size)
    for (let at = 0; at < pool.length; at += HEAD + pool[at]!) this.#insert(at)
  }

  get bytes(): number {
    return this.#pool.byteLength + this.#slots.byteLength + this.#tags.byteLength
  }

  /** Fills `hits` with every entry that covers the host. Any case, any final dots, any length: never throws. */
  lookup(host: string, hits: Hits): void {
    hits.count = 0
    if (this.entries === 0) return
    let end = host.length
    while (end > 0 && host.charCodeAt(end - 1) === 0x2e) end--
    // A stored name is at most 253 long, so no longer suffix can match
    const stop = Math.max(0, end - 253)
    let hash = this.#seed
    for (let i = end - 1; i >= stop; i--) {
      hash = step(hash, lower(host.charCodeAt(i)))
      if (i === 0 || host.charCodeAt(i - 1) === 0x2e) this.#probe(host, i, end, mix(hash), hits)
    }
  }

  /** The same for a host that has no parents: an address. */
  lookupWhole(host: string, hits: Hits): void {
    hits.count = 0
    if (this.entries === 0 || host.length > 253) return
    let hash = this.#seed
    for (let i = host.length - 1; i >= 0; i--) hash = step(hash, lower(host.charCodeAt(i)))
    this.#probe(host, 0, host.length, mix(hash), hits)
  }

  #probe(host: string, start: number, end: number, hash: number, hits: Hits): void {
    const tags = this.#tags
    const pool = this.#pool
    const tag = tagOf(hash)
    for (let slot = this.#home(hash); tags[slot] !== 0; slot = slot + 1 === tags.length ? 0 : slot + 1) {
      if (tags[slot] !== tag) continue
      const at = this.#slots[slot]!
      if (pool[at] !== end - start || !this.#sameName(at + HEAD, host, start, end)) continue
      const source = pool[at + 1]! | (pool[at + 2]! << 8)
      if ((source & EXACT) !== 0 && start !== 0) continue
      hits.add(source & ~EXACT, lineAt(pool, at))
    }
  }

  #sameName(at: number, host: string, start: number, end: number): boolean {
    const pool = this.#pool
    for (let i = start; i < end; i++) if (pool[at + i - start] !== lower(host.charCodeAt(i))) return false
    return true
  }

  #insert(at: number): void {
    const pool = this.#pool
    const length = pool[at]!
    let hash = this.#seed
    for (let i = at + HEAD + length - 1; i >= at + HEAD; i--) hash = step(hash, pool[i]!)
    hash = mix(hash)
    const tag = tagOf(hash)
    let slot = this.#home(hash)
    for (; this.#tags[slot] !== 0; slot = slot + 1 === this.#tags.length ? 0 : slot + 1) {
      // The same name twice in one source: the first line is the one to name
      if (this.#tags[slot] === tag && this.#sameRecord(this.#slots[slot]!, at)) return
    }
    this.#slots[slot] = at
    this.#tags[slot] = tag
  }

  /** Same length, source, exact bit and name; the lines may differ. */
  #sameRecord(a: number, b: number): boolean {
    const pool = this.#pool
    const length = pool[a]!
    for (let i = 0; i < 3; i++) if (pool[a + i] !== pool[b + i]) return false
    for (let i = HEAD; i < HEAD + length; i++) if (pool[a + i] !== pool[b + i]) return false
    return true
  }

  #home(hash: number): number {
    return Math.floor(((hash >>> 0) / 0x1_0000_0000) * this.#tags.length)
  }
}

function lineAt(pool: Uint8Array, at: number): number {
  return (pool[at + 3]! | (pool[at + 4]! << 8) | (pool[at + 5]! << 16) | (pool[at + 6]! << 24)) >>> 0
}

/** FNV-1a, from the last character to the first, so that one pass over a host gives the hash of each of its suffixes. */
function step(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193)
}

/** FNV leaves the high bits poor, and they choose the place: a full avalanche (lowbias32). */
function mix(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return h ^ (h >>> 16)
}

/** Never 0, which marks an empty slot. */
function tagOf(hash: number): number {
  return hash & 255 || 1
}

function lower(code: number): number {
  return code >= 65 && code <= 90 ? code | 32 : code
}

/** Grows or trims in place where the allocator can; the old array is empty afterwards. */
function resized(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer.transfer(length))
}
