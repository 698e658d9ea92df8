import { constants, createHash, generateKeyPairSync } from 'node:crypto'
import tls, { type SecureContext } from 'node:tls'
import { LRUCache } from 'lru-cache'
import type { LeafCertificate } from '../core/ca.ts'
import { WeirError } from '../core/errors.ts'
import { ipOctets, isHostName } from './name.ts'

/** Asks the holder of the CA key for a leaf. `done` is called at most once; a later answer than the limit is dropped. */
export type RequestLeaf = (
  name: string,
  spkiDer: Buffer,
  done: (error: string | null, leaf: LeafCertificate | null) => void,
) => void

export type ContextDone = (error: WeirError | null, context: SecureContext | null) => void

export interface LeafContextsOptions {
  requestLeaf: RequestLeaf
  /** 48 octets, the same in all workers, so that a client resumes at any of them. */
  ticketKeys: Buffer
  /** Contexts kept; one costs some 28 KiB. */
  maxContexts?: number
  /** Names being minted at one time. */
  maxPending?: number
  /** Connections waiting for one name. */
  maxWaitersPerName?: number
  mintMs?: number
  now?: () => number
}

/** AEAD and forward secrecy only; a client without any of them (and TLS 1.2) is refused. Equal strength in the client's order. */
export const CLIENT_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  '@SECLEVEL=2',
].join(':')

/**
 * Post-quantum first: browsers that offer it must not get less through us. Towards an origin, starred groups are those with
 * a key share in the first ClientHello: with one alone, every origin without ML-KEM would ask for a second hello.
 */
export const GROUPS = supportedGroups(['*X25519MLKEM768', '*X25519', 'P-256', 'P-384'])

const DAY = 24 * 3600_000

interface Entry {
  context: SecureContext
  notBefore: number
  /** From here on a new leaf is asked for. */
  renewAt: number
}

interface Pending {
  waiters: ContextDone[]
  timer: NodeJS.Timeout
}

/** The leaves of one worker: one key per worker start, one SecureContext per name. */
export class LeafContexts {
  readonly #options: Required<LeafContextsOptions>
  readonly #keyPem: string
  readonly #spkiDer: Buffer
  readonly #cache: LRUCache<string, Entry>
  readonly #pending = new Map<string, Pending>()

  constructor(options: LeafContextsOptions) {
    this.#options = {
      maxContexts: 1000,
      maxPending: 256,
      maxWaitersPerName: 256,
      mintMs: 5000,
      now: Date.now,
      ...options,
    }
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#keyPem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    this.#spkiDer = pair.publicKey.export({ type: 'spki', format: 'der' })
    this.#cache = new LRUCache({ max: this.#options.maxContexts })
  }

  get size(): number {
    return this.#cache.size
  }

  get pending(): number {
    return this.#pending.size
  }

  /** `name` is lower case without final dot, or an address. `done` is called at once when the context is there. */
  get(name: string, done: ContextDone): void {
    const entry = this.#cache.get(name)
    const now = this.#options.now()
    const running = this.#pending.get(name)
    if (entry !== undefined && now < entry.renewAt && now >= entry.notBefore) done(null, entry.context)
    else if (!isHostName(name) && ipOctets(name) === null)
      done(new WeirError('self-mint', 'The name cannot be certified.'), null)
    else if (running !== undefined && running.waiters.length < this.#options.maxWaitersPerName)
      running.waiters.push(done)
    else if (running !== undefined || this.#pending.size >= this.#options.maxPending) done(overloaded(), null)
    else this.#request(name, done)
  }

  #request(name: string, done: ContextDone): void {
    const timer = setTimeout(
      () =>
        this.#settle(
          name,
          pending,
          new WeirError('self-mint', `${name}: no answer in ${this.#options.mintMs} ms`),
          null,
        ),
      this.#options.mintMs,
    )
    const pending: Pending = { waiters: [done], timer }
    this.#pending.set(name, pending)
    this.#options.requestLeaf(name, this.#spkiDer, (error, leaf) => {
      if (leaf === null) this.#settle(name, pending, new WeirError('self-mint', `${name}: ${error ?? 'refused'}`), null)
      else this.#accept(name, pending, leaf)
    })
  }

  #accept(name: string, pending: Pending, leaf: LeafCertificate): void {
    if (this.#pending.get(name) !== pending) return
    let context: SecureContext
    try {
      context = this.#context(name, leaf)
    } catch (cause) {
      this.#settle(name, pending, new WeirError('self-mint', `${name}: the certificate cannot be used`, cause), null)
      return
    }
    // A day before the end, so that no connection meets an expired leaf even if the client's clock is ahead.
    const renewAt = Math.max(leaf.notAfter - DAY, leaf.notBefore + (leaf.notAfter - leaf.notBefore) / 2)
    this.#cache.set(name, { context, notBefore: leaf.notBefore, renewAt })
    this.#settle(name, pending, null, context)
  }

  #settle(name: string, pending: Pending, error: WeirError | null, context: SecureContext | null): void {
    if (this.#pending.get(name) !== pending) return
    this.#pending.delete(name)
    clearTimeout(pending.timer)
    for (const done of pending.waiters) done(error, context)
  }

  #context(name: string, leaf: LeafCertificate): SecureContext {
    return tls.createSecureContext({
      // An empty list: a server needs no roots, and without it Node would attach a store of them.
      ca: [],
      // The leaf alone: the issuer is the root itself, which the client has or does not trust.
      cert: leaf.certPem,
      key: this.#keyPem,
      minVersion: 'TLSv1.2',
      ciphers: CLIENT_CIPHERS,
      ecdhCurve: GROUPS,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ticketKeys: this.#options.ticketKeys,
      // The workers share ticket keys over all names; a ticket must open no session under another name (RFC 8446 §4.6.1).
      sessionIdContext: createHash('sha256').update(name).digest('hex').slice(0, 32),
    })
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
