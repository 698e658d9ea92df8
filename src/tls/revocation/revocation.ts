import { WeirError } from '../../core/errors.ts'
import type { Fetch } from '../fetch/fetch.ts'
import type { CertificateFacts } from '../x509.ts'
import { CrlStore } from './crl-store.ts'
import { type Answer, hasPlaceToAsk, Inquiry } from './inquiry.ts'
import type { RevocationList } from './lists.ts'
import { Memory } from './memory.ts'
import { good, none, type Standing } from './standing.ts'

export interface RevocationResult {
  /** null: go on. */
  error: WeirError | null
  /** Until when the verdict may be relied on by a resumed session (ms). */
  validUntil: number
  /** Where the leaf's answer came from. */
  source: Answer['source']
}

export interface RevocationInput {
  /** Verified: leaf first, root last. */
  path: CertificateFacts[]
  /** What the server stapled, DER. */
  staple: Buffer | null
  nowMs: number
  mode: 'soft' | 'hard'
}

export interface RevocationDeps {
  fetch: Fetch
  lists: readonly RevocationList[]
  now?: () => number
  /** How long a connection waits for answers (ms). */
  waitMs?: { soft: number; hard: number }
}

type Done = (result: RevocationResult) => void

/**
 * Under `soft` an answer that takes longer is for the next connection: half of all pages would otherwise be as slow as
 * the slowest responder, and browsers do not wait at all. Under `hard` it may take a GET, a POST and a list.
 */
const WAIT_MS = { soft: 1500, hard: 10_000 } as const
const MAX_INQUIRIES = 1000
/** Resumed sessions show no certificate: after this they are made anew, so that a revocation is noticed. */
const MAX_VERDICT_MS = 3_600_000
/** Likewise where nobody had an answer: perhaps it has come meanwhile. */
const UNANSWERED_VERDICT_MS = 300_000
const DAY_MS = 86_400_000
/** Short-lived Subscriber Certificate (Baseline Requirements §1.6.1): 10 days, and 7 if issued from 2026-03-15 on. */
const SHORT_LIVED_CHANGE = Date.UTC(2026, 2, 15)

/**
 * Is any certificate of a path revoked? Lists of the admin, then for the leaf what the server stapled, what is
 * remembered, OCSP, CRL; for authorities the same without staple. All certificates are asked about at the same time.
 */
export class Revocation {
  readonly #deps: RevocationDeps
  readonly #now: () => number
  #lists: readonly RevocationList[]
  readonly #crls: CrlStore
  readonly #memory = new Memory()
  readonly #inquiries = new Map<string, Inquiry>()

  constructor(deps: RevocationDeps) {
    this.#deps = deps
    this.#lists = deps.lists
    this.#now = deps.now ?? Date.now
    this.#crls = new CrlStore(deps.fetch)
  }

  /** Counts from the next check on; sessions that are resumed notice within the hour. */
  replaceLists(lists: readonly RevocationList[]): void {
    this.#lists = lists
  }

