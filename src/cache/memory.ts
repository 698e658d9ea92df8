import type { RequestHead, ResponseHead } from '../core/exchange.ts'
import { type HeaderList, headerAll, headerGet, headerHas, headerRemove } from '../core/headers.ts'
import { type Answer, answerFrom } from './answer.ts'
import { type Directives, parseCacheControl } from './directives.ts'
import { Entry, type EntryInit, storedFields, textLength, validatorsOf } from './entry.ts'
import { EntryMap } from './entry-map.ts'
import { ageMs, type Freshness, freshnessOf, mayBeShared, refusal, staleness } from './freshness.ts'
import { uriOf, varyKey } from './key.ts'
import type { BypassReason, MissReason, StaleReason, StoreRefusal } from './reasons.ts'
import { Tombstones } from './tombstones.ts'
import { headDisagrees, invalidatedUris, isAbout, mergedFields } from './update.ts'
import { BodyWriter, type Draft, type Shelf } from './writer.ts'

export interface MemoryCacheOptions {
  /** Everything together: bodies, heads, overhead, unfinished answers. 0: nothing is cached. */
  maxBytes: number
  /** Tell clients by Cache-Status (RFC 9211). */
  cacheStatus: boolean
  /** Wall clock in milliseconds, for invalidation; Date.now unless told. */
  now?: () => number
}

export type Lookup =
  | { kind: 'bypass'; reason: BypassReason }
  | { kind: 'miss'; reason: MissReason }
  /** `ageSeconds` may exceed the lifetime when the client said max-stale. */
  | { kind: 'fresh'; entry: Entry; ageSeconds: number }
  | { kind: 'stale'; entry: Revalidation; reason: StaleReason }
  /** only-if-cached, and nothing to answer with: 504. */
  | { kind: 'unsatisfiable'; reason: MissReason | BypassReason }

export interface CacheCounters {
  entries: number
  /** Of the entries. */
  bytes: number
  /** Of answers still being written. */
  unfinishedBytes: number
  hits: number
  evictions: number
}

/** A stored answer on its way through a validation, with what the client itself had asked. */
export class Revalidation {
  readonly entry: Entry
  /** The request's fields before ours took the place of its own conditions. */
  readonly clientHeaders: HeaderList
  /** The origin said 304. */
  readonly validated: boolean
  /** Set-Cookie of the 304: for this client alone. */
  readonly cookies: string[]
  constructor(entry: Entry, clientHeaders: HeaderList, validated: boolean, cookies: string[]) {
    this.entry = entry
    this.clientHeaders = clientHeaders
    this.validated = validated
    this.cookies = cookies
  }
}

const MAX_OBJECT_BYTES = 8 * 1024 * 1024
const MAX_WRITERS = 1024
/** A head grown by one 304 after the other is dropped beyond this. */
const MAX_HEAD_BYTES = 65_536
/** The client's own conditions: answered here, from what the validation leaves stored. */
const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-range', 'range']

/** A shared cache (RFC 9111) in memory. Everything is synchronous; times are wall-clock milliseconds given by the caller. */
export class MemoryCache implements Shelf {
  readonly #entries: EntryMap
  readonly #tombstones = new Tombstones()
  readonly #enabled: boolean
  readonly #cacheStatus: boolean
  readonly #now: () => number
  readonly #maxObjectBytes: number
  readonly #maxUnfinishedBytes: number
  #unfinishedBytes = 0
  #writers = 0
  #hits = 0

  constructor(options: MemoryCacheOptions) {
    this.#enabled = options.maxBytes > 0
    this.#cacheStatus = options.cacheStatus
    this.#now = options.now ?? Date.now
    // An eighth for what is being written, the rest for what is stored: the sum is the budget.
    this.#maxUnfinishedBytes = Math.ceil(options.maxBytes / 8)
    this.#maxObjectBytes = Math.min(MAX_OBJECT_BYTES, Math.floor(options.maxBytes / 8))
    this.#entries = new EntryMap(Math.max(1, options.maxBytes - this.#maxUnfinishedBytes))
  }

  get counters(): CacheCounters {
    return {
      entries: this.#entries.entries,
      bytes: this.#entries.bytes,
      unfinishedBytes: this.#unfinishedBytes,
      hits: this.#hits,
      evictions: this.#entries.evictions,
    }
  }

