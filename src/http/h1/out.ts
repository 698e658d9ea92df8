import type { Socket } from 'node:net'

/** Once this much waits it goes out at once: one TLS record's worth. */
const FLUSH_BYTES = 16 * 1024
/** Up to this size pieces are copied into one buffer; beyond, writev is cheaper. */
const COPY_BYTES = 32 * 1024

/**
 * Gathers what is written to a socket in one turn of the event loop, so that a head, its first body bytes and the end of
 * a chunked body leave in one write: one system call, one TLS record. Nothing waits longer than that turn.
 */
export class Out {
  readonly #socket: Socket
  #parts: (string | Buffer)[] = []
  #size = 0
  #queued = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Latin1 text. Neighbouring texts become one piece. */
  text(text: string): void {
    const last = this.#parts.length - 1
    if (last >= 0 && typeof this.#parts[last] === 'string') this.#parts[last] += text
    else this.#parts.push(text)
    this.#grown(text.length)
  }

  bytes(chunk: Buffer): void {
    this.#parts.push(chunk)
    this.#grown(chunk.length)
  }

  #grown(bytes: number): void {
    this.#size += bytes
    if (this.#queued) return
    this.#queued = true
    if (waiting.push(this) === 1) setImmediate(flushWaiting)
  }

  /** Has a whole record gathered? Asked by the owner after a complete piece of framing. */
  get full(): boolean {
    return this.#size >= FLUSH_BYTES
  }

  /** `written` is called when the kernel has taken all of it. */
  flush(written?: () => void): void {
    const parts = this.#parts
    const size = this.#size
    const socket = this.#socket
    if (socket.destroyed || socket.writableEnded) {
      this.drop()
      return
    }
    if (parts.length === 0) {
      if (written === undefined) return
      if (socket.writableLength === 0) process.nextTick(written)
      else socket.write(NOTHING, written)
      return
    }
    this.#size = 0
    this.#parts = []
    if (parts.length === 1) write(socket, parts[0]!, written)
    else if (size <= COPY_BYTES) socket.write(concat(parts, size), written)
    else {
      const last = parts.length - 1
      socket.cork()
      for (let i = 0; i < last; i++) write(socket, parts[i]!, undefined)
      write(socket, parts[last]!, written)
      socket.uncork()
    }
  }

  drop(): void {
    this.#parts = []
    this.#size = 0
  }

  unqueued(): void {
    this.#queued = false
    if (this.#size > 0) this.flush()
  }
}

const NOTHING = Buffer.alloc(0)

/** Outs with something gathered in this turn. */
let waiting: Out[] = []

function flushWaiting(): void {
  const list = waiting
  waiting = []
  for (let i = 0; i < list.length; i++) list[i]!.unqueued()
}

function write(socket: Socket, part: string | Buffer, written: (() => void) | undefined): void {
  if (typeof part === 'string') socket.write(part, 'latin1', written)
  else socket.write(part, written)
}

function concat(parts: (string | Buffer)[], size: number): Buffer {
  const all = Buffer.allocUnsafe(size)
  let at = 0
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    at += typeof part === 'string' ? all.write(part, at, 'latin1') : part.copy(all, at)
  }
  return all
}
