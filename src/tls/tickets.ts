import { randomBytes, randomFillSync } from 'node:crypto'

/** One key: 16 octets of name, 16 for HMAC-SHA-256, 16 for AES-128. */
export const TICKET_KEY_BYTES = 48
const PART = 16

const TWELVE_HOURS = 12 * 3600_000
/** The newest and the one before: no ticket is older than OpenSSL's two hours of session life. */
const KEPT = 2

/**
 * The supervisor's keys for session tickets, the same for all workers, in memory only: who gets hold of one can decrypt
 * what was recorded while it was in use (RFC 5077 §5.5), so that none lives longer than a day.
 */
export class TicketKeys {
  #keys: Buffer = randomBytes(TICKET_KEY_BYTES)
  readonly #timer: NodeJS.Timeout

  /** `onChange` gets all keys that count from then on, the one to use first. */
  constructor(onChange: (keys: Buffer) => void, everyMs = TWELVE_HOURS) {
    this.#timer = setInterval(() => {
      this.#keys = Buffer.concat([randomBytes(TICKET_KEY_BYTES), this.#keys.subarray(0, (KEPT - 1) * TICKET_KEY_BYTES)])
      onChange(this.#keys)
    }, everyMs)
    this.#timer.unref()
  }

  /** 48 octets each, the one to use first. For a worker that starts. */
  current(): Buffer {
    return this.#keys
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/** What OpenSSL does with a ticket: 0 not ours, a full handshake follows; 1 opened or sealed; 2 opened, send a fresh one. */
type TicketAnswer = readonly [verdict: 0 | 1 | 2, hmac: Buffer, aes: Buffer, name: Buffer, iv: Buffer]

/** The worker's side: seals with the first key, opens with any. */
export class TicketBox {
  #keys: readonly { name: Buffer; hmac: Buffer; aes: Buffer }[] = []
  readonly #iv = Buffer.alloc(PART)

  constructor(keys: Buffer) {
    this.rotate(keys)
  }

  /** One or more keys, 48 octets each. */
  rotate(keys: Buffer): void {
    if (keys.length === 0 || keys.length % TICKET_KEY_BYTES !== 0)
      throw new RangeError('ticket keys have 48 octets each')
    this.#keys = Array.from({ length: keys.length / TICKET_KEY_BYTES }, (_, i) => {
      const key = Buffer.from(keys.subarray(i * TICKET_KEY_BYTES, (i + 1) * TICKET_KEY_BYTES))
      return { name: key.subarray(0, PART), hmac: key.subarray(PART, 2 * PART), aes: key.subarray(2 * PART) }
    })
  }

  /** In the form of OpenSSL's SSL_CTX_set_tlsext_ticket_key_cb, as Node hands it out. Must not throw. */
  readonly answer = (name: Buffer, _iv: Buffer, sealing: boolean): TicketAnswer => {
    const first = this.#keys[0]!
    if (sealing) return [1, first.hmac, first.aes, first.name, randomFillSync(this.#iv)]
    const at = this.#keys.findIndex(key => key.name.equals(name))
    const key = this.#keys[at] ?? first
    return [at < 0 ? 0 : at === 0 ? 1 : 2, key.hmac, key.aes, key.name, this.#iv]
  }
}
