import type { HeaderList } from '../../core/headers.ts'
import { stripTrailers } from '../hop.ts'
import type { HttpLimits } from '../limits.ts'
import { CLASS, CR, HEX, HTAB, LF, QUOTED, SEMICOLON, SP, TEXT, TOKEN } from './bytes.ts'
import { findHeadEnd, INCOMPLETE, ParsedHead, parseFields } from './parse.ts'

/** What `ChunkDecoder.next` found. */
export const MORE = 0
export const DATA = 1
export const DONE = 2
export const BAD = 3
export type ChunkStep = typeof MORE | typeof DATA | typeof DONE | typeof BAD

/** Neighbouring pieces of data smaller than this are joined. */
const JOIN_BYTES = 4096

/** Size line that every chunk may have: senders of small chunks pad sizes to eight digits, none to sixteen. */
const FREE_BYTES = 8

const S_SIZE = 0
const S_SIZE_LF = 1
const S_DATA = 2
const S_DATA_CR = 3
const S_DATA_LF = 4
const S_TRAILER = 5
// within chunk-ext, RFC 9112 §7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
const S_EXT = 6
const S_EXT_NAME_START = 7
const S_EXT_NAME = 8
const S_EXT_NAME_END = 9
const S_EXT_VALUE_START = 10
const S_EXT_VALUE = 11
const S_EXT_QUOTED = 12
const S_EXT_ESCAPED = 13
const S_EXT_QUOTED_END = 14

/**
 * Incremental reader of a chunked body (RFC 9112 §7.1). Data comes out as slices of the bytes that were put in; only
 * runs of small chunks are moved together inside that buffer (leftwards, over chunk headers already read), so a thousand
 * one-byte chunks in one read cost one slice. The caller must own the buffer.
 *
 *   for (;;) { const step = d.next(bytes, pos, end); pos = d.pos; … }
 *
 * After MORE, bytes from `pos` on (an unfinished trailer section) must be given again with what follows them.
 */
export class ChunkDecoder {
  /** Where reading goes on. */
  pos = 0
  /** The slice, after DATA. */
  from = 0
  to = 0
  /** After DONE; null when there were none. */
  trailers: HeaderList | null = null
  /** After BAD. */
  why = ''
  readonly #limits: HttpLimits
  #state = S_SIZE
  #size = 0
  #digits = 0
  /** Bytes of the present chunk header, and what headers cost so far beyond what their data excuses. */
  #line = 0
  #excess = 0
  #scanned = 0

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  reset(): void {
    this.#state = S_SIZE
    this.#size = this.#digits = this.#line = this.#excess = this.#scanned = 0
    this.trailers = null
    this.why = ''
  }

  next(bytes: Buffer, start: number, end: number): ChunkStep {
    let pos = start
    this.from = this.to = start
    while (pos < end) {
      if (this.#state === S_DATA) {
        const take = Math.min(this.#size, end - pos)
        if (!this.#join(bytes, pos, pos + take)) return this.#out(DATA, pos)
        pos += take
        this.#size -= take
        if (this.#size === 0) this.#state = S_DATA_CR
      } else if (this.#state === S_TRAILER) {
        // Data first: the trailer section may have to be read again from here
        if (this.to > this.from) return this.#out(DATA, pos)
        return this.#readTrailers(bytes, pos, end)
      } else if (!this.#framing(bytes[pos++]!)) {
        return this.#out(BAD, pos)
      }
    }
    return this.#out(this.to > this.from ? DATA : MORE, pos)
  }

  #out(step: ChunkStep, pos: number): ChunkStep {
    this.pos = pos
    return step
  }

  /** Adds bytes[from, to) to the slice. False: too big to move; the slice goes out first, then this piece alone. */
  #join(bytes: Buffer, from: number, to: number): boolean {
    const have = this.to - this.from
    if (have === 0) {
      this.from = from
      this.to = to
      return true
    }
    if (to - from >= JOIN_BYTES || have >= JOIN_BYTES * 4) return false
    bytes.copyWithin(this.to, from, to)
    this.to += to - from
    return true
  }

  /** One byte outside data. False: not allowed there. */
  #framing(c: number): boolean {
    switch (this.#state) {
      case S_SIZE:
        return this.#sizeByte(c)
      case S_SIZE_LF:
        return c === LF ? this.#sizeDone() : this.#bad('A chunk size line does not end in CRLF.')
      case S_DATA_CR:
        this.#state = S_DATA_LF
        return c === CR || this.#bad('A chunk is longer than its size.')
      case S_DATA_LF:
        this.#state = S_SIZE
        return c === LF || this.#bad('A chunk does not end in CRLF.')
      default:
        return ++this.#line + this.#excess <= this.#limits.maxChunkOverhead + 64
          ? this.#extensionByte(c) || this.#bad('A chunk extension is malformed.')
          : this.#bad('The chunk extensions are too long.')
    }
  }

