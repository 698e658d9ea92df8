import { randomBytes, randomFillSync } from 'node:crypto'

/** One key: 16 octets of name, 16 for HMAC-SHA-256, 16 for AES-128. */
export const TICKET_KEY_BYTES = 48
const PART = 16

const HOUR = 3600_000
const LIFE_MS = 12 * HOUR
/** OpenSSL opens no ticket older than two hours (its default session timeout): so long the key before is of use. */
const OVERLAP_MS = 2.1 * HOUR

/**
 * The supervisor's keys for session tickets, the same for all workers, in memory only: who gets hold of one can decrypt
 * what was recorded while it was in use (RFC 5077 §5.5), so that none lives longer than it must.
 */
export class TicketKeys {
  readonly #onChange: (keys: Buffer) => void
  readonly #overlapMs: number
  readonly #rotating: NodeJS.Timeout
  #forgetting: NodeJS.Timeout | undefined
  #keys: Buffer = randomBytes(TICKET_KEY_BYTES)

  /** `onChange` gets all keys that count from then on, the one to use first. */
  constructor(onChange: (keys: Buffer) => void, lifeMs = LIFE_MS, overlapMs = OVERLAP_MS) {
    this.#onChange = onChange
    this.#overlapMs = overlapMs
    this.#rotating = setInterval(() => this.#rotate(), lifeMs).unref()
  }

  /** One or two of 48 octets, the one to use first. For a worker that starts. */
  current(): Buffer {
    return this.#keys
  }

  close(): void {
    clearInterval(this.#rotating)
    clearTimeout(this.#forgetting)
  }

  #rotate(): void {
    this.#change(Buffer.concat([randomBytes(TICKET_KEY_BYTES), this.#newest()]))
    clearTimeout(this.#forgetting)
    this.#forgetting = setTimeout(() => this.#change(this.#newest()), this.#overlapMs).unref()
  }

  #newest(): Buffer {
    return Buffer.from(this.#keys.subarray(0, TICKET_KEY_BYTES))
  }

  #change(keys: Buffer): void {
    this.#keys = keys
    this.#onChange(keys)
  }
}

/** What OpenSSL does with a ticket: 0 not ours, a full handshake follows; 1 opened or sealed; 2 opened, send a fresh one. */
type TicketAnswer = readonly [verdict: 0 | 1 | 2, hmac: Buffer, aes: Buffer, name: Buffer, iv: Buffer]

/** OpenSSL's SSL_CTX_set_tlsext_ticket_key_cb, as Node hands it out. Must not throw. */
export type TicketCallback = (name: Buffer, iv: Buffer, sealing: boolean) => TicketAnswer

/** Seals with the first of several keys and opens with any. */
export function ticketCallback(ticketKeys: Buffer): TicketCallback {
  const keys = Array.from({ length: ticketKeys.length / TICKET_KEY_BYTES }, (_, i) => {
    const key = Buffer.from(ticketKeys.subarray(i * TICKET_KEY_BYTES, (i + 1) * TICKET_KEY_BYTES))
    return { name: key.subarray(0, PART), hmac: key.subarray(PART, 2 * PART), aes: key.subarray(2 * PART) }
  })
  const first = keys[0]!
  const iv = Buffer.alloc(PART)
  return (name, _iv, sealing) => {
    if (sealing) return [1, first.hmac, first.aes, first.name, randomFillSync(iv)]
    const at = keys.findIndex(key => key.name.equals(name))
    const key = keys[at] ?? first
    return [at < 0 ? 0 : at === 0 ? 1 : 2, key.hmac, key.aes, key.name, iv]
  }
}
