import { NO_REASON, type Reason } from '../core/decision.ts'
import { type ErrorCode, type Fault, WeirError } from '../core/errors.ts'
import { Exchange, type LocalReply } from '../core/exchange.ts'
import { type HeaderList, headerGet } from '../core/headers.ts'
import { clip, plain } from '../core/html.ts'
import { OVERLOOKABLE } from '../core/tls-policy.ts'
import { type PageType, pageType } from './pages/accept.ts'
import { chainJson } from './pages/chain.ts'
import { type Fact, type PageExtras, type PageParts, renderHtml, renderText } from './pages/html.ts'
import { retryAfter, wordsFor } from './pages/words.ts'

/** What a page tells about the request it answers; made of an exchange, or of what is known where there is none. */
export interface PageFacts {
  /** Whatever of it is known; '' otherwise. */
  host: string
  headers: HeaderList
  /** Milliseconds since the epoch. */
  time: number
  /** By which the log has it: the id of the connection. */
  reference: string
  reason: Reason
}

const NO_EXTRAS: PageExtras = Object.freeze({ override: null, enrol: false })

/**
 * The page for a refusal by policy: 403, with rule and list line. The body is there for HEAD too, so that Content-Length is
 * what GET would give (RFC 9110 §8.6); whoever writes it out leaves the body away.
 */
export function blockPage(ex: Exchange, extras = NO_EXTRAS): LocalReply {
  return page(factsOf(ex), new WeirError('policy-blocked'), extras)
}

/** The page for anything else that went wrong. An error whose status is 0 has no page of its own and shows as 500. */
export function errorPage(subject: Exchange | PageFacts, error: WeirError, extras = NO_EXTRAS): LocalReply {
  return page(subject instanceof Exchange ? factsOf(subject) : subject, error, extras)
}

function factsOf(ex: Exchange): PageFacts {
  return {
    host: ex.request.host,
    headers: ex.request.headers,
    time: ex.startedAt,
    reference: ex.conn.id,
    reason: (ex.decision ?? ex.conn.decision)?.reason ?? NO_REASON,
  }
}

const CONTENT_TYPES: Record<PageType, string> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
}

/** Inline style is all the page has; nothing a stranger could bring into it would run, load or be sent. */
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
/** A form that lets a person in must not be laid under somebody else's button. */
const FORM_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

function page(facts: PageFacts, error: WeirError, extras: PageExtras): LocalReply {
  const type = pageType(headerGet(facts.headers, 'accept'))
  const status = error.status === 0 ? 500 : error.status
  const form = extras.override !== null && type === 'html'
  const headers: HeaderList = [
    'Content-Type',
    CONTENT_TYPES[type],
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    'Content-Security-Policy',
    form ? FORM_POLICY : PAGE_POLICY,
  ]
  const seconds = retryAfter(error.code)
  if (seconds !== null) headers.push('Retry-After', String(seconds))
  return { status, headers, body: Buffer.from(render(type, facts, error, status, extras)) }
}

function render(type: PageType, facts: PageFacts, error: WeirError, status: number, extras: PageExtras): string {
  const reason = error.fault === 'policy' ? facts.reason : NO_REASON
  if (type === 'json') return renderJson(facts, error, status, reason)
  const parts: PageParts = {
    tone: error.fault satisfies Fault,
    words: wordsFor(error.code),
    detail: error.detail,
    host: facts.host,
    facts: shownFacts(facts, error, reason),
    chain: error.chain,
    exception: exceptionYaml(error.code, facts.host, facts.time),
    ...extras,
  }
  return type === 'text' ? renderText(parts) : renderHtml(parts)
}

/** Long enough to have it mended, short enough to be looked at again. */
const EXCEPTION_MS = 30 * 86_400_000

/** What to paste into the policy document; '' for what nobody may overlook. A JSON text is a YAML text. */
function exceptionYaml(code: ErrorCode, host: string, nowMs: number): string {
  const allow = code === 'origin-tls' ? 'old-tls' : OVERLOOKABLE[code]
  if (allow === undefined || host === '') return ''
  const until = new Date(nowMs + EXCEPTION_MS).toISOString().slice(0, 10)
  return `exceptions:
  - host: ${JSON.stringify(clip(host))}
    allow: [${allow}]
    until: ${until}
    reason: "why this is needed, and who asked for it"`
}

function shownFacts(facts: PageFacts, error: WeirError, reason: Reason): Fact[] {
  const out: Fact[] = []
  if (facts.host !== '') out.push(['Address', facts.host])
  if (reason.rule !== null) out.push(['Rule', `${clip(reason.rule)} (line ${reason.line})`])
  if (reason.list !== null) out.push(['List', `${clip(reason.list)} (line ${reason.listLine})`])
  out.push(['Time', localTime(facts.time)], ['Reference', facts.reference])
  if (error.fault !== 'policy') out.push(['Code', error.code])
  return out
}

function renderJson(facts: PageFacts, error: WeirError, status: number, reason: Reason): string {
  const body = {
    error: error.code,
    fault: error.fault,
    status,
    message: plain(clip(error.message)),
    host: plain(clip(facts.host)),
    rule: reason.rule === null ? null : plain(clip(reason.rule)),
    line: reason.line,
    list: reason.list === null ? null : plain(clip(reason.list)),
    listLine: reason.listLine,
    time: new Date(facts.time).toISOString(),
    reference: plain(clip(facts.reference)),
    ...(error.chain === null ? {} : { chain: chainJson(error.chain) }),
  }
  return `${JSON.stringify(body)}\n`
}

/** `2026-05-04 13:02:11 +02:00`: the clock on the wall of the place, and still exact. */
function localTime(ms: number): string {
  const date = new Date(ms)
  const offset = -date.getTimezoneOffset()
  const shifted = new Date(ms + offset * 60_000).toISOString()
  const zone = `${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
  return `${shifted.slice(0, 10)} ${shifted.slice(11, 19)} ${offset < 0 ? '-' : '+'}${zone}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
