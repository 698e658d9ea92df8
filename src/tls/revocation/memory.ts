import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { CertificateFacts } from '../x509.ts'
import type { Answer } from './inquiry.ts'
import { judgeOcsp } from './ocsp.ts'
import type { Standing } from './standing.ts'

const MAX_ANSWERS = 20_000
const MAX_STAPLES = 4096
const DAY_MS = 86_400_000
/** However long an answer says it is good for. */
const MAX_KEEP_MS = 7 * DAY_MS
/** A revocation is kept beyond the answer's own end: it does not go away. */
const KEEP_REVOKED_MS = 3_600_000
/** Responders learn of new certificates late, some by minutes. */
const KEEP_UNKNOWN_MS = 300_000
/** Until the same question is asked again after nobody had an answer. */
const KEEP_NONE_MS = 60_000
/** An answer is asked for anew, behind its back, at half of its life or after this. */
const REFRESH_MS = DAY_MS / 2
const RETRY_MS = 10 * 60_000

interface Kept {
  answer: Answer
  until: number
  refreshAt: number
}

/**
 * What was learned about certificates, by fingerprint: never by name, as the next server of that name may be another.
 * Bounded; what is thrown away is asked again.
 */
export class Memory {
  readonly #kept = new LRUCache<string, Kept>({ max: MAX_ANSWERS })
  readonly #staples = new LRUCache<string, Standing>({ max: MAX_STAPLES })

  get size(): number {
    return this.#kept.size
  }

  find(cert: CertificateFacts, nowMs: number): Answer | null {
    const kept = this.#kept.get(cert.fingerprint)
    return kept !== undefined && nowMs <= kept.until ? kept.answer : null
  }

  /** Whether it is time to ask again although the answer still holds; true once per attempt. */
  isDue(cert: CertificateFacts, nowMs: number): boolean {
    const kept = this.#kept.get(cert.fingerprint)
    if (kept === undefined || nowMs < kept.refreshAt || kept.answer.standing.kind === 'none') return false
    kept.refreshAt = nowMs + RETRY_MS
    return true
  }

  keep(cert: CertificateFacts, answer: Answer, nowMs: number): void {
    // A responder that is down now takes nothing back of what it said.
    if (answer.standing.kind === 'none' && this.find(cert, nowMs) !== null) return
    const until = keepUntil(answer.standing, nowMs)
    const refreshAt = nowMs + Math.min((until - nowMs) / 2, REFRESH_MS)
    this.#kept.set(cert.fingerprint, { answer, until, refreshAt })
  }

  /** Servers staple the same octets for days: judged once, signatures and all. */
  judgeStaple(staple: Buffer, cert: CertificateFacts, issuer: CertificateFacts, nowMs: number): Standing {
    const key = cert.fingerprint + issuer.fingerprint + hash('sha256', staple, 'base64')
    const known = this.#staples.get(key)
    if (known !== undefined && nowMs <= known.until) return known
    const standing = judgeOcsp(staple, cert, issuer, nowMs)
    if (standing.kind === 'good' || standing.kind === 'revoked') this.#staples.set(key, standing)
    return standing
  }
}

function keepUntil({ kind, until }: Standing, nowMs: number): number {
  const kept = Math.min(until, nowMs + MAX_KEEP_MS)
  if (kind === 'good') return kept
  if (kind === 'revoked') return Math.max(kept, nowMs + KEEP_REVOKED_MS)
  return nowMs + (kind === 'unknown' ? KEEP_UNKNOWN_MS : KEEP_NONE_MS)
}
