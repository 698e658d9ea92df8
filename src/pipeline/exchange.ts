import type { Duplex } from 'node:stream'
import { WeirError } from '../core/errors.ts'
import type {
  ClientEvents,
  ClientStream,
  Exchange,
  LocalReply,
  ResponseHead,
  UpstreamConn,
  UpstreamEvents,
  UpstreamInfo,
  UpstreamStream,
} from '../core/exchange.ts'
import type { HeaderList } from '../core/headers.ts'
import { Answering, plainReply } from './answering.ts'
import { bindsUser, cacheScope, mayCarry, maySendAgain, originTarget, underException } from './origin.ts'
import type { CacheEntry, CacheWriter, Stations, UpstreamWaiter } from './stations.ts'

/** A request whose reused connection died under it is sent again this often before the client hears of it. */
const MAX_RETRIES = 2

/**
 * One request's way:
 *
 *   request filters → cache → upstream → response filters → reply → log
 *
 * Runs synchronously as far as it can. It is itself the listener of both sides (ClientEvents, UpstreamEvents), so an
 * exchange costs this one object. Bodies flow straight through with each side's back-pressure; nothing is collected.
 * Longer than a file should be, because the order is the point: what each step may still do depends on those before it.
 */
export class ExchangeRun extends Answering implements ClientEvents, UpstreamEvents, UpstreamWaiter {
  /** Called once an upgraded byte stream is over; the HTTP server has let go of the socket by then. */
  readonly #onUpgradeOver: (error: WeirError | null) => void
  #acquiring: { cancel(): void } | null = null
  #upstream: UpstreamStream | null = null
  #writer: CacheWriter | null = null
  /** The stored answer under revalidation. */
  #stale: CacheEntry | null = null
  /** Between the head of a 304 to our conditions and its end; then what to answer with (null: ask again). */
  #waitsForNotModified = false
  #afterNotModified: CacheEntry | null = null
  /** The response head is with the filters. */
  #deciding = false
  /** The origin's body waits because they take their time; and if it had ended by then, with what. */
  #held = false
  #heldEnd: { trailers: HeaderList | null } | null = null
  #sentAtMs = 0
  #retries = 0

  constructor(
    stations: Stations,
    ex: Exchange,
    client: ClientStream,
    onUpgradeOver: (error: WeirError | null) => void,
  ) {
    super(stations, ex, client)
    this.#onUpgradeOver = onUpgradeOver
  }

  start(): void {
    this.ex.conn.exchanges++
    if (bindsUser(this.ex.request)) this.ex.conn.userBound = true
    this.stations.counters.exchanges++
    const loop = this.stations.hop.request(this.ex.request, this.stations.policy().headers)
    if (loop !== null) {
      this.#fail(loop)
      return
    }
    this.stations.filters.runRequest(this.ex, this.#afterRequestFilters)
  }

  readonly #afterRequestFilters = (reply: LocalReply | null): void => {
    if (this.over) return
    if (reply !== null) this.replyLocally(reply)
    else if (!this.#answeredFromCache()) this.#goUpstream()
  }

  // ── cache ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #answeredFromCache(): boolean {
    const { cache } = this.stations
    const { request } = this.ex
    if (cache === null || request.upgrade !== null) return false
    const overlooked = underException(this.ex, this.stations)
    if (overlooked || this.ex.conn.userBound) {
      this.ex.cache = 'bypass'
      this.ex.cacheReason = overlooked ? 'exception' : 'authorization'
      return false
    }
    const found = cache.lookup(request, cacheScope(this.ex), this.ex.startedAt)
    switch (found.kind) {
      case 'fresh':
        this.ex.cache = 'hit'
        this.replyFromCache(found.entry)
        return true
      case 'stale':
        this.#stale = found.entry
        request.headers.push(...cache.conditional(found.entry, request))
        break
      case 'unsatisfiable': // RFC 9111 §5.2.1.7: only-if-cached without a stored answer is 504
        this.ex.cache = 'miss'
        this.ex.cacheReason = found.reason
        this.replyLocally(plainReply(504, 'The answer is not in the cache, and the request allows nothing else.\n'))
        return true
      case 'miss':
      case 'bypass':
        break
    }
    this.ex.cache = found.kind === 'bypass' ? 'bypass' : 'miss'
    this.ex.cacheReason = found.reason
    return false
  }

