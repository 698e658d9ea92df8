import type { Socket } from 'node:net'
import { HELLO_ALERTS } from './alert.ts'
import { type ClientHello, type HelloFault, MAX_HELLO_BYTES, parseClientHello } from './clienthello.ts'
import { sniff, sniffHost } from './sniff.ts'

export interface PeekOptions {
  /** Most bytes held before a decision is forced. */
  maxBytes: number
  /** A client silent for so long lets the server speak first. */
  firstByteMs: number
  /** From the call to the decision, at most. */
  totalMs: number
  /** false: a request line is enough, its host is of no use. */
  host?: boolean
}

export type PeekResult =
  | { kind: 'tls'; hello: ClientHello }
  /** `host`: name or address the head names; null when it names none or the head did not come in time. */
  | { kind: 'h1'; host: string | null }
  | { kind: 'h2' }
  | { kind: 'other' }
  /** Not a byte within firstByteMs. */
  | { kind: 'silent' }
  /** Begins as TLS and is no ClientHello; `why` is a closed word, `alert` what to tell the client. */
  | { kind: 'malformed'; why: HelloFault; alert: number }
  /** Half a ClientHello, and the rest did not come within totalMs. */
  | { kind: 'slow' }
  /** The client went away or half-closed before it could be known; there is nothing to relay. */
  | { kind: 'closed' }

export type PeekDone = (result: PeekResult) => void

/**
 * Reads just enough of a fresh connection to know what it carries, then gives every byte back: afterwards the socket
 * is paused, has its bytes in its read buffer (TLSSocket, pipe and read() all find them there) and no listener of
 * ours. `done` is called once, and must put its own 'error' listener on the socket before it returns. The function returned
 * gives up: the same without a result.
 */
export function peek(socket: Socket, options: PeekOptions, done: PeekDone): () => void {
  if (socket.destroyed || socket.readableEnded) {
    done({ kind: 'closed' })
    return ignore
  }
  const looking = new Peek(socket, options, done)
  looking.start()
  return looking.cancel
}

class Peek {
  readonly #socket: Socket
  readonly #options: PeekOptions
  readonly #done: PeekDone
  readonly #maxBytes: number
  readonly #startedMono = performance.now()
  /** The bytes so far; the first chunk itself as long as it is the only one, which is nearly always. */
  #bytes: Buffer = EMPTY
  /** Grown by doubling, so that a client dripping single bytes costs no quadratic copying. */
  #room: Buffer | null = null
  /** No use in parsing again before so many bytes are here. */
  #need = 1
  #timer: NodeJS.Timeout | undefined
  #decided = false

  constructor(socket: Socket, options: PeekOptions, done: PeekDone) {
    this.#socket = socket
    this.#options = options
    this.#done = done
    this.#maxBytes = Math.min(options.maxBytes, MAX_HELLO_BYTES)
  }

  start(): void {
    const socket = this.#socket
    socket.on('data', this.#onData)
    socket.on('end', this.#onGone)
    socket.on('error', this.#onGone)
    socket.on('close', this.#onGone)
    this.#timer = setTimeout(this.#onTimer, Math.min(this.#options.firstByteMs, this.#options.totalMs))
    socket.resume()
  }

  readonly #onData = (chunk: Buffer): void => {
    const first = this.#bytes.length === 0
    this.#append(chunk)
    let result: PeekResult | null = null
    if (this.#bytes.length >= this.#need) result = this.#judge()
    if (result === null && this.#bytes.length >= this.#maxBytes) result = this.#settle('too-large')
    if (result !== null) this.#decide(result)
    else if (first) this.#waitForRest()
  }

  readonly #onGone = (): void => this.#decide({ kind: 'closed' })

  readonly #onTimer = (): void => {
    // A busy loop runs its timers before it polls: what the client sent in time may still wait in the kernel.
    setImmediate(this.#onLate, this.#bytes.length === 0)
  }

  readonly #onLate = (silent: boolean): void => {
    if (this.#bytes.length === 0) this.#decide({ kind: 'silent' })
    else if (!silent) this.#decide(this.#settle('slow'))
  }

  #waitForRest(): void {
    clearTimeout(this.#timer)
    const elapsedMs = performance.now() - this.#startedMono
    this.#timer = setTimeout(this.#onTimer, Math.max(1, this.#options.totalMs - elapsedMs))
  }

  #append(chunk: Buffer): void {
    const have = this.#bytes.length
    const total = have + chunk.length
    if (have === 0) {
      this.#bytes = chunk
      return
    }
    if (this.#room === null || this.#room.length < total) {
      // Never pooled: the bytes go back into the socket and may stay there.
      this.#room = Buffer.allocUnsafeSlow(Math.max(total, 2 * have, 4096))
      this.#bytes.copy(this.#room)
    }
    chunk.copy(this.#room, have)
    this.#bytes = this.#room.subarray(0, total)
  }

  /** Null: undecided, more is needed. */
  #judge(): PeekResult | null {
    const bytes = this.#bytes
    switch (sniff(bytes)) {
      case 'tls': {
        const parsed = parseClientHello(bytes)
        if (parsed.state === 'hello') return { kind: 'tls', hello: parsed.hello }
        if (parsed.state === 'malformed') return malformed(parsed.why)
        this.#need = parsed.need
        return null
      }
      case 'h1': {
        if (this.#options.host === false) return { kind: 'h1', host: null }
        const found = sniffHost(bytes)
        return found.state === 'host' ? { kind: 'h1', host: found.host } : null
      }
      case 'sslv2':
        return malformed('sslv2')
      case 'h2':
        return { kind: 'h2' }
      case 'other':
        return { kind: 'other' }
      default:
        return null
    }
  }

  /**
   * No more bytes are taken, or come. What could still become HTTP or TLS is never `other`: a client that drips the
   * first half of its request line must not earn a tunnel. An h1 head goes to the codec, which has its own limits.
   */
  #settle(cause: 'too-large' | 'slow'): PeekResult {
    if (sniff(this.#bytes) === 'h1') return { kind: 'h1', host: null }
    return cause === 'slow' ? { kind: 'slow' } : malformed('too-large')
  }

  readonly cancel = (): void => void this.#release(true)

  #decide(result: PeekResult): void {
    if (this.#release(result.kind !== 'closed')) this.#done(result)
  }

  /** False: it was over already. */
  #release(giveBack: boolean): boolean {
    if (this.#decided) return false
    this.#decided = true
    clearTimeout(this.#timer)
    const socket = this.#socket
    socket.pause()
    socket.off('data', this.#onData)
    socket.off('end', this.#onGone)
    socket.off('error', this.#onGone)
    socket.off('close', this.#onGone)
    if (this.#bytes.length > 0 && giveBack) socket.unshift(this.#bytes)
    this.#bytes = EMPTY
    return true
  }
}

function malformed(why: HelloFault): PeekResult {
  return { kind: 'malformed', why, alert: HELLO_ALERTS[why] }
}

function ignore(): void {}

const EMPTY = Buffer.alloc(0)
