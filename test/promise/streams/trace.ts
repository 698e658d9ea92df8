import { createHash } from 'node:crypto'

/** What one end saw of a run, one line an event, in order. */
export class Trace {
  readonly events: string[] = []
  /** The request's Via: how a test sees which way a run took. */
  via = ''
  /** Exchanges that are not over. */
  open = 0

  note(event: string): void {
    this.events.push(event)
  }

  head(event: string, raw: readonly string[]): void {
    this.events.push([event, ...lines(raw)].join('\n  '))
  }
}

/** Belong to one hop (RFC 9110 §7.6.1), tell the time, or name the run: they differ between any two runs. */
const OF_THE_HOP = new Set([
  'via',
  'date',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'x-run',
  'host',
  ':authority',
])

/**
 * Content-Length comes first: it is the sender's framing, and each hop frames anew (RFC 9112 §6). That there is nothing may
 * be said or left to the frames.
 */
function lines(raw: readonly string[]): string[] {
  const out: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    if (name === 'content-length' && raw[i + 1] !== '0') out.unshift(`${name}: ${raw[i + 1]}`)
    else if (name !== 'content-length' && !OF_THE_HOP.has(name)) out.push(`${raw[i]}: ${raw[i + 1]}`)
  }
  return out
}

/** Of a body that comes in pieces of any size. */
export class Digest {
  length = 0
  readonly #hash = createHash('sha256')

  add(chunk: Buffer): void {
    this.length += chunk.length
    this.#hash.update(chunk)
  }

  toString(): string {
    return `${this.length} octets ${this.#hash.copy().digest('hex').slice(0, 16)}`
  }
}

export const digestOf = (chunk: Buffer): string => {
  const digest = new Digest()
  digest.add(chunk)
  return String(digest)
}

/** Octets that no compression and no mix-up of places survives. */
export const noise = (seed: string, length: number): Buffer =>
  createHash('shake256', { outputLength: Math.max(length, 1) })
    .update(seed)
    .digest()
    .subarray(0, length)
