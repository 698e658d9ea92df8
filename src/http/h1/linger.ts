import type { Socket } from 'node:net'
import { clock, type Watcher } from '../../core/clock.ts'
import type { HttpLimits } from '../limits.ts'

/**
 * The end of a connection whose last answer is written (RFC 9112 §9.6): closes our side and throws away what still
 * comes, for a while. Closed at once, unread bytes would become a reset that can overtake the answer.
 */
export function linger(socket: Socket, limits: HttpLimits): void {
  new Linger(socket, limits).start()
}

class Linger implements Watcher {
  readonly #socket: Socket
  readonly #until: number
  #left: number

  constructor(socket: Socket, limits: HttpLimits) {
    this.#socket = socket
    this.#until = clock.after(limits.lingerMs)
    this.#left = limits.maxLingerBytes
  }

  start(): void {
    const socket = this.#socket
    if (socket.destroyed) return
    clock.watch(this)
    socket.on('data', this.#onData)
    socket.on('close', this.#onClose)
    socket.end()
    socket.resume()
  }

  onTick(now: number): void {
    if (now >= this.#until) this.#socket.destroy()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#left -= chunk.length
    // No longer read, but not reset either until the time is over: the client may still be reading
    if (this.#left < 0) this.#socket.pause()
  }

  readonly #onClose = (): void => {
    clock.unwatch(this)
    this.#socket.removeListener('data', this.#onData)
    this.#socket.removeListener('close', this.#onClose)
  }
}
