import { parseHttpDate } from './date.ts'
import type { Entry } from './entry.ts'
import { stronglyEqual } from './etag.ts'

/** Positions of the first and last byte, both included. */
export interface ByteRange {
  first: number
  last: number
}

/**
 * A Range value against a complete body (RFC 9110 §14). Null: answer with the whole, which is always allowed: other
 * units, syntax errors, several ranges, an empty body.
 */
export function selectRange(value: string, length: number): ByteRange | 'unsatisfiable' | null {
  const m = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(value)
  if (m === null || length === 0) return null
  const [, from, to] = m as unknown as [string, string, string]
  if (from === '') {
    if (to === '') return null
    const suffix = Number(to)
    return suffix === 0 ? 'unsatisfiable' : { first: Math.max(0, length - suffix), last: length - 1 }
  }
  const first = Number(from)
  const last = to === '' ? length - 1 : Math.min(Number(to), length - 1)
  if (to !== '' && Number(to) < first) return null
  return first >= length ? 'unsatisfiable' : { first, last }
}

/**
 * RFC 9110 §13.1.5: the range counts only if what the client holds is exactly what is stored: the same strong entity
 * tag, or the same Last-Modified, provided that is a strong validator (§8.8.2.2: at least a second older than Date).
 */
export function ifRangeHolds(value: string, entry: Entry, nowMs: number): boolean {
  if (value.includes('"')) return entry.etag !== null && stronglyEqual(value, entry.etag)
  const modifiedMs = parseHttpDate(value, nowMs)
  return modifiedMs !== null && value === entry.lastModified && modifiedMs + 1000 <= entry.freshness.dateMs
}

/** The part of a body held in blocks; no byte is copied. */
export function sliceBody(blocks: Buffer[], range: ByteRange): Buffer[] {
  const out: Buffer[] = []
  let at = 0
  for (const block of blocks) {
    const from = Math.max(range.first - at, 0)
    const to = Math.min(range.last + 1 - at, block.length)
    if (from < to) out.push(block.subarray(from, to))
    at += block.length
    if (at > range.last) break
  }
  return out
}
