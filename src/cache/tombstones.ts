import { LRUCache } from 'lru-cache'

const MAX_TOMBSTONES = 4096

/**
 * Remembers when an address was invalidated or purged, because an answer asked for before that moment may arrive after
 * it and must not be stored. Bounded: forgetting one makes every answer asked for before it suspect, never the reverse.
 */
export class Tombstones {
  /** Everything asked for up to this moment is suspect. */
  #floorMs = 0
  readonly #at: LRUCache<string, number>

  constructor() {
    this.#at = new LRUCache<string, number>({
      max: MAX_TOMBSTONES,
      dispose: (atMs, _key, reason) => {
        if (reason === 'evict') this.#floorMs = Math.max(this.#floorMs, atMs)
      },
    })
  }

  /** `key`: a URI, or a host name for all of its URIs; null for everything. */
  mark(key: string | null, nowMs: number): void {
    if (key === null) this.#floorMs = Math.max(this.#floorMs, nowMs)
    else this.#at.set(key, nowMs)
  }

  /** May the answer to a request sent at that time be from before an invalidation? */
  covers(uri: string, host: string, requestMs: number): boolean {
    return (
      requestMs <= this.#floorMs || requestMs <= (this.#at.peek(uri) ?? 0) || requestMs <= (this.#at.peek(host) ?? 0)
    )
  }
}
