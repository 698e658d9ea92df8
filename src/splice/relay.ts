import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { clock, type Watcher } from '../core/clock.ts'
import { type ErrorCode, WeirError } from '../core/errors.ts'
import type { BulkReader } from './reader.ts'
import { Way } from './way.ts'

export interface RelayOptions {
  /** Cut both sides when no byte moved either way for so long. */
  idleMs: number
  /**
   * The same once one side has ended: a client that is gone looks like one that only stopped sending until something is
   * written to it, and an origin may never do so.
   */
  halfIdleMs: number
  /** Counters, kept while it runs: `bytesUp` from the client to the origin, `bytesDown` back. */
  bytes: { bytesUp: number; bytesDown: number }
  /** The reader the origin's socket was made with, or null: then it is read by 'data' events. */
  reader: BulkReader | null
  /** Called once, when both sockets are closed. Null: both sides ended as they wished. */
  done(error: WeirError | null): void
}

/**
 * Bytes both ways, unchanged, until both sides have ended. A FIN is passed on as a FIN and the other way lives on
 * (half-close: `ssh`, `nc -N`, HTTP/1.0 uploads depend on it); a reset is passed on as a reset, so that a cut-off stream
 * never looks complete. Bytes already pushed back into either side go first.
 */
export function relay(client: Duplex, origin: Duplex, options: RelayOptions): void {
  new Relay(client, origin, options).start()
}

class Relay implements Watcher {
  readonly #client: Duplex
  readonly #origin: Duplex
  readonly #options: RelayOptions
  readonly #up: Way
  readonly #down: Way
  #moved = 0
  #seen = 0
  #error: WeirError | null = null
  #cut = false
  #open = 2

  constructor(client: Duplex, origin: Duplex, options: RelayOptions) {
    this.#client = client
    this.#origin = origin
    this.#options = options
    this.#up = new Way(client, origin, null)
    this.#down = new Way(origin, client, options.reader)
  }

  start(): void {
    this.#seen = clock.now
    clock.watch(this)
    for (const side of [this.#client, this.#origin]) {
      // A side that ended early would otherwise end its own writing too, and kill the other way.
      side.allowHalfOpen = true
      side.on('error', (cause: NodeJS.ErrnoException) => this.#fail(this.#codeOf(side), cause))
      if (side.closed) process.nextTick(() => this.#onClose(side))
      else side.once('close', () => this.#onClose(side))
    }
    this.#up.start()
    this.#down.start()
  }

  /** Counters are brought up to date here and at the end, which is often enough for whoever looks on. */
  onTick(now: number): void {
    if (this.#count()) this.#seen = now
    else if (clock.passed(this.#seen, this.#options.idleMs)) this.#fail('idle-timeout', undefined)
    else if (this.#halfEnded() && clock.passed(this.#seen, this.#options.halfIdleMs)) this.#cutBoth()
  }

  #halfEnded(): boolean {
    return this.#client.readableEnded || this.#origin.readableEnded
  }

  /** True when anything moved since the last call. */
  #count(): boolean {
    this.#options.bytes.bytesUp = this.#up.bytes
    this.#options.bytes.bytesDown = this.#down.bytes
    const moved = this.#up.moves + this.#down.moves
    const changed = moved !== this.#moved
    this.#moved = moved
    return changed
  }

  #codeOf(side: Duplex): ErrorCode {
    if (side === this.#client) return 'client-gone'
    return this.#down.bytes === 0 ? 'origin-reset' : 'origin-cut-off'
  }

  #fail(code: ErrorCode, cause: Error | undefined): void {
    if (this.#cut) return
    this.#error = new WeirError(code, (cause as NodeJS.ErrnoException | undefined)?.code ?? '', cause)
    this.#cutBoth()
  }

  #cutBoth(): void {
    this.#cut = true
    cutOff(this.#client)
    cutOff(this.#origin)
  }

  #onClose(side: Duplex): void {
    const complete = side.readableEnded && side.writableFinished
    if (!complete) this.#fail(this.#codeOf(side), undefined)
    if (--this.#open > 0) return
    clock.unwatch(this)
    this.#count()
    this.#options.done(this.#error)
  }
}

/** Ends a side at once, by RST where there is TCP below: an orderly FIN would tell the peer that it has everything. */
function cutOff(side: Duplex): void {
  if (side.destroyed) return
  if (side instanceof Socket && !(side instanceof TLSSocket) && !side.connecting) side.resetAndDestroy()
  else side.destroy()
}
