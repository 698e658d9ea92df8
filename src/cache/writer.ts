import { UNKNOWN_LENGTH } from '../core/exchange.ts'
import type { HeaderList } from '../core/headers.ts'
import type { EntryInit } from './entry.ts'

/** Bodies are held in blocks of this size: one write each, and no allocation larger than this. */
const BLOCK = 65_536
/** First block of a body whose length nobody told. */
const FIRST_BLOCK = 8192

/** What becomes an entry once its body is there. */
export interface Draft {
  entry: EntryInit
  /** Fields of the request it answers. */
  request: HeaderList
  requestMs: number
}

/** The store's side of an unfinished answer. */
export interface Shelf {
  /** Claims memory before it is allocated. False: no more is to be had. */
  claim(bytes: number): boolean
  /** The body is complete and intact. */
  put(draft: Draft, body: Buffer[], length: number): void
  /** Gives back all that was claimed; called exactly once. */
  release(bytes: number): void
}

/**
 * Collects the body of an answer that is worth storing while it passes. Chunks are copied: a socket's buffer may be
 * reused or be a small slice of a large one. Dropped as soon as it cannot be stored any more.
 */
export class BodyWriter {
  readonly #shelf: Shelf
  readonly #draft: Draft
  readonly #declared: number
  readonly #maxBytes: number
  #blocks: Buffer[] = []
  /** Bytes used of the last block. */
  #used = 0
  #length = 0
  #open = true
  /** Bytes claimed from the shelf. */
  #claimed = 0

  /** `declared`: bytes, or UNKNOWN_LENGTH. */
  constructor(shelf: Shelf, draft: Draft, declared: number, maxBytes: number) {
    this.#shelf = shelf
    this.#draft = draft
    this.#declared = declared
    this.#maxBytes = maxBytes
  }

  write(chunk: Buffer): void {
    if (!this.#open) return
    const limit = this.#declared === UNKNOWN_LENGTH ? this.#maxBytes : this.#declared
    if (this.#length + chunk.length > limit) {
      this.#close()
      return
    }
    let from = 0
    while (from < chunk.length) {
      const block = this.#room(chunk.length - from)
      if (block === null) {
        this.#close()
        return
      }
      const copied = chunk.copy(block, this.#used, from)
      from += copied
      this.#used += copied
      this.#length += copied
    }
  }

  /** `complete`: the message ended as its framing says. A body shorter than declared is dropped all the same (RFC 9111 §3.3). */
  end(complete: boolean): void {
    if (!this.#open) return
    if (complete && (this.#declared === UNKNOWN_LENGTH || this.#declared === this.#length)) {
      const last = this.#blocks.at(-1)
      // The unused rest of a block would be kept alive but not counted.
      if (last !== undefined && this.#used < last.length) {
        const exact = Buffer.allocUnsafeSlow(this.#used)
        last.copy(exact, 0, 0, this.#used)
        this.#blocks[this.#blocks.length - 1] = exact
      }
      this.#shelf.put(this.#draft, this.#blocks, this.#length)
    }
    this.#close()
  }

  /** A block with room, or null when the shelf is full. */
  #room(wanted: number): Buffer | null {
    const last = this.#blocks.at(-1)
    if (last !== undefined && this.#used < last.length) return last
    const size =
      this.#declared === UNKNOWN_LENGTH
        ? Math.min(BLOCK, Math.max(wanted, this.#blocks.length === 0 ? FIRST_BLOCK : BLOCK))
        : Math.min(BLOCK, this.#declared - this.#length)
    if (!this.#shelf.claim(size)) return null
    this.#claimed += size
    const block = Buffer.allocUnsafeSlow(size)
    this.#blocks.push(block)
    this.#used = 0
    return block
  }

  #close(): void {
    this.#open = false
    this.#blocks = []
    this.#shelf.release(this.#claimed)
  }
}
