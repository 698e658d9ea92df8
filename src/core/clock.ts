/** How often who watches is asked: what ends by this clock ends at most two of these late. */
export const TICK_MS = 250

/** A deadline that never comes. */
export const NEVER = Number.POSITIVE_INFINITY

export interface Watcher {
  /** Called every tick; `now` as `Clock.now`. */
  onTick(now: number): void
}

/**
 * One coarse clock for everything that must end when nothing moves. A native timer per connection that is moved with
 * every chunk costs more than the chunk; here the hot path stores a number, and one interval of the process asks all.
 *
 * It counts the ticks it got, not the time between them: while the event loop is blocked the clock stands, because what
 * peers sent meanwhile lies unread and nobody may be cut off for our own delay. So it runs slow on a busy box, never fast.
 */
export class Clock {
  /** Milliseconds, as of the last tick; stands while nobody watches. Only differences mean something. */
  now = 0
  readonly #watchers = new Set<Watcher>()
  #timer: NodeJS.Timeout | null = null

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher)
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref()
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    if (this.#watchers.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  get size(): number {
    return this.#watchers.size
  }

  /** The deadline `ms` from here, reached when `now >= it`: a tick more than that, as the next may come at once. */
  after(ms: number): number {
    return this.now + ms + TICK_MS
  }

  /** Whether `ms` have certainly passed since `now` was `since`. */
  passed(since: number, ms: number): boolean {
    return this.now - since >= ms + TICK_MS
  }

  #tick(): void {
    this.now += TICK_MS
    for (const watcher of this.#watchers) watcher.onTick(this.now)
  }
}

export const clock = new Clock()
