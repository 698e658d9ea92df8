import type { Socket } from 'node:net'
import { clock, NEVER } from '../../core/clock.ts'
import type { HeaderList } from '../../core/headers.ts'
import type { HttpLimits } from '../limits.ts'
import type { Out } from './out.ts'
import { chunkSize, type Framing, lastChunk } from './serialize.ts'

/** Writes one body after another into an Out, in the framing its head announced, and minds back-pressure. */
export class BodyWriter {
  framing: Framing = 'none'
  /** The peer must have taken what waits for it by then. */
  takenBy = NEVER
  readonly #socket: Socket
  readonly #out: Out
  readonly #limits: HttpLimits
  /** Bytes of a `length` body still to come. */
  #left = 0
  #blocked = false

  constructor(socket: Socket, out: Out, limits: HttpLimits) {
    this.#socket = socket
    this.#out = out
    this.#limits = limits
  }

  begin(framing: Framing, length: number): void {
    this.framing = framing
    this.#left = length
    this.#blocked = false
    this.takenBy = NEVER
  }

  /** False: that is more than the head announced. A chunk without bytes is none: in `chunked` it would be the last. */
  data(chunk: Buffer): boolean {
    if (this.framing === 'none' || chunk.length === 0) return true
    const out = this.#out
    if (this.framing === 'chunked') {
      out.text(chunkSize(chunk.length))
      out.bytes(chunk)
      out.text('\r\n')
    } else {
      if (this.framing === 'length' && (this.#left -= chunk.length) < 0) return false
      out.bytes(chunk)
    }
    if (out.full) out.flush()
    return true
  }

  /** Does the socket have its fill? Then `drained` will tell. */
  mustWait(): boolean {
    if (!this.#socket.writableNeedDrain) return false
    this.#blocked = true
    this.#startClock()
    return true
  }

  /** The socket has drained: was somebody waiting for it? */
  drained(): boolean {
    const waited = this.#blocked
    this.#blocked = false
    this.takenBy = NEVER
    return waited
  }

  /** False: that is less than the head announced, and nothing was written. */
  end(trailers: HeaderList | null, written?: () => void): boolean {
    if (this.framing === 'length' && this.#left > 0) return false
    if (this.framing === 'chunked') this.#out.text(lastChunk(trailers))
    this.#blocked = false
    this.#out.flush(written)
    // Stopped by `drained`, or by the owner in `written`
    if (written !== undefined || this.#socket.writableNeedDrain) this.#startClock()
    return true
  }

  /** Nothing more of this body matters. */
  forget(): void {
    this.framing = 'none'
    this.#blocked = false
    this.takenBy = NEVER
  }

  #startClock(): void {
    if (this.takenBy === NEVER) this.takenBy = clock.after(this.#limits.writeProgressMs)
  }
}
