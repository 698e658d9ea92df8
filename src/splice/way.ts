import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BULK_BYTES, type BulkReader, type BulkSink } from './reader.ts'

/** Smaller reads are copied into a buffer of their own size: a big one would be held for nothing. */
const SMALL_BYTES = 16 * 1024
/** Large buffers kept for the next write, whoever writes. */
const MAX_FREE = 16
const free: Buffer[] = []

/**
 * One direction of a relay. At most one chunk is under way to `to`: reading stops while the kernel does not take it, so a
 * stalled reader holds one chunk (64 KiB by 'data' events, `BULK_BYTES` with a bulk reader).
 */
export class Way implements BulkSink {
  bytes = 0
  /** Changes whenever something moved, in or out. */
  moves = 0
  readonly #from: Duplex
  readonly #to: Duplex
  readonly #reader: BulkReader | null
  readonly #onFlowed = (): void => this.#flowed()
  #held: Buffer | null = null
  #waiting = false

  constructor(from: Duplex, to: Duplex, reader: BulkReader | null) {
    this.#from = from
    this.#to = to
    this.#reader = reader
  }

  start(): void {
    const from = this.#from
    this.#to.on('drain', this.#onFlowed)
    if (from.readableEnded) this.#to.end()
    else from.once('end', () => this.#to.end())
    if (this.#reader !== null && from instanceof Socket) {
      const pushedBack: Buffer | null = from.read()
      if (pushedBack !== null) this.#onData(pushedBack)
      this.#reader.attach(this, from)
      return
    }
    from.on('data', (chunk: Buffer) => this.#onData(chunk))
    from.resume()
  }

  #onData(chunk: Buffer): void {
    this.#count(chunk.length)
    if (!this.#to.write(chunk)) this.#wait()
  }

  onBulk(chunk: Buffer): void {
    const size = chunk.length
    this.#count(size)
    if (size <= SMALL_BYTES) {
      if (!this.#to.write(Buffer.from(chunk))) this.#wait()
      return
    }
    const copy = free.pop() ?? Buffer.allocUnsafeSlow(BULK_BYTES)
    chunk.copy(copy)
    this.#to.write(size === BULK_BYTES ? copy : copy.subarray(0, size), this.#onFlowed)
    if (this.#to.writableLength === 0) {
      keep(copy) // the kernel took it whole, as it nearly always does
      return
    }
    this.#held = copy
    this.#wait()
  }

  #count(size: number): void {
    this.bytes += size
    this.moves++
  }

  #wait(): void {
    this.#waiting = true
    this.#from.pause()
  }

  /** After 'drain' and after each bulk write. */
  #flowed(): void {
    if (!this.#waiting || this.#to.writableLength > 0) return
    this.#waiting = false
    this.moves++
    // A destroyed socket may still have the buffer in a system call; it is left to the collector then.
    if (this.#held !== null && !this.#to.destroyed) keep(this.#held)
    this.#held = null
    if (!this.#from.destroyed) this.#from.resume()
  }
}

function keep(buffer: Buffer): void {
  if (free.length < MAX_FREE) free.push(buffer)
}
