import { LRUCache } from 'lru-cache'
import type { Fetch } from '../fetch/fetch.ts'
import type { CertificateFacts } from '../x509.ts'
import { type CrlFacts, crlCoverageFault, crlSignatureFault, MAX_CRL_BYTES, readCrl } from './crl.ts'
import { CrlIndex } from './crl-index.ts'
import { good, guarded, none, REASON_HOLD, revoked, type Standing, unusable } from './standing.ts'

/** Of all lists held, with their indexes. */
const MAX_BYTES = 64 * 1024 * 1024
const MAX_LISTS = 1024
/** Lists being fetched and read at a time: each may hold twice its size for a moment. */
const MAX_LOADING = 3
const MAX_WAITING = 64
/** A list of 10 MB over a line of 4 Mbit/s; nobody waits so long, but the next connection finds it there. */
const FETCH_MS = 20_000
/** Entries per turn of the event loop: some milliseconds. */
const STEP = 4000
/** Authorities publish anew within a day of a revocation (Baseline Requirements §4.9.7), whatever nextUpdate says. */
const REFRESH_MS = 12 * 3_600_000
const RETRY_MS = 10 * 60_000

/** A list whose signature was good and whose entries are all read. */
export interface LoadedCrl {
  crl: CrlFacts
  index: CrlIndex
  refreshAt: number
}

type Waiter = (answer: LoadedCrl | Standing) => void

interface Loading {
  key: string
  url: string
  issuer: CertificateFacts
  nowMs: number
  waiters: Waiter[]
}

/** CRLs by URL and issuer, fetched once for all certificates that share one; bounded in bytes. */
export class CrlStore {
  readonly #fetch: Fetch
  readonly #lists = new LRUCache<string, LoadedCrl>({
    max: MAX_LISTS,
    maxSize: MAX_BYTES,
    sizeCalculation: list => list.crl.buf.length + list.index.bytes,
  })
  readonly #loading = new Map<string, Loading>()
  readonly #queue: Loading[] = []
  #running = 0

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  /** Lists held, their octets with all indexes, and lists on their way. */
  get counts(): { lists: number; bytes: number; loading: number } {
    return { lists: this.#lists.size, bytes: this.#lists.calculatedSize, loading: this.#loading.size }
  }

  /** What the list at `url` says about `cert`; `done` may be called before this returns. */
  ask(
    url: string,
    cert: CertificateFacts,
    issuer: CertificateFacts,
    nowMs: number,
    done: (standing: Standing) => void,
  ): void {
    const key = `${issuer.fingerprint} ${url}`
    const known = this.#lists.get(key)
    if (known !== undefined && nowMs <= known.crl.nextUpdate) {
      if (nowMs >= known.refreshAt) {
        known.refreshAt = nowMs + RETRY_MS
        this.#load(key, url, issuer, nowMs, nothing)
      }
      done(crlStanding(known, cert, nowMs))
      return
    }
    this.#load(key, url, issuer, nowMs, answer => done('kind' in answer ? answer : crlStanding(answer, cert, nowMs)))
  }

  #load(key: string, url: string, issuer: CertificateFacts, nowMs: number, waiter: Waiter): void {
    const running = this.#loading.get(key)
    if (running !== undefined) {
      running.waiters.push(waiter)
      return
    }
    if (this.#loading.size >= MAX_WAITING) {
      waiter(none('Too many revocation lists are being fetched.'))
      return
    }
    const loading = { key, url, issuer, nowMs, waiters: [waiter] }
    this.#loading.set(key, loading)
    this.#queue.push(loading)
    this.#startNext()
  }

  #startNext(): void {
    while (this.#running < MAX_LOADING) {
      const next = this.#queue.shift()
      if (next === undefined) return
      this.#running++
      const request = { url: next.url, method: 'GET', body: null, contentType: null } as const
      this.#fetch({ ...request, maxBytes: MAX_CRL_BYTES, timeMs: FETCH_MS }, (error, body) => {
        if (body === null) this.#finish(next, none(`The revocation list could not be fetched: ${error}.`))
        else this.#read(next, body)
      })
    }
  }

  #read(loading: Loading, body: Buffer): void {
    let crl: CrlFacts | null = null
    const fault = guarded(() => {
      const read = readCrl(body)
      if (typeof read === 'string') return unusable(`The revocation list cannot be used: ${read}.`)
      crl = read
      return unusable(crlSignatureFault(read, loading.issuer))
    })
    if (crl === null || fault.why !== '') this.#finish(loading, fault)
    else this.#readEntries(loading, crl, new CrlIndex(crl))
  }

  #readEntries(loading: Loading, crl: CrlFacts, index: CrlIndex): void {
    const state = stepOf(index)
    if (state === 'more') setImmediate(() => this.#readEntries(loading, crl, index))
    else if (state === 'bad') this.#finish(loading, unusable('The revocation list cannot be used: it is malformed.'))
    else this.#finish(loading, { crl, index, refreshAt: loading.nowMs + REFRESH_MS })
  }

  #finish(loading: Loading, answer: LoadedCrl | Standing): void {
    this.#running--
    this.#loading.delete(loading.key)
    // An expired list is asked for its entries once, and not kept.
    if (!('kind' in answer) && answer.crl.nextUpdate >= loading.nowMs) this.#lists.set(loading.key, answer)
    for (const waiter of loading.waiters) waiter(answer)
    this.#startNext()
  }
}

function nothing(): void {}

/** A mistake of ours about a stranger's list ends the reading of it, and nothing else. */
function stepOf(index: CrlIndex): ReturnType<CrlIndex['step']> {
  try {
    return index.step(STEP)
  } catch {
    return 'bad'
  }
}

/** Being in any list of its issuer is a revocation; not being there says something only in the right and current one. */
export function crlStanding(list: Pick<LoadedCrl, 'crl' | 'index'>, cert: CertificateFacts, nowMs: number): Standing {
  return guarded(() => find(list, cert, nowMs))
}

function find({ crl, index }: Pick<LoadedCrl, 'crl' | 'index'>, cert: CertificateFacts, nowMs: number): Standing {
  const entry = index.find(cert.serial)
  const fault = crlCoverageFault(crl, cert, nowMs)
  if (entry !== null && (fault === '' || entry.reason !== REASON_HOLD))
    return revoked(entry.at, entry.reason, crl.nextUpdate)
  return fault === '' ? good(crl.nextUpdate) : unusable(fault)
}
