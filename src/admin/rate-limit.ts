import { LRUCache } from 'lru-cache'

interface Window {
  failures: number
  until: number
}

const WINDOW_MS = 5 * 60_000
/** Wrong passwords in one window. More for a user than for an address, so that one stranger cannot lock the user out alone. */
const PER_ADDRESS = 10
const PER_USER = 50
const MAX_KEYS = 10_000
/** Hashes at a time: 19 MiB each. */
const MAX_HASHING = 2

/** Slows down guessing. An attempt is counted before the password is looked at, so that parallel ones cannot slip through. */
export class SignInLimiter {
  private readonly windows = new LRUCache<string, Window>({ max: MAX_KEYS })
  private readonly now: () => number
  private hashing = 0

  constructor(now: () => number = Date.now) {
    this.now = now
  }

  /** Seconds to wait, or 0: go on, and call `end` when the password was looked at. */
  begin(addr: string, user: string): number {
    const wait = Math.max(this.wait(`a ${addr}`, PER_ADDRESS), this.wait(`u ${user}`, PER_USER))
    if (wait > 0) return wait
    if (this.hashing >= MAX_HASHING) return 1
    this.hashing++
    this.count(`a ${addr}`, 1)
    this.count(`u ${user}`, 1)
    return 0
  }

  end(addr: string, user: string, right: boolean): void {
    this.hashing--
    if (!right) return
    this.windows.delete(`a ${addr}`)
    this.count(`u ${user}`, -1)
  }

  private wait(key: string, limit: number): number {
    const window = this.windows.get(key)
    if (window === undefined || window.until <= this.now() || window.failures < limit) return 0
    return Math.ceil((window.until - this.now()) / 1000)
  }

  private count(key: string, by: number): void {
    const window = this.windows.get(key)
    if (window === undefined || window.until <= this.now()) {
      if (by > 0) this.windows.set(key, { failures: by, until: this.now() + WINDOW_MS })
    } else window.failures = Math.max(0, window.failures + by)
  }
}
