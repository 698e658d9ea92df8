import { LRUCache } from 'lru-cache'
import type { HeaderList } from '../core/headers.ts'
import type { Entry } from './entry.ts'
import { varyMatches } from './key.ts'

/**
 * Entries of one URI over all variants and scopes. A page that varies by User-Agent, or a client that forges a Host from
 * many addresses, pushes out its own oldest entries instead of everybody's, and no lookup compares more than these.
 */
export const MAX_ENTRIES_PER_URI = 32

/** The entries, findable by URI, together never larger than the budget; the least recently used go first. */
export class EntryMap {
  readonly #recent: LRUCache<Entry, Entry>
  readonly #byUri = new Map<string, Entry[]>()
  #evictions = 0

  constructor(maxBytes: number) {
    this.#recent = new LRUCache<Entry, Entry>({
      maxSize: maxBytes,
      dispose: (entry, _key, reason) => {
        if (reason === 'evict') this.#evictions++
        this.#unlink(entry)
      },
    })
  }

  get entries(): number {
    return this.#recent.size
  }
  get bytes(): number {
    return this.#recent.calculatedSize
  }
  get evictions(): number {
    return this.#evictions
  }

  /** The newest entry of the scope whose nominated fields match (RFC 9111 §4.1); `other-variant` when only others are there. */
  select(uri: string, scope: string, request: HeaderList): Entry | 'other-variant' | null {
    const list = this.#byUri.get(uri)
    if (list === undefined) return null
    let others = false
    for (let i = list.length - 1; i >= 0; i--) {
      const entry = list[i]!
      if (entry.scope !== scope) continue
      if (varyMatches(entry.vary, request)) {
        this.#recent.get(entry)
        return entry
      }
      others = true
    }
    return others ? 'other-variant' : null
  }

  has(entry: Entry): boolean {
    return this.#recent.has(entry)
  }

  /** Puts it in the place of every entry that the same request would have found. */
  put(entry: Entry, request: HeaderList): void {
    const before = this.#byUri.get(entry.uri)
    if (before !== undefined) {
      for (const old of before.slice()) {
        if (old.scope === entry.scope && varyMatches(old.vary, request)) this.delete(old)
      }
      if (before.length >= MAX_ENTRIES_PER_URI) {
        this.#evictions++
        this.delete(before[0]!)
      }
    }
    const list = this.#byUri.get(entry.uri)
    if (list === undefined) this.#byUri.set(entry.uri, [entry])
    else list.push(entry)
    this.#recent.set(entry, entry, { size: entry.size })
    if (!this.#recent.has(entry)) this.#unlink(entry)
  }

  delete(entry: Entry): void {
    this.#recent.delete(entry)
  }

  deleteUri(uri: string): number {
    const list = this.#byUri.get(uri)?.slice() ?? []
    for (const entry of list) this.delete(entry)
    return list.length
  }

  /** Every entry of a host, or all. */
  deleteHost(host: string | null): number {
    let deleted = 0
    for (const entry of [...this.#recent.keys()]) {
      if (host !== null && entry.host !== host) continue
      this.delete(entry)
      deleted++
    }
    return deleted
  }

  #unlink(entry: Entry): void {
    const list = this.#byUri.get(entry.uri)
    const at = list?.indexOf(entry) ?? -1
    if (list === undefined || at < 0) return
    list.splice(at, 1)
    if (list.length === 0) this.#byUri.delete(entry.uri)
  }
}
