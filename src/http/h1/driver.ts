import type { Socket } from 'node:net'
import { clock, NEVER, type Watcher } from '../../core/clock.ts'
import type { HttpLimits } from '../limits.ts'
import { Hold } from './hold.ts'
import { Out } from './out.ts'
import { BodyReader } from './reader.ts'
import { BodyWriter } from './writer.ts'

/** What the two ends of HTTP/1 share: a socket with its listeners, what was read and is not used, two deadlines. */
export abstract class Driver implements Watcher {
  protected readonly socket: Socket
  protected readonly limits: HttpLimits
  protected readonly out: Out
  protected readonly hold = new Hold()
  protected readonly body: BodyReader
  protected readonly writer: BodyWriter
  /** What is awaited from the peer must have come by then. */
  protected readBy = NEVER
  #pumping = false

  constructor(socket: Socket, limits: HttpLimits) {
    this.socket = socket
    this.limits = limits
    this.out = new Out(socket)
    this.body = new BodyReader(limits)
    this.writer = new BodyWriter(socket, this.out, limits)
    clock.watch(this)
    // Either peer may close its sending side and still be reading
    socket.allowHalfOpen = true
    socket.setNoDelay(true)
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrain)
    socket.on('error', ignore)
    socket.on('close', this.#onClose)
    if (socket.destroyed) process.nextTick(this.#onClose)
    else socket.resume()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** Takes one thing out of the hold; true: there may be more. */
  protected abstract step(): boolean
  /** After as many steps as there were. */
  protected abstract pumped(): void
  /** Bytes have come. */
  protected abstract received(chunk: Buffer): void
  /** The peer's FIN; all before it was received. */
  protected abstract peerEnded(): void
  protected abstract drained(): void
  protected abstract closed(): void
  /** `readBy` has passed. */
  protected abstract late(): void
  /** The peer did not take what was written. */
  protected abstract stalled(): void

  /** Works through what is held, one step at a time, never inside itself. */
  protected pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.step());
    this.#pumping = false
    this.pumped()
  }

  onTick(now: number): void {
    if (now >= this.writer.takenBy) this.stalled()
    else if (now >= this.readBy) this.late()
  }

  /** Leaves the socket to somebody else, paused, with what was read too far pushed back into it. */
  protected handOver(): Socket {
    const { socket, hold } = this
    this.letGo()
    socket.pause()
    if (hold.size > 0 && !socket.readableEnded) socket.unshift(hold.bytes.subarray(hold.start, hold.end))
    hold.clear()
    return socket
  }

  protected letGo(): void {
    clock.unwatch(this)
    const { socket } = this
    socket.removeListener('data', this.#onData)
    socket.removeListener('end', this.#onEnd)
    socket.removeListener('drain', this.#onDrain)
    socket.removeListener('error', ignore)
    socket.removeListener('close', this.#onClose)
  }

  readonly #onData = (chunk: Buffer): void => this.received(chunk)
  readonly #onEnd = (): void => this.peerEnded()
  readonly #onDrain = (): void => this.drained()
  readonly #onClose = (): void => {
    this.letGo()
    this.out.drop()
    this.closed()
    this.hold.clear()
  }
}

function ignore(): void {}