  /** Certificates whose standing is remembered; certificates being asked about. */
  get counts(): { remembered: number; asking: number } {
    return { remembered: this.#memory.size, asking: this.#inquiries.size }
  }

  /** `done` is called exactly once, and before this returns when nobody has to be asked. */
  check(input: RevocationInput, done: Done): void {
    const listed = this.#findListed(input.path)
    if (listed !== null) {
      done({ error: new WeirError('origin-cert-revoked', listed), validUntil: 0, source: 'list' })
      return
    }
    const check = new PathCheck(input, done, this.#deps.waitMs?.[input.mode] ?? WAIT_MS[input.mode])
    for (let i = 0; i + 1 < input.path.length; i++) this.#look(check, i)
    check.start()
  }

  #findListed(path: readonly CertificateFacts[]): string | null {
    for (const list of this.#lists) {
      for (const [i, cert] of path.entries()) {
        const why = list.find(cert, path[i + 1] ?? null)
        if (why !== null) return about(i, why)
      }
    }
    return null
  }

  /** Settles the i-th certificate from what is at hand, or has it asked about. */
  #look(check: PathCheck, i: number): void {
    const { path, staple, nowMs, mode } = check.input
    const cert = path[i]!
    const issuer = path[i + 1]!
    const known = this.#memory.find(cert, nowMs)
    if (known?.standing.kind === 'revoked') {
      check.settle(i, known)
      return
    }
    if (i === 0 && staple !== null && staple.length > 0) {
      const standing = this.#memory.judgeStaple(staple, cert, issuer, nowMs)
      if (standing.kind === 'good' || standing.kind === 'revoked') {
        check.settle(0, { standing, source: 'staple' })
        if (standing.kind === 'revoked') this.#memory.keep(cert, { standing, source: 'staple' }, nowMs)
        return
      }
      check.badStaple = standing
    }
    // RFC 7633 §4.2.3.1: such a server promised a staple, and a fetched answer does not keep the promise.
    if (i === 0 && cert.mustStaple) {
      check.settle(0, {
        standing: check.badStaple ?? none('The server did not send the proof it must send.'),
        source: 'none',
      })
      return
    }
    const answer = known ?? this.#fromLists(cert, issuer, nowMs)
    if (answer !== null) {
      if (this.#memory.isDue(cert, nowMs)) this.#inquire(cert, issuer)
      check.settle(i, answer)
    } else if (!hasPlaceToAsk(cert)) check.settle(i, { standing: none('It names no place to ask.'), source: 'none' })
    else this.#ask(check, i, cert, issuer, mode)
  }

  #fromLists(cert: CertificateFacts, issuer: CertificateFacts, nowMs: number): Answer | null {
    for (const list of this.#lists) {
      const until = list.clears(cert, issuer, nowMs)
      if (until > 0) return { standing: good(until), source: 'list' }
    }
    return null
  }

  #ask(check: PathCheck, i: number, cert: CertificateFacts, issuer: CertificateFacts, mode: 'soft' | 'hard'): void {
    const inquiry = this.#inquire(cert, issuer)
    // It may have ended at once: a responder that failed a short while ago is not asked.
    const answer = this.#memory.find(cert, this.#now())
    if (answer !== null) check.settle(i, answer)
    else if (inquiry === null)
      check.settle(i, { standing: none('Too many certificates are asked about.'), source: 'none' })
    else if (inquiry.isLate && mode === 'soft')
      check.settle(i, { standing: none('No answer has come yet.'), source: 'none' })
    else check.waitFor(i, inquiry)
  }

  /** Starts asking, unless somebody already does; null: too much is being asked. */
  #inquire(cert: CertificateFacts, issuer: CertificateFacts): Inquiry | null {
    const running = this.#inquiries.get(cert.fingerprint)
    if (running !== undefined) return running
    if (this.#inquiries.size >= MAX_INQUIRIES) return null
    const inquiry = new Inquiry(cert, issuer, { fetch: this.#deps.fetch, crls: this.#crls }, this.#now, answer => {
      this.#inquiries.delete(cert.fingerprint)
      this.#memory.keep(cert, answer, this.#now())
      for (const waiter of inquiry.waiters) waiter(answer)
    })
    this.#inquiries.set(cert.fingerprint, inquiry)
    inquiry.next()
    return inquiry
  }
}

/** One call of check(): what is known about each certificate of the path, and who is still being asked. */
class PathCheck {
  readonly input: RevocationInput
  /** Why the staple is no proof, or null. */
  badStaple: Standing | null = null
  readonly #done: Done
  readonly #waitMs: number
  readonly #answers: (Answer | null)[]
  readonly #waits: { inquiry: Inquiry; waiter: (answer: Answer) => void }[] = []
  #timer: NodeJS.Timeout | null = null
  #isOver = false

  constructor(input: RevocationInput, done: Done, waitMs: number) {
    this.input = input
    this.#done = done
    this.#waitMs = waitMs
    this.#answers = Array.from({ length: Math.max(0, input.path.length - 1) }, () => null)
  }

  settle(i: number, answer: Answer): void {
    this.#answers[i] = answer
  }

