/** How often deadlines are looked at: they are late by at most this. */
export const TICK_MS = 250

export interface Watched {
  /** Called every tick; `now` as `Deadlines.now`. */
  onTick(now: number): void
}

/**
 * One interval for all connections of the process instead of a native timer each: connections keep their deadlines as
 * numbers, which cost nothing to move, and are asked four times a second.
 */
export class Deadlines {
  /** Monotonic milliseconds, as of the last tick: no system call to read. */
  now = performance.now()
  readonly #watched = new Set<Watched>()
  #timer: NodeJS.Timeout | null = null

  watch(item: Watched): void {
    this.#watched.add(item)
    if (this.#timer !== null) return
    this.now = performance.now()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  unwatch(item: Watched): void {
    this.#watched.delete(item)
    if (this.#watched.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  get size(): number {
    return this.#watched.size
  }

  #tick(): void {
    this.now = performance.now()
    for (const item of this.#watched) item.onTick(this.now)
  }
}

export const deadlines = new Deadlines()

/** A deadline that never comes. */
export const NEVER = Number.POSITIVE_INFINITY
