import { WeirError } from '../../core/errors.ts'
import { type RequestHead, UNKNOWN_LENGTH } from '../../core/exchange.ts'
import type { HttpLimits } from '../limits.ts'
import { type ConnectionPlace, resolveTarget } from '../target.ts'
import { CLASS, CR, LF, TOKEN } from './bytes.ts'
import type { Hold } from './hold.ts'
import { BARE_LF, INCOMPLETE, ParsedHead, parseRequest, parseRequestLine, type Refusal } from './parse.ts'
import { HeadFinder, TOO_LARGE } from './reader.ts'

/** From held bytes to a RequestHead, or the error the client has earned. One per connection. */
export class RequestReader {
  /** Bytes of a head (or of empty lines before it) have come. */
  begun = false
  readonly #limits: HttpLimits
  readonly #place: ConnectionPlace
  readonly #finder: HeadFinder
  readonly #parsed = new ParsedHead()
  #blankLines = 0
  #lineChecked = false

  constructor(limits: HttpLimits, place: ConnectionPlace) {
    this.#limits = limits
    this.#place = place
    this.#finder = new HeadFinder(limits)
  }

  /** May the connection live on after the request just read (RFC 9112 §9.3)? */
  get persistent(): boolean {
    const { version, close, keepAlive } = this.#parsed
    return !close && (version === 11 || keepAlive)
  }

  /** null: incomplete. */
  read(hold: Hold): RequestHead | WeirError | null {
    if (!this.begun) {
      this.begun = true
      this.#parsed.target = '' // what was known of the last request is not known of this one
    }
    if (!this.#skipBlankLines(hold))
      return new WeirError('client-bad-request', 'There are empty lines before the request.')
    // Half an empty line, or nothing after one: not yet a head, and the finder must not have seen it
    if (hold.size === 0 || (hold.size === 1 && hold.bytes[hold.start] === CR)) return null
    const end = this.#finder.find(hold)
    if (end === INCOMPLETE) return this.#checkBeginning(hold)
    if (end === TOO_LARGE) return this.#tooLarge(hold)
    if (end === BARE_LF) return new WeirError('client-bad-request', 'A line does not end in CRLF.')
    const refusal = parseRequest(hold.bytes, hold.start, end, this.#limits, this.#parsed)
    if (refusal !== null) return asError(refusal)
    hold.consumeTo(end)
    this.begun = this.#lineChecked = false
    this.#blankLines = 0
    return this.#head()
  }

  /** RFC 9112 §2.2: some old clients send an empty line after a body. */
  #skipBlankLines(hold: Hold): boolean {
    while (hold.size >= 2 && hold.bytes[hold.start] === CR && hold.bytes[hold.start + 1] === LF) {
      hold.consumeTo(hold.start + 2)
      if (++this.#blankLines > this.#limits.maxBlankLines) return false
    }
    return true
  }

  #head(): RequestHead | WeirError {
    const parsed = this.#parsed
    const target = resolveTarget(parsed, this.#place)
    if (typeof target === 'string') return new WeirError(target)
    const bodyLength = parsed.chunked ? UNKNOWN_LENGTH : Math.max(0, parsed.contentLength)
    const http11 = parsed.version === 11
    return {
      method: parsed.method,
      scheme: this.#place.scheme,
      host: target.host,
      port: target.port,
      path: target.path,
      headers: parsed.headers,
      version: parsed.version,
      bodyLength,
      expectContinue: parsed.expectContinue && http11 && bodyLength !== 0,
      upgrade: parsed.connectionUpgrade && http11 && bodyLength === 0 ? parsed.upgrade : null,
    }
  }

  /** What is known of a refused request, for the log; null when not even its first line was understood. */
  partial(): RequestHead | null {
    const { method, target, headers, version } = this.#parsed
    const { scheme, sni, dstAddr, dstPort } = this.#place
    if (target === '') return null
    const host = sni ?? dstAddr
    return {
      method,
      scheme,
      host,
      port: dstPort,
      path: target,
      headers,
      version,
      bodyLength: 0,
      expectContinue: false,
      upgrade: null,
    }
  }

  /** HTTP/0.9, other protocols and garbage are refused at their first line, not at the end of a head that may never come. */
  #checkBeginning(hold: Hold): WeirError | null {
    if (this.#lineChecked) return null
    const { bytes, start, end } = hold
    const lf = bytes.subarray(start, end).indexOf(LF)
    if ((CLASS[bytes[start]!]! & TOKEN) === 0) {
      return new WeirError('client-bad-request', 'The request does not begin with a method.')
    }
    if (lf === -1) return hold.size > this.#limits.maxTargetBytes + LONGEST_METHOD ? this.#tooLarge(hold) : null
    this.#lineChecked = true
    const next = parseRequestLine(bytes, '', start, start + lf + 1, this.#limits, this.#parsed)
    return typeof next === 'number' ? null : asError(next)
  }

  /** Too much of a head: is it the target's fault? */
  #tooLarge(hold: Hold): WeirError {
    const { bytes, start, end } = hold
    const lf = bytes.subarray(start, end).indexOf(LF)
    const line = lf === -1 ? end - start : lf
    return new WeirError(line > this.#limits.maxTargetBytes ? 'client-target-too-long' : 'client-head-too-large')
  }
}

/** Room for a method and the spaces in a first line whose end has not come. */
const LONGEST_METHOD = 256

function asError(refusal: Refusal): WeirError {
  return new WeirError(refusal.code, refusal.why)
}