  waitFor(i: number, inquiry: Inquiry): void {
    const waiter = (answer: Answer) => {
      this.#answers[i] = answer
      this.#endIfDecided()
    }
    inquiry.waiters.add(waiter)
    this.#waits.push({ inquiry, waiter })
  }

  start(): void {
    this.#endIfDecided()
    if (!this.#isOver) this.#timer = setTimeout(this.#onTimeout, this.#waitMs)
  }

  readonly #onTimeout = (): void => {
    for (const { inquiry } of this.#waits) inquiry.isLate = true
    for (let i = 0; i < this.#answers.length; i++)
      this.#answers[i] ??= { standing: none('No answer came in time.'), source: 'none' }
    this.#endIfDecided()
  }

  /** A revocation ends it at once. All else waits for the rest, in which the graver news may be. */
  #endIfDecided(): void {
    if (this.#isOver) return
    const error = this.#findRevoked() ?? (this.#answers.includes(null) ? null : this.#findUnproved())
    if (error === null && this.#answers.includes(null)) return
    this.#isOver = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const { inquiry, waiter } of this.#waits) inquiry.waiters.delete(waiter)
    this.#done({
      error,
      validUntil: error === null ? this.#validUntil() : 0,
      source: this.#answers[0]?.source ?? 'none',
    })
  }

  #findRevoked(): WeirError | null {
    for (const [i, answer] of this.#answers.entries())
      if (answer?.standing.kind === 'revoked')
        return new WeirError('origin-cert-revoked', about(i, answer.standing.why))
    return null
  }

  #findUnproved(): WeirError | null {
    for (const [i, answer] of this.#answers.entries()) {
      const why = answer === null ? '' : this.#refusalOf(i, answer)
      if (why !== '') return new WeirError('origin-cert-status', about(i, why))
    }
    return null
  }

  /** Why this answer, which is no revocation, is not enough; '' when it is. */
  #refusalOf(i: number, { standing, source }: Answer): string {
    const leaf = this.input.path[0]!
    if (i === 0 && leaf.mustStaple && source !== 'staple')
      return `It may only be used with a proof that the server sends along. ${standing.why}`
    if (standing.kind === 'good') return ''
    // An expired one got here by an exception only; authorities forget those (RFC 6960 §4.4.4), and so nothing is proved.
    if (this.input.path[i]!.notAfter >= this.input.nowMs) {
      // The authority itself says that it never issued it: as Firefox, also when soft.
      if (standing.kind === 'unknown') return standing.why
      // So is a staple that proves nothing, when nobody else can tell: the server did send a proof, and it is false.
      if (i === 0 && this.badStaple !== null && this.badStaple.kind !== 'none') return this.badStaple.why
    }
    if (this.input.mode === 'soft') return ''
    // Nobody can tell about an authority that names no place to ask (public ones all do): only the admin's lists can.
    const isExcused = i === 0 ? isShortLived(leaf) : !hasPlaceToAsk(this.input.path[i]!)
    return isExcused ? '' : standing.why
  }

  #validUntil(): number {
    const { nowMs } = this.input
    let until = nowMs + MAX_VERDICT_MS
    for (const [i, answer] of this.#answers.entries()) {
      const isUnanswered = answer?.standing.kind !== 'good'
      if (!isUnanswered) until = Math.min(until, answer.standing.until)
      else if (hasPlaceToAsk(this.input.path[i]!)) until = Math.min(until, nowMs + UNANSWERED_VERDICT_MS)
    }
    return until
  }
}

function about(i: number, why: string): string {
  return i === 0 ? why : `This is about an authority above it. ${why}`
}

/**
 * Ends before a revocation would have an effect, and so needs no answer. Where it names a place to ask, that is asked
 * nevertheless: a definite "revoked" counts for it too.
 */
function isShortLived({ notBefore, notAfter }: CertificateFacts): boolean {
  // Both ends belong to the validity (Baseline Requirements §1.6.1), in whole seconds.
  return notAfter - notBefore + 1000 <= (notBefore < SHORT_LIVED_CHANGE ? 10 : 7) * DAY_MS
}
