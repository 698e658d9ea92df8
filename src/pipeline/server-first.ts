import { WeirError } from '../core/errors.ts'
import type { Peeked, RawOrigin } from './stations.ts'

/** If neither side says a word for so long, after the wait for the client's first, the connection ends: 10 s in all. */
const BOTH_SILENT_MS = 8_500

export interface BothSides {
  /** Until the client speaks; as Stations.peekLater. */
  look(firstByteMs: number, done: (result: Peeked) => void): () => void
  /** To the origin; called once. */
  dial(done: (error: WeirError | null, origin: RawOrigin | null) => void): () => void
  /** What is not simply relayed if the client says it first. */
  readonly ours: ReadonlySet<Peeked['kind']>
  /** It was one of `ours`; the origin is hung up on. */
  onClient(result: Peeked): void
  /** Here begins the relay. `clientSpoke`: it did so first. */
  onRelay(origin: RawOrigin, clientSpoke: boolean): void
  onOver(error: WeirError | null): void
}

/**
 * A client that keeps silent at first: in some protocols (SSH, mail) the server begins. Its origin is dialled, and
 * whoever speaks first decides. A client that speaks HTTP or TLS after all goes the usual way: nobody gets past the
 * policy by waiting, and a connection that a browser opened in advance is inspected when it is used.
 */
export class ServerFirst {
  readonly #sides: BothSides
  #cancelLook: (() => void) | null = null
  #cancelDial: (() => void) | null = null
  #stopListening: (() => void) | null = null
  #origin: RawOrigin | null = null
  #clientSpoke = false
  #over = false

  constructor(sides: BothSides) {
    this.#sides = sides
  }

  start(): void {
    this.#cancelDial = this.#sides.dial(this.#onDialled)
    this.#cancelLook = this.#sides.look(BOTH_SILENT_MS, this.#onLooked)
  }

  /** Lets go of everything but the client; no event follows. */
  readonly cancel = (): void => {
    this.#letGo()?.stream.destroy()
  }

  readonly #onLooked = (result: Peeked): void => {
    if (this.#over) return
    if (result.kind === 'closed') this.#end(null)
    else if (result.kind === 'silent') this.#end(new WeirError('idle-timeout'))
    else if (!this.#sides.ours.has(result.kind)) this.#clientBegan()
    else {
      this.cancel()
      this.#sides.onClient(result)
    }
  }

  #clientBegan(): void {
    this.#clientSpoke = true
    if (this.#origin !== null) this.#relay(this.#origin)
  }

  readonly #onDialled = (error: WeirError | null, origin: RawOrigin | null): void => {
    if (this.#over) {
      origin?.stream.destroy()
      return
    }
    if (origin === null) {
      this.#end(error ?? new WeirError('origin-unreachable'))
      return
    }
    this.#origin = origin
    if (this.#clientSpoke) this.#relay(origin)
    else {
      origin.stream.once('close', this.#onOriginClosed)
      this.#stopListening = origin.onSpoke(this.#onServerSpoke)
    }
  }

  readonly #onServerSpoke = (): void => {
    if (!this.#over) this.#relay(this.#origin!)
  }

  readonly #onOriginClosed = (): void => this.#end(new WeirError('origin-reset'))

  #relay(origin: RawOrigin): void {
    this.#letGo()
    this.#sides.onRelay(origin, this.#clientSpoke)
  }

  #end(error: WeirError | null): void {
    if (this.#over) return
    this.cancel()
    this.#sides.onOver(error)
  }

  #letGo(): RawOrigin | null {
    const origin = this.#origin
    this.#over = true
    this.#origin = null
    this.#cancelLook?.()
    this.#cancelDial?.()
    this.#stopListening?.()
    origin?.stream.removeListener('close', this.#onOriginClosed)
    return origin
  }
}
