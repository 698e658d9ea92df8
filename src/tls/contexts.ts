import { generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto'
import tls, { type SecureContext } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { LeafCertificate } from '../core/ca.ts'
import { WeirError } from '../core/errors.ts'
import { LeafContext, LeafKey, type LeafKind } from './leaf-key.ts'
import { ipOctets, isHostName } from './name.ts'
import { TICKET_KEY_BYTES } from './tickets.ts'

/** Asks the holder of the CA key for a leaf. `done` is called at most once; a later answer than the limit is dropped. */
export type RequestLeaf = (
  name: string,
  spkiDer: Buffer,
  done: (error: string | null, leaf: LeafCertificate | null) => void,
) => void

export type ContextDone = (error: WeirError | null, context: SecureContext | null) => void

export interface LeafContextsOptions {
  requestLeaf: RequestLeaf
  /** 48 octets each, the one to use first; the same in all workers, so that a client resumes at any of them. */
  ticketKeys: Buffer
  /** What is sent after the leaf: the CA's intermediates; '' when its issuer is the root that clients have. */
  chainPem?: string
  /** Certificates kept; one costs some 2 KiB. */
  maxContexts?: number
  /** Names being minted at one time. */
  maxPending?: number
  /** Of these, for one client: one that makes up names must not leave the others without certificates. */
  maxPendingPerClient?: number
  /** Connections waiting for one name. */
  maxWaitersPerName?: number
  mintMs?: number
  now?: () => number
}

/**
 * Post-quantum first: browsers that offer it must not get less through us. Towards an origin, starred groups are those with
 * a key share in the first ClientHello: with one alone, every origin without ML-KEM would ask for a second hello.
 */
export const GROUPS = supportedGroups(['*X25519MLKEM768', '*X25519', 'P-256', 'P-384'])

const DAY = 24 * 3600_000

interface Entry {
  context: LeafContext
  notBefore: number
  /** From here on a new leaf is asked for. */
  renewAt: number
}

interface Pending {
  /** Who was first to want it. */
  client: string
  waiters: ContextDone[]
  timer: NodeJS.Timeout
}

/** The leaves of one worker: one key of each kind per worker start, one certificate per name. */
export class LeafContexts {
  readonly #options: Required<LeafContextsOptions>
  #ticketKeys: Buffer
  /** Sent after the leaf. */
  #chainPem: string
  readonly #ecdsa: LeafKey
  /** Made when the first client wants it: hardly any does. */
  #rsa: LeafKey | null = null
  #rsaWaiters: ((key: LeafKey | null) => void)[] = []
  /** By name, with the kind of key in front if it is the rare one. */
  readonly #cache: LRUCache<string, Entry>
  readonly #pending = new Map<string, Pending>()
  readonly #pendingOf = new Map<string, number>()

  constructor(options: LeafContextsOptions) {
    this.#options = {
      chainPem: '',
      maxContexts: 4000,
      maxPending: 256,
      maxPendingPerClient: 128,
      maxWaitersPerName: 256,
      mintMs: 5000,
      now: Date.now,
      ...options,
    }
    this.#chainPem = this.#options.chainPem
    this.#ticketKeys = this.#options.ticketKeys
    this.#ecdsa = this.#newKey('ecdsa', generateKeyPairSync('ec', { namedCurve: 'P-256' }))
    this.#cache = new LRUCache({ max: this.#options.maxContexts })
  }

  get size(): number {
    return this.#cache.size
  }

  get pending(): number {
    return this.#pending.size
  }

  /** Another CA signs from now on: what the one before signed is given to nobody any more. */
  useCa(chainPem: string): void {
    this.#chainPem = chainPem
    this.#cache.clear()
  }

  /** New keys for session tickets, 48 octets each: the first seals, the others still open what they sealed. */
  rotate(ticketKeys: Buffer): void {
    if (ticketKeys.length === 0 || ticketKeys.length % TICKET_KEY_BYTES !== 0)
      throw new RangeError('Keys for session tickets have 48 octets each.')
    this.#ticketKeys = ticketKeys
    this.#ecdsa.rotate(ticketKeys)
    this.#rsa?.rotate(ticketKeys)
  }

  /** `name` is lower case without final dot, or an address. `done` is called at once when the certificate is there. */
  get(name: string, done: ContextDone, kind: LeafKind = 'ecdsa', client = ''): void {
    const id = kind === 'ecdsa' ? name : `rsa ${name}`
    const entry = this.#cache.get(id)
    const now = this.#options.now()
    const running = this.#pending.get(id)
    if (entry !== undefined && now < entry.renewAt && now >= entry.notBefore) done(null, entry.context)
    else if (!isHostName(name) && ipOctets(name) === null)
      done(new WeirError('self-mint', 'The name cannot be certified.'), null)
    else if (running !== undefined && running.waiters.length < this.#options.maxWaitersPerName)
      running.waiters.push(done)
    else if (running !== undefined || !this.#hasRoom(client)) done(overloaded(), null)
    else this.#request(id, name, kind, client, done)
  }

  #hasRoom(client: string): boolean {
    const { maxPending, maxPendingPerClient } = this.#options
    return this.#pending.size < maxPending && (this.#pendingOf.get(client) ?? 0) < maxPendingPerClient
  }

  #request(id: string, name: string, kind: LeafKind, client: string, done: ContextDone): void {
    const late = () => this.#fail(id, pending, `${name}: no answer in ${this.#options.mintMs} ms`)
    const pending: Pending = { client, waiters: [done], timer: setTimeout(late, this.#options.mintMs) }
    this.#pending.set(id, pending)
    this.#pendingOf.set(client, (this.#pendingOf.get(client) ?? 0) + 1)
    if (kind === 'ecdsa') this.#mint(id, name, pending, this.#ecdsa)
    else
      this.#withRsa(key => {
        if (key === null) this.#fail(id, pending, `${name}: no RSA key`)
        else if (this.#pending.get(id) === pending) this.#mint(id, name, pending, key)
      })
  }

  #mint(id: string, name: string, pending: Pending, key: LeafKey): void {
    this.#options.requestLeaf(name, key.spkiDer, (error, leaf) => {
      if (leaf === null) this.#fail(id, pending, `${name}: ${error ?? 'refused'}`)
      else this.#accept(id, name, pending, key, leaf)
    })
  }

  #accept(id: string, name: string, pending: Pending, key: LeafKey, leaf: LeafCertificate): void {
    if (this.#pending.get(id) !== pending) return
    const context = new LeafContext(key, name, leaf.certPem + this.#chainPem)
    if (!key.canShow(context)) {
      this.#fail(id, pending, `${name}: the certificate cannot be used`)
      return
    }
    // A day before the end, so that no connection meets an expired leaf even if the client's clock is ahead.
    const renewAt = Math.max(leaf.notAfter - DAY, leaf.notBefore + (leaf.notAfter - leaf.notBefore) / 2)
    this.#cache.set(id, { context, notBefore: leaf.notBefore, renewAt })
    this.#settle(id, pending, null, context)
  }

  #fail(id: string, pending: Pending, why: string): void {
    this.#settle(id, pending, new WeirError('self-mint', why), null)
  }

  #settle(id: string, pending: Pending, error: WeirError | null, context: LeafContext | null): void {
    if (this.#pending.get(id) !== pending) return
    this.#pending.delete(id)
    const left = this.#pendingOf.get(pending.client)! - 1
    if (left > 0) this.#pendingOf.set(pending.client, left)
    else this.#pendingOf.delete(pending.client)
    clearTimeout(pending.timer)
    for (const done of pending.waiters) done(error, context)
  }

  /** In the thread pool, where it takes some 30 ms. Waiters are as many as names pending. */
  #withRsa(done: (key: LeafKey | null) => void): void {
    if (this.#rsa !== null) {
      done(this.#rsa)
      return
    }
    this.#rsaWaiters.push(done)
    if (this.#rsaWaiters.length > 1) return
    generateKeyPair('rsa', { modulusLength: 2048 }, (error, publicKey, privateKey) => {
      this.#rsa = error === null ? this.#newKey('rsa', { publicKey, privateKey }) : null
      for (const waiter of this.#rsaWaiters.splice(0)) waiter(this.#rsa)
    })
  }

  #newKey(kind: LeafKind, pair: { publicKey: KeyObject; privateKey: KeyObject }): LeafKey {
    return new LeafKey(kind, pair, { groups: GROUPS, ticketKeys: this.#ticketKeys })
  }
}

function overloaded(): WeirError {
  return new WeirError('self-overloaded', 'Too many certificates are being made.')
}

/** OpenSSL refuses a whole list for one unknown group, so each is tried alone. */
function supportedGroups(wanted: string[]): string {
  return wanted
    .filter(group => {
      try {
        tls.createSecureContext({ ca: [], ecdhCurve: group })
        return true
      } catch {
        return false
      }
    })
    .join(':')
}
