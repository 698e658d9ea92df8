import type net from 'node:net'
import { LRUCache } from 'lru-cache'
import { clock, type Watcher } from '../core/clock.ts'
import { WeirError } from '../core/errors.ts'
import type { UpstreamConn, UpstreamInfo, UpstreamTarget } from '../core/exchange.ts'
import type { DialDone, Dialled } from './dial.ts'
import { exceptionKey } from './exception-key.ts'
import { Dialling, Group, Member, type PoolWaiter, takeOut, Waiting } from './group.ts'
import { IdleList } from './idle.ts'
import type { PoolLimits } from './limits.ts'

export interface PoolOptions {
  dial(target: UpstreamTarget, done: DialDone): () => void
  openH1(socket: net.Socket, info: UpstreamInfo): UpstreamConn
  openH2(socket: net.Socket, info: UpstreamInfo): UpstreamConn
  limits: PoolLimits
}

export interface AcquireHandle {
  /** Nothing is called after it. */
  cancel(): void
}

const NOTHING_TO_CANCEL: AcquireHandle = Object.freeze({ cancel: () => {} })
/** Keys remembered as HTTP/1 only. */
const MAX_REMEMBERED = 4096

/**
 * Verified connections to origins, shared only among equal (scheme, address, port, name, source address, exception, owner): a
 * certificate proves one name at one address. Reuse is synchronous and makes no closure.
 */
