import { constants, hash, type KeyObject } from 'node:crypto'
import tls, { type SecureContext, type SecureContextOptions } from 'node:tls'
import { LRUCache } from 'lru-cache'
import { TICKET_KEY_BYTES, type TicketCallback, ticketCallback } from './tickets.ts'

/** What kind of key a leaf certifies: ECDSA P-256, or RSA 2048 for a client that offers no ECDSA. */
export type LeafKind = 'ecdsa' | 'rsa'

/**
 * AEAD and forward secrecy only; a client without any of them (and TLS 1.2) is refused. In this order, but ChaCha20 goes first
 * where the client puts it first: it does so when it has no AES in hardware.
 */
const CIPHERS: Readonly<Record<LeafKind, string>> = { ecdsa: ciphers('ECDSA'), rsa: ciphers('RSA') }

function ciphers(kind: 'ECDSA' | 'RSA'): string {
  return [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    `ECDHE-${kind}-AES128-GCM-SHA256`,
    `ECDHE-${kind}-AES256-GCM-SHA384`,
    `ECDHE-${kind}-CHACHA20-POLY1305`,
    '@SECLEVEL=2',
  ].join(':')
}

const PEM_HEAD = '-----BEGIN CERTIFICATE-----'

/** Node's SSL_CTX: these of its methods may be called at any time, connections made before keep what they took. */
interface NativeContext {
  setCert(pem: string): void
  setSessionIdContext(id: string): void
  onticketkeycallback: TicketCallback
  enableTicketKeyCallback(): void
}

/** To make a context costs as much as so many turns in the shared one. */
const TURNS = 4
/** Of 28 KiB each. */
const MAX_OWN = 500

/**
 * One private key and the OpenSSL contexts it is used in. Certificates take turns in one of them: an SSL object takes
 * references to certificate and session id context when it is made, and a context for a name that is visited once would
 * cost five times as much as putting the certificate in. Names that come back get contexts of their own.
 */
export class LeafKey {
  readonly spkiDer: Buffer
  readonly #options: SecureContextOptions
  #ticketKeys: Buffer
  #native: NativeContext
  #shown: LeafContext | null = null
  readonly #own = new LRUCache<LeafContext, NativeContext>({
    max: MAX_OWN,
    dispose: (_context, leaf) => {
      leaf.turns = 0
    },
  })

  constructor(
    kind: LeafKind,
    pair: { publicKey: KeyObject; privateKey: KeyObject },
    options: { groups: string; ticketKeys: Buffer },
  ) {
    this.spkiDer = pair.publicKey.export({ type: 'spki', format: 'der' })
    this.#options = {
      // An empty list: a server needs no roots, and without it Node would attach a store of them.
      ca: [],
      key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS[kind],
      ecdhCurve: options.groups,
      secureOptions:
        constants.SSL_OP_NO_RENEGOTIATION |
        constants.SSL_OP_CIPHER_SERVER_PREFERENCE |
        constants.SSL_OP_PRIORITIZE_CHACHA,
    }
    this.#ticketKeys = options.ticketKeys
    this.#native = this.#newContext()
  }

  /** Connections made before keep the context they have. */
  rotate(ticketKeys: Buffer): void {
    this.#ticketKeys = ticketKeys
    this.#native = this.#newContext()
    this.#shown = null
    this.#own.clear()
  }

  #newContext(): NativeContext {
    const ticketKeys = this.#ticketKeys
    if (ticketKeys.length === TICKET_KEY_BYTES)
      return tls.createSecureContext({ ...this.#options, ticketKeys }).context as NativeContext
    // Node's own `ticketKeys` knows one key at a time; JavaScript is asked only while there are more: it is asked twice in
    // a handshake, for a twentieth of its price
    const native = tls.createSecureContext(this.#options).context as NativeContext
    native.onticketkeycallback = ticketCallback(ticketKeys)
    native.enableTicketKeyCallback()
    return native
  }

  /** With a certificate of another key in it, OpenSSL would throw our private key away. */
  canShow(leaf: LeafContext): boolean {
    const { chainPem } = leaf
    const der = Buffer.from(chainPem.slice(PEM_HEAD.length, chainPem.indexOf('-----END')), 'base64')
    if (!chainPem.startsWith(PEM_HEAD) || !der.includes(this.spkiDer)) return false
    try {
      this.show(leaf)
      return true
    } catch {
      return false
    }
  }

  show(leaf: LeafContext): NativeContext {
    if (this.#shown === leaf) return this.#native
    const own = this.#own.get(leaf)
    if (own !== undefined) return own
    if (leaf.turns++ < TURNS) {
      this.#shown = null
      putIn(this.#native, leaf)
      this.#shown = leaf
      return this.#native
    }
    const context = this.#newContext()
    putIn(context, leaf)
    this.#own.set(leaf, context)
    return context
  }
}

function putIn(context: NativeContext, leaf: LeafContext): void {
  context.setCert(leaf.chainPem)
  context.setSessionIdContext(leaf.sessionId)
}

/** One certificate, in the form in which TLSSocket wants its `secureContext`: it asks for `context` at the moment it makes its SSL object. */
export class LeafContext implements SecureContext {
  readonly chainPem: string
  readonly sessionId: string
  /** How often it was put into the shared context. */
  turns = 0
  readonly #key: LeafKey

  constructor(key: LeafKey, name: string, chainPem: string) {
    this.#key = key
    this.chainPem = chainPem
    // A ticket must open no session under another name (RFC 8446 §4.6.1), though all names share the keys of tickets.
    this.sessionId = hash('sha256', name, 'base64url').slice(0, 32)
  }

  get context(): NativeContext {
    return this.#key.show(this)
  }
}
