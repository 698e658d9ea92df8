import type { RequestHead } from '../core/exchange.ts'
import { type HeaderList, headerAll, headerGet, headerHas } from '../core/headers.ts'
import { parseHttpDate } from './date.ts'
import { ABSENT, type Directives, deltaSeconds } from './directives.ts'
import type { StaleReason, StoreRefusal } from './reasons.ts'

/** When a stored answer may be used without asking. Milliseconds, wall clock. */
export interface Freshness {
  lifetimeMs: number
  /** Corrected initial age (RFC 9111 §4.2.3). */
  initialAgeMs: number
  responseMs: number
  /** Of the Date field, or of the reception when there is none. */
  dateMs: number
  /** Every use must be validated: no-cache. */
  alwaysValidate: boolean
  /** Never stale, not even for a client that would take it (§4.2.4). */
  neverStale: boolean
}

/** Defined as heuristically cacheable (RFC 9110 §15.1), without 206. */
const HEURISTIC = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
/**
 * About one request, one client or one moment, so never kept: partial and conditional answers, challenges (401, 407),
 * failed preconditions and ranges, 421 (RFC 9110 §15.5.20), 425, 426, 428/429/431/511 (RFC 6585 forbids storing).
 */
const NEVER = new Set([304, 401, 407, 408, 412, 416, 417, 421, 425, 426, 428, 429, 431, 511])
/** Final statuses whose caching this store implements: what must-understand asks for. */
const UNDERSTOOD = new Set([
  ...HEURISTIC,
  302,
  303,
  307,
  400,
  403,
  406,
  409,
  411,
  413,
  415,
  422,
  451,
  500,
  502,
  503,
  504,
])

/** RFC 9111 §4.2.2 suggests a tenth of the time since the last change. */
const HEURISTIC_FRACTION = 0.1
/** And never longer than a day: a guess must not outlive the day it was made. */
const HEURISTIC_MAX_MS = 86_400_000

/** Why this answer must not be stored by a shared cache (RFC 9111 §3), or null. `request` and `response` as directives. */
export function refusal(
  head: RequestHead,
  status: number,
  headers: HeaderList,
  request: Directives,
  response: Directives,
): StoreRefusal | null {
  if (head.method !== 'GET') return 'method'
  if (head.bodyLength !== 0) return 'body'
  if (status === 206) return 'partial'
  if (status < 200 || status > 599 || NEVER.has(status)) return 'status'
  if (request.noStore || response.noStore) return 'no-store'
  if (response.mustUnderstand && !UNDERSTOOD.has(status)) return 'status'
  if (response.isPrivate) return 'private'
  if (!mayBeShared(response) && headerHas(head.headers, 'authorization')) return 'authorization'
  // RFC 9111 §7.3 leaves it open; another client's cookie is a leak, unless the origin said public.
  if (!response.isPublic && headerHas(headers, 'set-cookie')) return 'set-cookie'
  const explicit = response.sMaxage !== ABSENT || response.maxAge !== ABSENT || headerHas(headers, 'expires')
  return explicit || response.isPublic || HEURISTIC.has(status) ? null : 'no-freshness'
}

/** RFC 9111 §3.5: what lets an answer to a request with Authorization be stored, and be used for another such request. */
export function mayBeShared(response: Directives): boolean {
  return response.isPublic || response.sMaxage !== ABSENT || response.mustRevalidate
}

/** Freshness of an answer that passed `refusal`. */
export function freshnessOf(
  headers: HeaderList,
  response: Directives,
  requestMs: number,
  responseMs: number,
): Freshness {
  const date = headerGet(headers, 'date')
  const dateMs = (date === null ? null : parseHttpDate(date, responseMs)) ?? responseMs
  return {
    lifetimeMs:
      explicitLifetimeMs(headers, response, dateMs, responseMs) ?? heuristicLifetimeMs(headers, dateMs, responseMs),
    initialAgeMs: initialAgeMs(headers, dateMs, requestMs, responseMs),
    responseMs,
    dateMs,
    alwaysValidate: response.noCache,
    // s-maxage carries the meaning of proxy-revalidate (§5.2.2.10)
    neverStale: response.mustRevalidate || response.proxyRevalidate || response.noCache || response.sMaxage !== ABSENT,
  }
}

/** RFC 9111 §4.2.1, for a shared cache. Null: the origin said nothing. */
function explicitLifetimeMs(headers: HeaderList, response: Directives, dateMs: number, nowMs: number): number | null {
  if (response.sMaxage !== ABSENT) return response.sMaxage * 1000
  if (response.maxAge !== ABSENT) return response.maxAge * 1000
  const lines = headerAll(headers, 'expires')
  if (lines.length === 0) return null
  // Two Expires contradict each other, and `0` or any other invalid date means already expired (§5.3).
  const expiresMs = lines.length === 1 ? parseHttpDate(lines[0]!, nowMs) : null
  return expiresMs === null ? 0 : Math.max(0, expiresMs - dateMs)
}

function heuristicLifetimeMs(headers: HeaderList, dateMs: number, nowMs: number): number {
  const lines = headerAll(headers, 'last-modified')
  const modifiedMs = lines.length === 1 ? parseHttpDate(lines[0]!, nowMs) : null
  if (modifiedMs === null || modifiedMs >= dateMs) return 0
  return Math.min((dateMs - modifiedMs) * HEURISTIC_FRACTION, HEURISTIC_MAX_MS)
}

/** RFC 9111 §4.2.3. Of an Age list the first member counts, and what is no number is ignored (§5.1). */
function initialAgeMs(headers: HeaderList, dateMs: number, requestMs: number, responseMs: number): number {
  const apparentMs = Math.max(0, responseMs - dateMs)
  const age = headerGet(headers, 'age')
  const ageMs = (age === null ? 0 : (deltaSeconds(age.split(',', 1)[0]!.trim()) ?? 0)) * 1000
  return Math.max(apparentMs, ageMs + Math.max(0, responseMs - requestMs))
}

/** A clock set back does not make anything younger than it was when it came. */
export function ageMs(f: Freshness, nowMs: number): number {
  return f.initialAgeMs + Math.max(0, nowMs - f.responseMs)
}

/** Null: may be used for this request as it is (RFC 9111 §4, §5.2.1). Else why it must be validated first. */
export function staleness(
  f: Freshness,
  request: Directives,
  pragmaNoCache: boolean,
  nowMs: number,
): StaleReason | null {
  if (f.alwaysValidate) return 'no-cache'
  if (request.noCache || (pragmaNoCache && !request.present)) return 'request-no-cache'
  const age = ageMs(f, nowMs)
  // `>=`: a reload's max-age=0 wants the origin asked, even within the same millisecond
  if (request.maxAge !== ABSENT && age >= request.maxAge * 1000) return 'request-max-age'
  const leftMs = f.lifetimeMs - age
  if (request.minFresh !== ABSENT && leftMs < request.minFresh * 1000) return 'request-min-fresh'
  if (leftMs > 0) return null
  return request.maxStale !== ABSENT && !f.neverStale && -leftMs <= request.maxStale * 1000 ? null : 'expired'
}
