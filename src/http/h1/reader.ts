import { UNKNOWN_LENGTH } from '../../core/exchange.ts'
import type { HeaderList } from '../../core/headers.ts'
import type { HttpLimits } from '../limits.ts'
import { BAD, ChunkDecoder, type ChunkStep, DATA, DONE, MORE } from './chunks.ts'
import type { Hold } from './hold.ts'
import { findHeadEnd, INCOMPLETE } from './parse.ts'

/** `HeadFinder.find` beside the results of `findHeadEnd`. */
export const TOO_LARGE = -3

/** Finds the end of a head in a hold without looking at any byte twice. */
export class HeadFinder {
  readonly #maxBytes: number
  /** Bytes after the hold's start already searched. */
  #scanned = 0

  constructor(limits: HttpLimits) {
    this.#maxBytes = limits.maxHeadBytes
  }

  find(hold: Hold): number {
    const at = findHeadEnd(hold.bytes, hold.start, hold.start + this.#scanned, hold.end)
    if (at === INCOMPLETE) {
      this.#scanned = hold.size
      return hold.size > this.#maxBytes ? TOO_LARGE : INCOMPLETE
    }
    this.#scanned = 0
    return at - hold.start > this.#maxBytes ? TOO_LARGE : at
  }
}

const NONE = Buffer.alloc(0)
const LENGTH = 0
const CHUNKED = 1
const UNTIL_CLOSE = 2

/** Reads one body out of a hold, whatever its framing; made once per connection. */
export class BodyReader {
  /** After DATA. */
  chunk: Buffer = NONE
  /** After BAD. */
  why = ''
  readonly #limits: HttpLimits
  #framing: typeof LENGTH | typeof CHUNKED | typeof UNTIL_CLOSE = LENGTH
  #left = 0
  #decoder: ChunkDecoder | null = null

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  /** `length` in bytes, or UNKNOWN_LENGTH for a chunked body. */
  begin(length: number): void {
    if (length !== UNKNOWN_LENGTH) {
      this.#framing = LENGTH
      this.#left = length
      return
    }
    this.#framing = CHUNKED
    this.#decoder ??= new ChunkDecoder(this.#limits)
    this.#decoder.reset()
  }

  beginUntilClose(): void {
    this.#framing = UNTIL_CLOSE
  }

  /** No byte of it is missing. */
  get complete(): boolean {
    return this.#framing === LENGTH && this.#left === 0
  }

  /** Its end is told by the end of the connection. */
  get untilClose(): boolean {
    return this.#framing === UNTIL_CLOSE
  }

  get trailers(): HeaderList | null {
    return this.#framing === CHUNKED ? this.#decoder!.trailers : null
  }

  next(hold: Hold): ChunkStep {
    this.chunk = NONE // an idle connection keeps no slice alive
    if (this.#framing === CHUNKED) return this.#nextChunk(hold)
    if (this.complete) return DONE
    if (hold.size === 0) return MORE
    const { bytes, start, size } = hold
    const take = this.#framing === LENGTH ? Math.min(this.#left, size) : size
    this.#left -= take
    this.chunk = take === bytes.length ? bytes : bytes.subarray(start, start + take)
    hold.consumeTo(start + take)
    return DATA
  }

  #nextChunk(hold: Hold): ChunkStep {
    const decoder = this.#decoder!
    const { bytes } = hold
    const step = decoder.next(bytes, hold.start, hold.end)
    hold.consumeTo(decoder.pos)
    if (step === DATA) this.chunk = bytes.subarray(decoder.from, decoder.to)
    else if (step === BAD) this.why = decoder.why
    return step
  }
}
