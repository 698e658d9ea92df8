import type { ErrorCode } from '../../core/errors.ts'
import { type HeaderList, nameIs } from '../../core/headers.ts'
import type { HttpLimits } from '../limits.ts'
import { CLASS, COLON, CR, DIGIT, HTAB, LF, SP, TARGET, TEXT, TOKEN } from './bytes.ts'
import { parseLength, parseUpgrade, tokenIn } from './values.ts'

/** Results of `findHeadEnd` other than an index. */
export const INCOMPLETE = -1
export const BARE_LF = -2

/** Above this a head's strings are cut out one by one, so that a long-lived slice does not keep the whole head alive. */
const SHARED_TEXT_BYTES = 4096

/** Why a message was refused: for the detail of a WeirError. */
export interface Refusal {
  code: ErrorCode
  why: string
}

/** What a head said, framing already judged. One per connection, refilled for each message; `headers` is new each time. */
export class ParsedHead {
  method = ''
  target = ''
  status = 0
  reason = ''
  version: 10 | 11 = 11
  headers: HeaderList = []
  /** -1: no Content-Length. */
  contentLength = -1
  chunked = false
  hostCount = 0
  host = ''
  close = false
  keepAlive = false
  /** Connection names `upgrade`. */
  connectionUpgrade = false
  expectContinue = false
  /** Lower case; null unless exactly one protocol is named. */
  upgrade: string | null = null
  upgradeCount = 0
  teCount = 0

  reset(): void {
    this.method = this.target = this.reason = this.host = ''
    this.status = this.hostCount = this.upgradeCount = this.teCount = 0
    this.version = 11
    this.headers = []
    this.contentLength = -1
    this.chunked = this.close = this.keepAlive = this.connectionUpgrade = this.expectContinue = false
    this.upgrade = null
  }
}

/**
 * Index after the empty line that ends the head beginning at `start`, looking on from `from` (where the last search
 * ended). In a head without end yet a bare LF is refused on sight (RFC 9112 §2.2 allows it as a line end; parsers that
 * differ there get smuggled); in a whole one the parser meets it.
 */
