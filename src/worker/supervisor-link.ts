import type { LeafCertificate } from '../core/ca.ts'
import type { FromWorker, SharedFact, ToWorker, WorkerCounters } from '../core/ipc.ts'
import type { HandshakeEvent } from '../core/tls-policy.ts'

/** Log batches on their way to the supervisor; beyond this they wait in the ring, which is bounded by rows. */
const MAX_LOG_BYTES_IN_FLIGHT = 8 << 20

type LeafDone = (error: string | null, leaf: LeafCertificate | null) => void

/** The worker's end of the channel to the supervisor. */
export class SupervisorLink {
  /** Bounded by the cap on mint requests in flight that the contexts keep. */
  readonly #mints = new Map<number, LeafDone>()
  #nextMint = 1
  #logBytes = 0

  requestLeaf(name: string, spki: Buffer, done: LeafDone): void {
    const id = this.#nextMint++
    this.#mints.set(id, done)
    this.#send({ t: 'mint', id, name, spki })
  }

  minted(message: Extract<ToWorker, { t: 'minted' }>): void {
    const done = this.#mints.get(message.id)
    this.#mints.delete(message.id)
    if (message.leaf === null) done?.(message.error, null)
    else done?.(null, message.leaf)
  }

  /** False: the channel is full, offer the batch again later. */
  sendLog(batch: Buffer, rows: number, dropped: number): boolean {
    if (this.#logBytes > MAX_LOG_BYTES_IN_FLIGHT) return false
    this.#logBytes += batch.length
    this.#send({ t: 'log', batch, rows, dropped }, () => {
      this.#logBytes -= batch.length
    })
    return true
  }

  sendCounters(counters: WorkerCounters): void {
    this.#send({ t: 'counters', counters })
  }

  sendHandshakes(events: HandshakeEvent[]): void {
    this.#send({ t: 'handshakes', events })
  }

  share(fact: SharedFact): void {
    this.#send({ t: 'share', fact })
  }

  ready(): void {
    this.#send({ t: 'ready' })
  }

  policyFailed(version: string, message: string): void {
    this.#send({ t: 'policy-failed', version, message })
  }

  /** The last message; resolves when everything before it has left this process too. */
  drained(): Promise<void> {
    return new Promise(resolve => this.#send({ t: 'drained' }, resolve))
  }

  #send(message: FromWorker, sent: () => void = ignore): void {
    if (process.connected) process.send!(message, undefined, undefined, () => sent())
    else sent()
  }
}

function ignore(): void {}
