const EMPTY = Buffer.alloc(0)

/**
 * Bytes read from a socket and not yet consumed. What comes in whole is referenced, not copied; only what must be joined
 * is, with doubling, so a peer that sends byte by byte costs linear work. Consumed bytes are never overwritten: slices
 * handed out stay valid. Bounding it is its owner's business.
 */
export class Hold {
  bytes: Buffer = EMPTY
  start = 0
  end = 0
  /** `bytes` was allocated here, so its room after `end` may be written to. */
  #owned = false

  get size(): number {
    return this.end - this.start
  }

  push(chunk: Buffer): void {
    if (this.start === this.end) {
      this.bytes = chunk
      this.start = 0
      this.end = chunk.length
      this.#owned = false
      return
    }
    const need = this.end + chunk.length
    if (!this.#owned || need > this.bytes.length) this.#grow(chunk.length)
    chunk.copy(this.bytes, this.end)
    this.end += chunk.length
  }

  /** Everything before `at` has been used. An empty hold keeps no memory. */
  consumeTo(at: number): void {
    if (at === this.end) this.clear()
    else this.start = at
  }

  clear(): void {
    this.bytes = EMPTY
    this.start = this.end = 0
    this.#owned = false
  }

  #grow(more: number): void {
    const size = this.end - this.start
    // Not from Buffer's shared pool: this may live as long as a stalled connection
    const room = Buffer.allocUnsafeSlow(Math.max(256, 2 * (size + more)))
    this.bytes.copy(room, 0, this.start, this.end)
    this.bytes = room
    this.start = 0
    this.end = size
    this.#owned = true
  }
}
