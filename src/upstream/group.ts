import type { WeirError } from '../core/errors.ts'
import type { UpstreamConn, UpstreamInfo, UpstreamTarget } from '../core/exchange.ts'
import type { IdleItem } from './idle.ts'

export interface PoolWaiter {
  /** Called inside `acquire` when a connection is there; must call `conn.send` at once or not at all. */
  onConn(conn: UpstreamConn, reused: boolean): void
  onDialError(error: WeirError, info: UpstreamInfo | null): void
}

/** A connection of the pool. */
export class Member implements IdleItem {
  readonly conn: UpstreamConn
  readonly group: Group
  /** Of the pool, when its dial began. */
  readonly era: number
  idlePrev: IdleItem | null = null
  idleNext: IdleItem | null = null
  idleSince = -1
  /** Whose exchange it carries, if it is HTTP/1; null: nobody's. */
  client: string | null = null
  /** Has been given to somebody before. */
  used = false
  /** Not closed and not told to. */
  usable = true
  /** Its place in the group's count has been given back. */
  gone = false

  constructor(conn: UpstreamConn, group: Group, era: number) {
    this.conn = conn
    this.group = group
    this.era = era
  }
}

export class Waiting {
  readonly target: UpstreamTarget
  readonly waiter: PoolWaiter
  readonly since: number

  constructor(target: UpstreamTarget, waiter: PoolWaiter, since: number) {
    this.target = target
    this.waiter = waiter
    this.since = since
  }
}

export class Dialling {
  /** Offers h2: whoever may use h2 waits for this one. */
  readonly offersH2: boolean
  cancel: (() => void) | null = null
  over = false

  constructor(offersH2: boolean) {
    this.offersH2 = offersH2
  }
}

/** All connections, dials and waiters of one key. */
export class Group {
  readonly key: string
  /** Resting HTTP/1 connections; the last is the one used last. */
  readonly idleH1: Member[] = []
  readonly h2: Member[] = []
  readonly queue: Waiting[] = []
  readonly dials: Dialling[] = []
  /** HTTP/1 connections in use, by client: one that holds them long must leave some to the others. */
  readonly #inUse = new Map<string, number>()
  readonly #maxPerClient: number
  /** Connections that exist, resting, busy or closing. */
  open = 0
  /** No h2 to be had: every waiter needs a connection of its own. */
  speaksH1: boolean

  constructor(key: string, speaksH1: boolean, maxPerClient: number) {
    this.key = key
    this.speaksH1 = speaksH1
    this.#maxPerClient = maxPerClient
  }

  get empty(): boolean {
    return this.open === 0 && this.queue.length === 0 && this.dials.length === 0
  }

  /** An h2 connection is nobody's alone. */
  use(member: Member, client: string): void {
    if (member.conn.version !== 11) return
    member.client = client
    this.#inUse.set(client, (this.#inUse.get(client) ?? 0) + 1)
  }

  release(member: Member): void {
    const { client } = member
    if (client === null) return
    member.client = null
    const left = this.#inUse.get(client)! - 1
    if (left > 0) this.#inUse.set(client, left)
    else this.#inUse.delete(client)
  }

  #mayTake({ client = '' }: UpstreamTarget): boolean {
    return (this.#inUse.get(client) ?? 0) < this.#maxPerClient
  }

  /** Are `count` or more of those who wait that client's? */
  mostAre(client: string, count: number): boolean {
    return client !== '' && this.queue.filter(({ target }) => target.client === client).length >= count
  }

  /**
   * May it go over HTTP/1? Who may use h2 does so where it is to be had: gRPC is nothing on HTTP/1, whoever else left a
   * connection of that kind behind.
   */
  #takesH1(target: UpstreamTarget): boolean {
    return (!target.allowH2 || this.speaksH1) && this.#mayTake(target)
  }

  /** A connection that can take an exchange now: h2 if allowed, else the HTTP/1 connection used last. */
  take(target: UpstreamTarget): Member | null {
    if (target.allowH2) for (const member of this.h2) if (member.conn.capacity() > 0) return member
    if (!this.#takesH1(target)) return null
    // One that died and has not said so yet has no capacity; its 'closed' comes.
    for (let i = this.idleH1.length - 1; i >= 0; i--) if (this.idleH1[i]!.conn.capacity() > 0) return this.idleH1[i]!
    return null
  }

  /** The first in the queue that this member may serve. */
  nextFor(member: Member): Waiting | null {
    const h1 = member.conn.version === 11
    const at = this.queue.findIndex(({ target }) => (h1 ? this.#takesH1(target) : target.allowH2))
    return at === -1 ? null : (this.queue.splice(at, 1)[0] ?? null)
  }

  waiting(allowH2: boolean): number {
    let count = 0
    for (const waiting of this.queue) if (waiting.target.allowH2 === allowH2) count++
    return count
  }

  dialling(offersH2: boolean): number {
    let count = 0
    for (const dialling of this.dials) if (dialling.offersH2 === offersH2) count++
    return count
  }

  /** How many dials of that kind it needs: one shared by all as long as h2 may come of it, else one for each. */
  wanted(offersH2: boolean): number {
    if (offersH2 && !this.speaksH1) return Math.min(1, this.waiting(true))
    return this.queue.filter(({ target }) => target.allowH2 === offersH2 && this.#mayTake(target)).length
  }
}

/** Takes `item` out of a short list; false when it is not there. */
export function takeOut<T>(list: T[], item: T): boolean {
  const at = list.indexOf(item)
  if (at === -1) return false
  list.splice(at, 1)
  return true
}