export class Pool implements Watcher {
  readonly counters = { open: 0, idle: 0, waiting: 0, dialling: 0, dials: 0, dialErrors: 0, reuses: 0 }
  readonly #options: PoolOptions
  readonly #groups = new Map<string, Group>()
  readonly #idle = new IdleList<Member>()
  readonly #h1Keys = new LRUCache<string, true>({ max: MAX_REMEMBERED })
  /** Grows when what certificates are judged by has changed. */
  #era = 0
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  acquire(target: UpstreamTarget, waiter: PoolWaiter): AcquireHandle {
    if (this.#closed) {
      waiter.onDialError(new WeirError('self-draining'), null)
      return NOTHING_TO_CANCEL
    }
    const key = keyOf(target)
    let group = this.#groups.get(key)
    const { client = '' } = target
    const { maxWaiting, maxPerClient } = this.#options.limits
    const member = group?.take(target) ?? null
    if (member !== null) {
      this.#give(member, waiter, client)
      return NOTHING_TO_CANCEL
    }
    if (group === undefined) {
      group = new Group(key, target.scheme === 'http' || this.#h1Keys.has(key), maxPerClient)
      if (this.#groups.size === 0) clock.watch(this)
      this.#groups.set(key, group)
    }
    const { length } = group.queue
    if (length >= maxWaiting || (length >= maxWaiting / 2 && group.mostAre(client, maxWaiting / 2))) {
      waiter.onDialError(new WeirError('self-overloaded', 'Too many requests wait for this web server.'), null)
      return NOTHING_TO_CANCEL
    }
    return this.#enqueue(group, new Waiting(target, waiter, clock.now))
  }

  /** Ends all that rests, lets the busy finish, refuses who waits and who comes. */
  close(): void {
    this.#closed = true
    for (const group of [...this.#groups.values()]) {
      for (const dialling of group.dials.splice(0)) this.#giveUp(dialling)
      const waiting = group.queue.splice(0)
      this.counters.waiting -= waiting.length
      for (const one of waiting) one.waiter.onDialError(new WeirError('self-draining'), null)
    }
    while (this.#idle.oldest !== null) this.#retire(this.#idle.oldest)
    for (const group of [...this.#groups.values()]) this.#forgetIfEmpty(group)
  }

  /**
   * Certificates are judged by something else from now on (a root is distrusted): connections that were judged before
   * finish what they carry and take nothing new, and what is being dialled is dialled again.
   */
  renew(): void {
    this.#era++
    for (const group of [...this.#groups.values()]) {
      for (const dialling of group.dials.splice(0)) this.#giveUp(dialling)
      this.#dialFor(group)
    }
    while (this.#idle.oldest !== null) this.#retire(this.#idle.oldest)
  }

  onTick(): void {
    const { idleMs } = this.#options.limits
    let oldest = this.#idle.oldest
    while (oldest !== null && clock.passed(oldest.idleSince, idleMs)) {
      this.#retire(oldest)
      oldest = this.#idle.oldest
    }
    if (this.counters.waiting === 0) return
    for (const group of this.#groups.values()) this.#dropLate(group)
  }

  // ── waiting and dialling ─────────────────────────────────────────────────────────────────────────────────────────

  #enqueue(group: Group, waiting: Waiting): AcquireHandle {
    group.queue.push(waiting)
    this.counters.waiting++
    this.#dialFor(group)
    return { cancel: () => this.#cancel(group, waiting) }
  }

  #cancel(group: Group, waiting: Waiting): void {
    if (!takeOut(group.queue, waiting)) return
    this.counters.waiting--
    // Nobody waits for it any more: a client that comes and goes must not leave dials behind.
    const surplus = group.dials.findLast(dialling => dialling.offersH2 === waiting.target.allowH2)
    if (surplus !== undefined && group.dialling(surplus.offersH2) > group.wanted(surplus.offersH2)) {
      takeOut(group.dials, surplus)
      this.#giveUp(surplus)
      this.#dialFor(group)
    }
    this.#forgetIfEmpty(group)
  }

  #giveUp(dialling: Dialling): void {
    dialling.over = true
    this.counters.dialling--
    dialling.cancel?.()
  }

  #dialFor(group: Group): void {
    for (const offersH2 of [true, false]) {
      while (
        group.dialling(offersH2) < group.wanted(offersH2) &&
        group.open + group.dials.length < this.#options.limits.maxPerKey
      ) {
        const first = group.queue.find(waiting => waiting.target.allowH2 === offersH2)
        if (first === undefined) break
        this.#dial(group, first.target)
      }
    }
    // Only the places are missing, and some are taken by what nobody in the queue may use
    const [oldest] = group.idleH1
    if (oldest !== undefined && group.dialling(true) < group.wanted(true)) this.#retire(oldest)
  }

  #dial(group: Group, target: UpstreamTarget): void {
    const dialling = new Dialling(target.allowH2)
    group.dials.push(dialling)
    this.counters.dialling++
    this.counters.dials++
    dialling.cancel = this.#options.dial(target, (error, result, info) => {
      if (dialling.over) {
        result?.socket.destroy()
        return
      }
      dialling.over = true
      takeOut(group.dials, dialling)
      this.counters.dialling--
      if (result === null) this.#failed(group, dialling, error ?? new WeirError('origin-unreachable'), info)
      else this.#opened(group, dialling, result)
      this.#dialFor(group)
      this.#forgetIfEmpty(group)
    })
  }

  #failed(group: Group, dialling: Dialling, error: WeirError, info: UpstreamInfo | null): void {
    this.counters.dialErrors++
    // A dial that all shared fails for all. Else for the one that has been waiting longest, unless another dial is its.
    const shared = dialling.offersH2 && !group.speaksH1
    let toFail = shared ? group.waiting(true) : group.waiting(dialling.offersH2) - group.dialling(dialling.offersH2)
    if (!shared) toFail = Math.min(1, toFail)
    for (; toFail > 0; toFail--) {
      const at = group.queue.findIndex(waiting => waiting.target.allowH2 === dialling.offersH2)
      if (at === -1) return
      const [waiting] = group.queue.splice(at, 1)
      this.counters.waiting--
      waiting?.waiter.onDialError(error, info)
    }
  }

  #opened(group: Group, dialling: Dialling, { socket, info }: Dialled): void {
    const h2 = info.alpn === 'h2'
    if (h2) this.#h1Keys.delete(group.key)
    else if (dialling.offersH2) this.#h1Keys.set(group.key, true)
    if (dialling.offersH2) group.speaksH1 = !h2
    const conn = h2 ? this.#options.openH2(socket, info) : this.#options.openH1(socket, info)
    const member = new Member(conn, group, this.#era)
    group.open++
    this.counters.open++
    conn.onAvailable = () => this.#available(member)
    conn.onClosed = () => this.#gone(member)
    if (h2) group.h2.push(member)
    this.#available(member)
  }

  // ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** It may be able to take more: serve the queue, then rest. */
  #available(member: Member): void {
    const { group, conn } = member
    group.release(member)
    if (member.era !== this.#era) this.#retire(member)
    while (member.usable && conn.capacity() > 0) {
      const waiting = group.nextFor(member)
      if (waiting === null) {
        this.#rest(member)
        if (group.queue.length > 0) this.#dialFor(group)
        return
      }
      this.counters.waiting--
      this.#give(member, waiting.waiter, waiting.target.client ?? '')
    }
  }

  #give(member: Member, waiter: PoolWaiter, client: string): void {
    const reused = member.used
    member.used = true
    if (reused) this.counters.reuses++
    const h1 = member.conn.version === 11
    if (h1) this.#unrest(member)
    else this.#touch(member)
    member.group.use(member, client)
    waiter.onConn(member.conn, reused)
    // The waiter had changed its mind and sent nothing.
    if (h1 && member.usable && member.idleSince === -1 && member.conn.capacity() > 0) {
      member.group.release(member)
      this.#rest(member)
    }
  }

  #rest(member: Member): void {
    if (this.#closed || member.era !== this.#era) {
      this.#retire(member)
      return
    }
    if (member.conn.version === 11 && member.idleSince === -1) member.group.idleH1.push(member)
    this.#touch(member)
    const { oldest } = this.#idle
    if (this.#idle.size > this.#options.limits.maxIdle && oldest !== null) this.#retire(oldest)
  }

  #touch(member: Member): void {
    this.#idle.touch(member, clock.now)
    this.counters.idle = this.#idle.size
  }