export function findHeadEnd(bytes: Buffer, start: number, from: number, end: number): number {
  const searched = end === bytes.length ? bytes : bytes.subarray(0, end)
  const at = searched.indexOf(HEAD_END, Math.max(start, from - 3))
  if (at !== -1) return at + 4
  for (let i = from; i < end; i++) {
    if (bytes[i] === LF && (i === start || bytes[i - 1] !== CR)) return BARE_LF
  }
  return INCOMPLETE
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** RFC 9112 §3: `method SP request-target SP HTTP-version CRLF`, then fields, in bytes[start, end). */
export function parseRequest(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HttpLimits,
  out: ParsedHead,
): Refusal | null {
  out.reset()
  const text = end - start > SHARED_TEXT_BYTES ? '' : bytes.toString('latin1', start, end)
  const next = parseRequestLine(bytes, text, start, end, limits, out)
  if (typeof next !== 'number') return next
  return parseFields(bytes, text, start, next, end, limits, out) ?? judgeRequest(out)
}

/** Index of the first field line, or why not. Also used on a first line alone, so that garbage is refused before it goes on. */
export function parseRequestLine(
  bytes: Buffer,
  text: string,
  start: number,
  end: number,
  limits: HttpLimits,
  out: ParsedHead,
): number | Refusal {
  let i = start
  while (i < end && (CLASS[bytes[i]!]! & TOKEN) !== 0) i++
  if (i === start || bytes[i] !== SP) return bad('The method is not a token followed by one space.')
  out.method = cut(bytes, text, start, start, i)
  const target = ++i
  while (i < end && (CLASS[bytes[i]!]! & TARGET) !== 0) i++
  if (i - target > limits.maxTargetBytes) return { code: 'client-target-too-long', why: '' }
  if (i === target || bytes[i] !== SP) return bad('The target is empty or not followed by a version.')
  out.target = cut(bytes, text, start, target, i)
  const minor = httpMinor(bytes, ++i, end)
  if (minor === WRONG_MAJOR) return { code: 'client-version', why: '' }
  if (minor < 0 || bytes[i + 8] !== CR || bytes[i + 9] !== LF) return bad('The version is malformed.')
  out.version = minor === 0 ? 10 : 11
  return i + 10
}

/** RFC 9112 §4: `HTTP-version SP 3DIGIT [ SP [reason] ] CRLF`; the space before an absent reason may be absent too. */
export function parseResponse(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HttpLimits,
  out: ParsedHead,
): Refusal | null {
  out.reset()
  const text = end - start > SHARED_TEXT_BYTES ? '' : bytes.toString('latin1', start, end)
  const minor = httpMinor(bytes, start, end)
  let i = start + 8
  if (minor < 0 || bytes[i] !== SP) return badResponse('The status line is malformed.')
  out.version = minor === 0 ? 10 : 11
  for (let d = 1; d <= 3; d++) {
    const c = bytes[i + d]!
    if ((CLASS[c]! & DIGIT) === 0) return badResponse('The status is not three digits.')
    out.status = out.status * 10 + (c - 48)
  }
  if (out.status < 100) return badResponse('The status is below 100.')
  i += 4
  if (bytes[i] === SP) {
    const from = ++i
    while ((CLASS[bytes[i]!]! & TEXT) !== 0) i++
    out.reason = cut(bytes, text, start, from, i)
  }
  if (bytes[i] !== CR || bytes[i + 1] !== LF) return badResponse('The status line is malformed.')
  const refusal = parseFields(bytes, text, start, i + 2, end, limits, out)
  return refusal === null ? judgeResponse(out) : { code: 'origin-bad-response', why: refusal.why }
}

/**
 * RFC 9112 §5: `field-name ":" OWS field-value OWS CRLF` until the empty line that ends at `end`. Refuses whitespace
 * before the colon (§5.1), obs-fold (§5.2), bare CR, NUL and other controls. `base` is where `text` begins in `bytes`.
 */
export function parseFields(
  bytes: Buffer,
  text: string,
  base: number,
  pos: number,
  end: number,
  limits: HttpLimits,
  out: ParsedHead,
): Refusal | null {
  const { headers } = out
  const last = end - 2
  const max = limits.maxHeaders * 2
  while (pos < last) {
    let i = pos
    while ((CLASS[bytes[i]!]! & TOKEN) !== 0) i++
    if (i === pos || bytes[i] !== COLON) return bad('A field name is not a token followed by a colon.')
    const name = cut(bytes, text, base, pos, i)
    do i++
    while (bytes[i] === SP || bytes[i] === HTAB)
    const from = i
    while ((CLASS[bytes[i]!]! & TEXT) !== 0) i++
    if (bytes[i] !== CR || bytes[i + 1] !== LF) return bad('A field value has a control character.')
    pos = i + 2
    while (i > from && (bytes[i - 1] === SP || bytes[i - 1] === HTAB)) i--
    if (headers.length === max) return { code: 'client-head-too-large', why: `More than ${limits.maxHeaders} fields.` }
    const value = cut(bytes, text, base, from, i)
    headers.push(name, value)
    const refusal = noteField(name, value, out)
    if (refusal !== null) return refusal
  }
  return null
}

/** Keeps what framing and connection handling need. The length tells most names apart before any comparison. */
function noteField(name: string, value: string, out: ParsedHead): Refusal | null {
  switch (name.length) {
    case 4:
      if (nameIs(name, 'host')) {
        out.hostCount++
        out.host = value
      }
      return null
    case 6:
      if (nameIs(name, 'expect') && nameIs(value, '100-continue')) out.expectContinue = true
      return null
    case 7:
      if (nameIs(name, 'upgrade')) out.upgrade = ++out.upgradeCount === 1 ? parseUpgrade(value) : null
      return null
    case 10:
      if (nameIs(name, 'connection')) {
        if (tokenIn(value, 'close')) out.close = true
        if (tokenIn(value, 'keep-alive')) out.keepAlive = true
        if (tokenIn(value, 'upgrade')) out.connectionUpgrade = true
      }
      return null
    case 14:
      if (!nameIs(name, 'content-length')) return null
      // RFC 9112 §6.3 lets equal duplicates be merged; somebody behind us may not, so one line it is
      if (out.contentLength !== -1) return bad('There is more than one Content-Length.')
      out.contentLength = parseLength(value)
      return out.contentLength === -1 ? bad('The Content-Length is not a number of bytes.') : null
    case 17:
      if (!nameIs(name, 'transfer-encoding')) return null
      if (++out.teCount > 1 || !nameIs(value, 'chunked')) return bad('The Transfer-Encoding is not exactly "chunked".')
      out.chunked = true
      return null
    default:
      return null
  }
}

function judgeRequest(out: ParsedHead): Refusal | null {
  const refusal = judgeFraming(out)
  if (refusal !== null) return refusal
  // RFC 9110 §9.3.8: a TRACE has no content
  if (out.method === 'TRACE' && (out.chunked || out.contentLength > 0)) return bad('A TRACE request has a body.')
  return null
}

function judgeResponse(out: ParsedHead): Refusal | null {
  const refusal = judgeFraming(out)
  return refusal === null ? null : badResponse(refusal.why)
}

/** RFC 9112 §6.1: what two readers could frame differently is refused, not repaired. */
function judgeFraming(out: ParsedHead): Refusal | null {
  if (!out.chunked) return null
  if (out.contentLength !== -1) return bad('There is a Content-Length beside Transfer-Encoding.')
  if (out.version === 10) return bad('There is a Transfer-Encoding in an HTTP/1.0 message.')
  return null
}

const WRONG_MAJOR = -2

/** Minor version of an `HTTP/1.x` at `at` (RFC 9110 §2.5: 1.2 and up are read as 1.1); -1 malformed, WRONG_MAJOR otherwise. */
function httpMinor(bytes: Buffer, at: number, end: number): number {
  if (at + 8 > end) return -1
  if (bytes[at] !== 72 || bytes[at + 1] !== 84 || bytes[at + 2] !== 84 || bytes[at + 3] !== 80) return -1
  if (bytes[at + 4] !== 47 || bytes[at + 6] !== 46) return -1
  const major = bytes[at + 5]!
  const minor = bytes[at + 7]!
  if ((CLASS[major]! & CLASS[minor]! & DIGIT) === 0) return -1
  return major === 49 ? minor - 48 : WRONG_MAJOR
}

function cut(bytes: Buffer, text: string, base: number, from: number, to: number): string {
  return text === '' ? bytes.toString('latin1', from, to) : text.substring(from - base, to - base)
}

function bad(why: string): Refusal {
  return { code: 'client-bad-request', why }
}

function badResponse(why: string): Refusal {
  return { code: 'origin-bad-response', why }
}
