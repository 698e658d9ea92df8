import { execFile } from 'node:child_process'
import net from 'node:net'
import { LRUCache } from 'lru-cache'
import { toolEnv } from './run.ts'

/** The kernel's table is read at most so often (ms). */
const READ_EVERY_MS = 30_000
const READ_LIMIT_MS = 5_000
/** `ip` writes some 130 octets about a neighbour. */
const MAX_TEXT_BYTES = 4 << 20
/** Addresses remembered; the kernel's own table ends at 1024 of each family unless told otherwise (gc_thresh3). */
const MAX_KNOWN = 4096

/** `null`: it could not be read. */
export type ReadNeighbours = (done: (json: string | null) => void) => void

export interface NeighbourOptions {
  read?: ReadNeighbours
  readEveryMs?: number
}

/** One line of `ip -json neigh`, as far as we read it. */
interface IpNeighbour {
  dst?: unknown
  lladdr?: unknown
}

/**
 * Which hardware address stands behind a client's address, ARP and NDP alike. The kernel forgets who is silent for some
 * minutes; what was read once is kept here until it is read otherwise.
 */
export class Neighbours {
  readonly #read: ReadNeighbours
  readonly #readEveryMs: number
  readonly #known = new LRUCache<string, string>({ max: MAX_KNOWN })
  #readAt = Number.NEGATIVE_INFINITY
  #waiting = false

  constructor({ read = readKernel, readEveryMs = READ_EVERY_MS }: NeighbourOptions = {}) {
    this.#read = read
    this.#readEveryMs = readEveryMs
  }

  /** Addresses with a known hardware address. */
  get size(): number {
    return this.#known.size
  }

  /** Lower case, with colons; null: behind a router, or not seen yet. */
  hardwareOf(addr: string): string | null {
    return this.#known.get(addr) ?? null
  }

  /** Somebody was heard of: the table is read, now or as soon as it may be again. */
  refresh(): void {
    if (this.#waiting) return
    this.#waiting = true
    const waitMs = this.#readAt + this.#readEveryMs - performance.now()
    setTimeout(() => this.#start(), Math.max(0, waitMs)).unref()
  }

  #start(): void {
    this.#readAt = performance.now()
    this.#read(json => {
      this.#waiting = false
      // Without it nobody is told apart from his network's others, which is the careful side
      if (json !== null) for (const [addr, hardware] of parseNeighbours(json)) this.#known.set(addr, hardware)
    })
  }
}

/** Address → hardware address, of `ip -json neigh`. What does not look like either is left out. */
export function parseNeighbours(json: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const { dst, lladdr } of entries(json)) {
    if (typeof dst !== 'string' || net.isIP(dst) === 0) continue
    if (typeof lladdr !== 'string' || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5,19}$/i.test(lladdr)) continue
    // Devices without hardware addresses, and groups: they stand for nobody in particular
    if (/^[0:]*$/.test(lladdr) || (Number.parseInt(lladdr.slice(0, 2), 16) & 1) === 1) continue
    found.set(dst, lladdr.toLowerCase())
  }
  return found
}

function entries(json: string): IpNeighbour[] {
  try {
    const list: unknown = JSON.parse(json)
    return Array.isArray(list) ? list.filter(entry => typeof entry === 'object' && entry !== null) : []
  } catch {
    return [] // `ip -j` prints nothing at all where there is nothing to list
  }
}

function readKernel(done: (json: string | null) => void): void {
  const options = { env: toolEnv, timeout: READ_LIMIT_MS, maxBuffer: MAX_TEXT_BYTES }
  execFile('ip', ['-json', 'neigh'], options, (error, out) => done(error === null ? out : null))
}
