/**
 * One coarse clock for everything that must end when nothing moves. A native timer per connection that is refreshed per
 * chunk costs more than the chunk; here the hot path stores one integer (`seen = ticker.tick`) and a single interval
 * looks at all. A blocked event loop makes ticks late, never early, so a busy box does not cut its clients off.
 */
export interface Ticking {
  onTick(tick: number): void
}

export const TICK_MS = 250

/** Whole ticks that last at least `ms`: one more than the quotient, because the first tick may come at once. */
export function ticksFor(ms: number): number {
  return Math.ceil(ms / TICK_MS) + 1
}

class Ticker {
  /** Counts up while anything is registered; only differences mean something. */
  tick = 0
  readonly #items = new Set<Ticking>()
  #timer: NodeJS.Timeout | null = null

  add(item: Ticking): void {
    this.#items.add(item)
    this.#timer ??= setInterval(() => this.#run(), TICK_MS).unref()
  }

  delete(item: Ticking): void {
    this.#items.delete(item)
    if (this.#items.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  #run(): void {
    const tick = ++this.tick
    for (const item of this.#items) item.onTick(tick)
  }
}

export const ticker = new Ticker()