  /** `scope`: '' when the origin proved the host name, else the address asked. */
  lookup(request: RequestHead, scope: string, nowMs: number): Lookup {
    const wanted = parseCacheControl(request.headers)
    const bypass = this.#bypass(request, wanted)
    if (bypass !== null)
      return wanted.onlyIfCached && bypass !== 'disabled' ? none(bypass) : { kind: 'bypass', reason: bypass }
    const entry = this.#entries.select(uriOf(request), scope, request.headers)
    if (entry === null) return missed(wanted, 'absent')
    if (entry === 'other-variant') return missed(wanted, 'vary')
    if (!entry.shareable && headerHas(request.headers, 'authorization')) return missed(wanted, 'authorization')
    const reason = staleness(entry.freshness, wanted, pragmaNoCache(request.headers), nowMs)
    if (reason === null) {
      this.#hits++
      return { kind: 'fresh', entry, ageSeconds: Math.floor(ageMs(entry.freshness, nowMs) / 1000) }
    }
    if (wanted.onlyIfCached || !entry.hasValidator) return missed(wanted, reason)
    return { kind: 'stale', entry: new Revalidation(entry, request.headers.slice(), false, []), reason }
  }

  #bypass(request: RequestHead, wanted: Directives): BypassReason | null {
    if (!this.#enabled) return 'disabled'
    if (request.method !== 'GET' && request.method !== 'HEAD') return 'method'
    if (request.upgrade !== null) return 'upgrade'
    if (request.bodyLength !== 0) return 'body'
    if (wanted.noStore) return 'no-store'
    // Only the origin can evaluate these (RFC 9111 §4.3.2).
    if (headerHas(request.headers, 'if-match') || headerHas(request.headers, 'if-unmodified-since'))
      return 'precondition'
    return null
  }

  /**
   * Takes the client's own conditions and range out of `request.headers`, in place, and returns the fields to append so
   * that the origin may answer 304 about what is stored. A 304 then always means ours, and `answer` serves the client's.
   */
  conditional(revalidation: Revalidation, request: RequestHead): HeaderList {
    for (const name of CONDITIONS) headerRemove(request.headers, name)
    const { etag, lastModified } = revalidation.entry
    const out: HeaderList = []
    if (etag !== null) out.push('If-None-Match', etag)
    if (lastModified !== null) out.push('If-Modified-Since', lastModified)
    return out
  }

  /** The opposite: the request as the client sent it, for another attempt after a 304 that did not fit. */
  unconditional(revalidation: Revalidation, request: RequestHead): void {
    request.headers = revalidation.clientHeaders.slice()
  }