  // ── upstream ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #goUpstream(): void {
    this.#acquiring = this.stations.acquire(originTarget(this.ex, this.stations), this)
    if (this.over || this.#upstream !== null) this.#acquiring = null
  }

  onConn(conn: UpstreamConn, reused: boolean): void {
    this.#acquiring = null
    const ex = this.ex
    ex.upstream = conn.info
    ex.conn.originTlsVersion = conn.info.tlsVersion
    ex.conn.exception = conn.info.exception
    ex.conn.revocation = conn.info.revocation
    if (!mayCarry(ex, conn.info, this.stations)) {
      this.#fail(
        new WeirError(
          'client-misdirected',
          'The certificate of the web server does not name it, or it is not to be opened.',
        ),
      )
      return
    }
    ex.upstreamReused = reused
    ex.upstreamReadyMono = performance.now()
    this.#sentAtMs = Date.now()
    this.#upstream = conn.send(ex.request, this)
    if (!this.over) this.client.resumeBody()
  }

  onDialError(error: WeirError, info: UpstreamInfo | null): void {
    this.#acquiring = null
    this.ex.upstream = info
    this.#fail(error)
  }

  onRequestData(chunk: Buffer): boolean {
    this.ex.requestBytes += chunk.length
    this.stations.passed(chunk.length)
    return this.#upstream === null ? false : this.#upstream.data(chunk)
  }

  onRequestEnd(trailers: HeaderList | null): void {
    this.#upstream?.end(this.stations.hop.trailers(trailers))
  }

  onUpstreamDrain(): void {
    this.client.resumeBody()
  }

  // ── response ─────────────────────────────────────────────────────────────────────────────────────────────────────

  onInformational(status: number, headers: HeaderList): void {
    this.stations.hop.interim(headers)
    this.client.informational(status, headers)
  }

  onResponseHead(head: ResponseHead): void {
    const ex = this.ex
    ex.firstByteMono = performance.now()
    this.stations.hop.response(head, this.stations.policy().headers)
    ex.response = head
    this.#deciding = true
    this.stations.filters.runResponse(ex, this.#afterResponseFilters)
    if (!this.#deciding) return
    this.#held = true
    this.#upstream?.pause()
  }

  /** RFC 9111 §4.3.4: the 304 freshens what is stored, and that answers the client once the 304 is over. */
  #revalidated(head: ResponseHead): void {
    const { cache } = this.stations
    const stale = this.#stale!
    this.#stale = null
    this.#afterNotModified = this.#isForAll()
      ? cache!.freshen(stale, this.ex.request, head, this.#sentAtMs, Date.now())
      : null
    this.#waitsForNotModified = true
    if (this.#afterNotModified === null) cache!.unconditional(stale, this.ex.request)
    else this.ex.cache = 'revalidated'
  }

  #answerAfterNotModified(): void {
    this.#waitsForNotModified = false
    const entry = this.#afterNotModified
    if (entry === null) this.#goUpstream()
    else this.replyFromCache(entry)
  }

  readonly #afterResponseFilters = (reply: LocalReply | null): void => {
    if (!this.#deciding) return // it failed while they thought
    this.#deciding = false
    if (reply !== null) {
      this.ex.response = null
      this.#release()
      this.replyLocally(reply)
      return
    }
    const head = this.ex.response!
    if (this.#stale !== null && head.status === 304) this.#revalidated(head)
    else this.#passOn(head)
    if (this.#held) this.#letGo()
  }

  #passOn(head: ResponseHead): void {
    this.#stale = null
    if (this.stations.cache !== null) this.#offerToCache(head)
    this.headSent = true
    this.client.head(head)
  }

  #letGo(): void {
    const end = this.#heldEnd
    this.#held = false
    this.#heldEnd = null
    if (end === null) this.#upstream?.resume()
    else this.onResponseEnd(end.trailers)
  }

  #offerToCache(head: ResponseHead): void {
    const { cache } = this.stations
    const ex = this.ex
    cache!.invalidate(ex.request, head)
    if (ex.cache === 'bypass' || ex.request.upgrade !== null || !this.#isForAll()) return
    const writer = cache!.begin(ex.request, head, cacheScope(this.ex), this.#sentAtMs, Date.now())
    if (typeof writer === 'string') ex.cacheReason = writer
    else this.#writer = writer
  }

  /** May it reach others through the cache? Asked again here: an attempt after the look into the cache may differ. */
  #isForAll(): boolean {
    return this.ex.upstream?.exception === '' && !this.ex.conn.userBound
  }

  onResponseData(chunk: Buffer): boolean {
    if (this.#waitsForNotModified) return true
    this.ex.responseBytes += chunk.length
    this.stations.passed(chunk.length)
    this.#writer?.write(chunk)
    return this.client.data(chunk)
  }

  onResponseEnd(trailers: HeaderList | null): void {
    this.#upstream = null
    if (this.#deciding) {
      this.#heldEnd = { trailers }
      return
    }
    if (this.#waitsForNotModified) {
      this.#answerAfterNotModified()
      return
    }
    this.#writer?.end(true)
    this.#writer = null
    this.client.end(this.stations.hop.trailers(trailers))
  }

  onUpgraded(head: ResponseHead, origin: Duplex): void {
    this.#upstream = null
    const ex = this.ex
    this.stations.hop.response(head, this.stations.policy().headers)
    ex.response = head
    ex.firstByteMono = performance.now()
    this.headSent = true
    const client = this.client.upgrade(head)
    if (client === null) {
      origin.destroy()
      this.#fail(new WeirError('origin-bad-response', 'It switched protocols where that is not possible.'))
      return
    }
    const counters = { bytesUp: 0, bytesDown: 0 }
    this.stations.relay(client, { stream: origin, reader: null }, counters, error => {
      ex.requestBytes += counters.bytesUp
      ex.responseBytes += counters.bytesDown
      this.finish(error?.code === 'idle-timeout' ? null : error)
      this.#onUpgradeOver(error)
    })
  }

  onClientDrain(): void {
    if (this.pending !== null) this.sendPending()
    else if (!this.#held) this.#upstream?.resume()
  }

  // ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  onUpstreamError(error: WeirError): void {
    this.#upstream = null
    const untouched = !this.headSent && !this.#waitsForNotModified
    if (untouched && this.#retries < MAX_RETRIES && maySendAgain(this.ex, error)) {
      this.#retries++
      this.#goUpstream()
      return
    }
    this.#fail(error)
  }

  onClientError(error: WeirError): void {
    this.#release()
    this.finish(error)
  }

  onClientDone(): void {
    this.finish(null)
  }

  /** Any failure on our way or the origin's: a page if nothing was sent yet, else a visible cut. */
  #fail(error: WeirError): void {
    if (this.over) return
    this.ex.error = error
    if (error.code === 'origin-client-cert') this.stations.clientCertWanted(this.ex.conn)
    const cut = this.headSent
    this.#release()
    if (cut) {
      this.client.abort(error)
      this.finish(error)
    } else {
      this.ex.response = null
      this.replyLocally(this.stations.errorPage(this.ex, error))
    }
  }

  #release(): void {
    this.#acquiring?.cancel()
    this.#acquiring = null
    this.#upstream?.abort()
    this.#upstream = null
    this.#writer?.end(false)
    this.#writer = null
    this.pending = null
    this.#deciding = false
  }
}
