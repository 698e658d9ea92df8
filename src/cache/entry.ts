import { type HeaderList, headerAll, headerGet, nameIs } from '../core/headers.ts'
import { parseHttpDate } from './date.ts'
import type { Freshness } from './freshness.ts'

/** Rough cost of the objects round an entry: itself, its list, its places in two maps. Bytes. */
const ENTRY_OVERHEAD = 1024

export interface EntryInit {
  uri: string
  host: string
  scope: string
  status: number
  headers: HeaderList
  vary: (string | null)[]
  freshness: Freshness
  shareable: boolean
  body: Buffer[]
  bodyLength: number
}

export interface Validators {
  etag: string | null
  /** As sent, when it is a date. */
  lastModified: string | null
  lastModifiedMs: number
}

/** What a conditional request can be made with. */
export function validatorsOf(headers: HeaderList, nowMs: number): Validators {
  const modified = headerAll(headers, 'last-modified')
  const modifiedMs = modified.length === 1 ? parseHttpDate(modified[0]!, nowMs) : null
  return {
    etag: headerGet(headers, 'etag'),
    lastModified: modifiedMs === null ? null : modified[0]!,
    lastModifiedMs: modifiedMs ?? 0,
  }
}

/** One stored answer. Never changed: freshening makes a new one with the same body. */
export class Entry {
  /** Primary key, and whose it is: '' for names proved by a certificate, else the address it came from. */
  readonly uri: string
  readonly host: string
  readonly scope: string
  readonly status: number
  /** As sent, without hop-by-hop fields, framing and Age. */
  readonly headers: HeaderList
  /** Secondary key, see `varyKey`. */
  readonly vary: (string | null)[]
  readonly freshness: Freshness
  /** May answer requests with Authorization (RFC 9111 §3.5). */
  readonly shareable: boolean
  readonly body: Buffer[]
  readonly bodyLength: number
  readonly etag: string | null
  /** As sent, when it is a date. */
  readonly lastModified: string | null
  readonly lastModifiedMs: number
  /** Bytes it counts for in the budget. */
  readonly size: number

  constructor(init: EntryInit) {
    this.uri = init.uri
    this.host = init.host
    this.scope = init.scope
    this.status = init.status
    this.headers = init.headers
    this.vary = init.vary
    this.freshness = init.freshness
    this.shareable = init.shareable
    this.body = init.body
    this.bodyLength = init.bodyLength
    const validators = validatorsOf(init.headers, init.freshness.responseMs)
    this.etag = validators.etag
    this.lastModified = validators.lastModified
    this.lastModifiedMs = validators.lastModifiedMs
    this.size = ENTRY_OVERHEAD + init.uri.length + textLength(init.headers) + textLength(init.vary) + init.bodyLength
  }

  get hasValidator(): boolean {
    return this.etag !== null || this.lastModified !== null
  }
}

/** Hop-by-hop and proxy fields (RFC 9111 §3.1), framing, and Age, which is computed anew for every answer. */
const NOT_STORED = [
  'age',
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** The fields of an answer that are kept: all but those above and those that Connection names. */
export function storedFields(headers: HeaderList): HeaderList {
  const dropped = new Set(NOT_STORED)
  for (const line of headerAll(headers, 'connection')) {
    for (const name of line.split(',')) dropped.add(name.trim().toLowerCase())
  }
  const out: HeaderList = []
  for (let i = 0; i < headers.length; i += 2) {
    if (!dropped.has(headers[i]!.toLowerCase())) out.push(headers[i]!, headers[i + 1]!)
  }
  return out
}

/** A copy without the fields of these names (lower case). */
export function withoutFields(headers: HeaderList, names: readonly string[]): HeaderList {
  const out: HeaderList = []
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.some(name => nameIs(headers[i]!, name))) out.push(headers[i]!, headers[i + 1]!)
  }
  return out
}

/** Bytes of text, one a character. */
export function textLength(list: readonly (string | null)[]): number {
  let bytes = 0
  for (const item of list) bytes += item === null ? 0 : item.length
  return bytes
}