  /** What the client gets from a stored answer: 200, 206, 304, 416 or the stored status. */
  answer(found: Entry | Revalidation, request: RequestHead, nowMs: number): Answer {
    if (found instanceof Entry) {
      return answerFrom(found, request.method, request.headers, nowMs, this.#cacheStatus ? 'hit' : null)
    }
    const status = this.#cacheStatus ? (found.validated ? 'revalidated' : 'hit') : null
    const answer = answerFrom(found.entry, request.method, found.clientHeaders, nowMs, status)
    for (const cookie of found.cookies) answer.headers.push('Set-Cookie', cookie)
    return answer
  }

  /** Takes the answer into the store while it passes, or says why not. `request` as the origin saw it. */
  begin(
    request: RequestHead,
    response: ResponseHead,
    scope: string,
    requestMs: number,
    responseMs: number,
  ): BodyWriter | StoreRefusal {
    if (!this.#enabled) return 'disabled'
    if (request.method === 'HEAD') this.#compareHead(request, response, scope)
    const draft = this.#draft(request, response.status, response.headers, scope, requestMs, responseMs)
    if (typeof draft === 'string') return draft
    if (response.bodyLength > this.#maxObjectBytes) return 'too-large'
    if (this.#tombstones.covers(draft.uri, draft.host, requestMs)) return 'invalidated'
    if (this.#writers >= MAX_WRITERS || this.#unfinishedBytes >= this.#maxUnfinishedBytes) return 'busy'
    this.#writers++
    const finished = { entry: draft, request: request.headers.slice(), requestMs }
    return new BodyWriter(this, finished, response.bodyLength, this.#maxObjectBytes)
  }

  /** Everything about an entry but its body, or why there can be none. */
  #draft(
    request: RequestHead,
    status: number,
    headers: HeaderList,
    scope: string,
    requestMs: number,
    responseMs: number,
  ): EntryInit | StoreRefusal {
    const directives = parseCacheControl(headers)
    const refused = refusal(request, status, headers, parseCacheControl(request.headers), directives)
    if (refused !== null) return refused
    const vary = varyKey(request.headers, headers)
    if (vary === null) return 'vary'
    const freshness = freshnessOf(headers, directives, requestMs, responseMs)
    const useless = uselessness(freshness, headers, responseMs)
    if (useless !== null) return useless
    const fields = storedFields(headers)
    if (textLength(fields) + textLength(vary) > MAX_HEAD_BYTES) return 'too-large'
    return {
      uri: uriOf(request),
      host: request.host,
      scope,
      status,
      headers: fields,
      vary,
      freshness,
      shareable: mayBeShared(directives),
      body: [],
      bodyLength: 0,
    }
  }

  #compareHead(request: RequestHead, response: ResponseHead, scope: string): void {
    if (response.status !== 200) return
    const entry = this.#entries.select(uriOf(request), scope, request.headers)
    if (entry instanceof Entry && headDisagrees(entry, response)) this.#entries.delete(entry)
  }

  /**
   * After a 304 to our conditions: what to answer from, stored again when it may be. Null: the 304 is about something
   * else; what was stored is dropped, and the request must be sent again `unconditional`.
   */
  freshen(
    revalidation: Revalidation,
    request: RequestHead,
    response: ResponseHead,
    requestMs: number,
    responseMs: number,
  ): Revalidation | null {
    const old = revalidation.entry
    if (!isAbout(old, response.headers)) {
      this.#entries.delete(old)
      return null
    }
    const client = revalidation.clientHeaders
    const headers = mergedFields(old.headers, response.headers)
    const asGet = { ...request, method: 'GET', headers: client }
    const draft = this.#draft(asGet, old.status, headers, old.scope, requestMs, responseMs)
    const kept = typeof draft !== 'string' && !this.#tombstones.covers(old.uri, old.host, requestMs)
    const freshness = freshnessOf(headers, parseCacheControl(headers), requestMs, responseMs)
    const init = typeof draft === 'string' ? { ...old, headers, freshness } : draft
    const entry = new Entry({ ...init, body: old.body, bodyLength: old.bodyLength })
    // Gone or replaced meanwhile: then this answers its own client and nobody else.
    if (this.#entries.has(old)) {
      if (kept) this.#entries.put(entry, client)
      this.#entries.delete(old)
    }
    this.#hits++
    return new Revalidation(entry, client, true, headerAll(response.headers, 'set-cookie'))
  }

  /** After any response: drops what an unsafe method made invalid, in every scope. Returns how many entries. */
  invalidate(request: RequestHead, response: ResponseHead): number {
    let dropped = 0
    for (const uri of invalidatedUris(request, response)) {
      this.#tombstones.mark(uri, this.#now())
      dropped += this.#entries.deleteUri(uri)
    }
    return dropped
  }

  /** Drops everything of a host name (exactly that name), or everything. Returns how many entries. */
  purge(host: string | null): number {
    this.#tombstones.mark(host, this.#now())
    return this.#entries.deleteHost(host)
  }

  // ── Shelf, for the writers ───────────────────────────────────────────────────────────────────────────────────────

  claim(bytes: number): boolean {
    if (this.#unfinishedBytes + bytes > this.#maxUnfinishedBytes) return false
    this.#unfinishedBytes += bytes
    return true
  }

  put(draft: Draft, body: Buffer[], length: number): void {
    if (this.#tombstones.covers(draft.entry.uri, draft.entry.host, draft.requestMs)) return
    this.#entries.put(new Entry({ ...draft.entry, body, bodyLength: length }), draft.request)
  }

  release(bytes: number): void {
    this.#unfinishedBytes -= bytes
    this.#writers--
  }
}

function missed(wanted: Directives, reason: MissReason): Lookup {
  return wanted.onlyIfCached ? none(reason) : { kind: 'miss', reason }
}

function none(reason: MissReason | BypassReason): Lookup {
  return { kind: 'unsatisfiable', reason }
}

/** What is stale at birth and cannot be validated would only take room. */
function uselessness(f: Freshness, headers: HeaderList, nowMs: number): StoreRefusal | null {
  if (!f.alwaysValidate && f.lifetimeMs > f.initialAgeMs) return null
  const { etag, lastModified } = validatorsOf(headers, nowMs)
  if (etag !== null || lastModified !== null) return null
  return f.lifetimeMs > 0 && !f.alwaysValidate ? 'expired' : 'no-freshness'
}

/** RFC 9111 §5.4: counts only where there is no Cache-Control. */
function pragmaNoCache(headers: HeaderList): boolean {
  const pragma = headerGet(headers, 'pragma')
  return pragma !== null && /(?:^|,)[ \t]*no-cache[ \t]*(?:,|$)/i.test(pragma)
}