  #sizeByte(c: number): boolean {
    const digit = HEX[c]!
    if (digit !== 255) {
      this.#line++
      this.#size = this.#size * 16 + digit
      if (++this.#digits > 16 || this.#size > Number.MAX_SAFE_INTEGER) return this.#bad('A chunk size is too long.')
      return true
    }
    if (this.#digits === 0) return this.#bad('A chunk size is not a hexadecimal number.')
    if (c === CR) this.#state = S_SIZE_LF
    else if (c === SEMICOLON) this.#state = S_EXT_NAME_START
    else if (c === SP || c === HTAB) this.#state = S_EXT
    else return this.#bad('A chunk size is not a hexadecimal number.')
    return true
  }

  /** FREE_BYTES of header and twice the data are free for each chunk; what goes beyond adds up over the whole body. */
  #sizeDone(): boolean {
    this.#excess = Math.max(0, this.#excess + this.#line + 2 - FREE_BYTES - 2 * this.#size)
    if (this.#excess > this.#limits.maxChunkOverhead) return this.#bad('The chunk headers outweigh their data.')
    this.#line = this.#digits = 0
    this.#state = this.#size === 0 ? S_TRAILER : S_DATA
    return true
  }

  #extensionByte(c: number): boolean {
    const blank = c === SP || c === HTAB
    const token = (CLASS[c]! & TOKEN) !== 0
    switch (this.#state) {
      case S_EXT:
        return blank || this.#go(c === SEMICOLON, S_EXT_NAME_START)
      case S_EXT_NAME_START:
        return blank || this.#go(token, S_EXT_NAME)
      case S_EXT_NAME:
        if (token) return true
        return blank
          ? this.#go(true, S_EXT_NAME_END)
          : c === 61
            ? this.#go(true, S_EXT_VALUE_START)
            : this.#extensionEnd(c)
      case S_EXT_NAME_END:
        return blank || (c === 61 ? this.#go(true, S_EXT_VALUE_START) : this.#go(c === SEMICOLON, S_EXT_NAME_START))
      case S_EXT_VALUE_START:
        return blank || (c === 34 ? this.#go(true, S_EXT_QUOTED) : this.#go(token, S_EXT_VALUE))
      case S_EXT_VALUE:
        return token || (blank ? this.#go(true, S_EXT) : this.#extensionEnd(c))
      case S_EXT_QUOTED:
        if (c === 34) return this.#go(true, S_EXT_QUOTED_END)
        return c === 92 ? this.#go(true, S_EXT_ESCAPED) : (CLASS[c]! & QUOTED) !== 0
      case S_EXT_ESCAPED:
        return this.#go((CLASS[c]! & TEXT) !== 0, S_EXT_QUOTED)
      default:
        return blank ? this.#go(true, S_EXT) : this.#extensionEnd(c)
    }
  }

  #extensionEnd(c: number): boolean {
    return c === SEMICOLON ? this.#go(true, S_EXT_NAME_START) : this.#go(c === CR, S_SIZE_LF)
  }

  #go(allowed: boolean, state: number): boolean {
    this.#state = state
    return allowed
  }

  #bad(why: string): false {
    this.why = why
    return false
  }

  #readTrailers(bytes: Buffer, pos: number, end: number): ChunkStep {
    if (bytes[pos] === CR && end - pos >= 2) {
      if (bytes[pos + 1] === LF) return this.#out(DONE, pos + 2)
      this.why = 'The chunked body does not end in CRLF.'
      return this.#out(BAD, pos)
    }
    const at = findHeadEnd(bytes, pos, pos + this.#scanned, end)
    if (at === INCOMPLETE && end - pos <= this.#limits.maxTrailerBytes) {
      this.#scanned = end - pos
      return this.#out(MORE, pos)
    }
    if (at < 0 || at - pos > this.#limits.maxTrailerBytes) {
      this.why = at === INCOMPLETE || at > 0 ? 'The trailers are too long.' : 'A trailer line does not end in CRLF.'
      return this.#out(BAD, pos)
    }
    const parsed = new ParsedHead()
    const refusal = parseFields(bytes, '', 0, pos, at, this.#limits, parsed)
    if (refusal !== null) {
      this.why = `In the trailers: ${refusal.why}`
      return this.#out(BAD, pos)
    }
    this.trailers = stripTrailers(parsed.headers)
    return this.#out(DONE, at)
  }
}