  #unrest(member: Member): void {
    if (member.idleSince === -1) return
    takeOut(member.group.idleH1, member)
    this.#idle.remove(member)
    this.counters.idle = this.#idle.size
  }

  /** Gives it to nobody any more; it closes when its exchanges are over. */
  #retire(member: Member): void {
    member.usable = false
    this.#unrest(member)
    takeOut(member.group.h2, member)
    member.conn.close()
  }

  #gone(member: Member): void {
    if (member.gone) return
    member.gone = true
    member.usable = false
    member.group.release(member)
    this.#unrest(member)
    takeOut(member.group.h2, member)
    member.group.open--
    this.counters.open--
    this.#dialFor(member.group)
    this.#forgetIfEmpty(member.group)
  }

  #dropLate(group: Group): void {
    const { waitMs } = this.#options.limits
    // The queue is in the order of arrival.
    while (group.queue.length > 0 && clock.passed(group.queue[0]!.since, waitMs)) {
      const waiting = group.queue[0]!
      this.#cancel(group, waiting)
      waiting.waiter.onDialError(new WeirError('self-overloaded', 'No connection became free in time.'), null)
    }
  }

  #forgetIfEmpty(group: Group): void {
    if (!group.empty || this.#groups.get(group.key) !== group) return
    this.#groups.delete(group.key)
    if (this.#groups.size === 0) clock.unwatch(this)
  }
}

function keyOf(target: UpstreamTarget): string {
  const { scheme, addr, port, name, sourceAddr, exception, owner } = target
  return `${scheme}|${addr}|${port}|${name}|${sourceAddr ?? ''}|${exceptionKey(exception)}|${owner ?? ''}`
}
