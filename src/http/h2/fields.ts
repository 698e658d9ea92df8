import type { OutgoingHttpHeaders } from 'node:http2'
import { hostPort } from '../../core/addr.ts'
import { type RequestHead, type ResponseHead, UNKNOWN_LENGTH } from '../../core/exchange.ts'
import type { HeaderList } from '../../core/headers.ts'
import { parseLength } from '../h1/values.ts'
import { stripTrailers } from '../hop.ts'

/** RFC 9113 §8.2.2, and the framing and routing fields that are written anew from the head. */
const NOT_COPIED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'host',
  'content-length',
])

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** node joins name, value and flags by NUL: one inside would shift everything after it. */
const CONTROL = /[\0\r\n]/

/** Appends what HTTP/2 can carry of a list, names in lower case. */
function appendFields(raw: string[], headers: HeaderList): void {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    const value = headers[i + 1]!
    if (NOT_COPIED.has(name) || !TOKEN.test(name) || CONTROL.test(value)) continue
    if (name === 'te' && value !== 'trailers') continue
    raw.push(name, value)
  }
}

/** As an object, for the two calls of node:http2 that take nothing else: 1xx and trailers. */
export function fieldObject(headers: HeaderList | null): OutgoingHttpHeaders {
  const out: Record<string, string | string[]> = Object.create(null)
  const raw: string[] = []
  if (headers !== null) appendFields(raw, headers)
  for (let i = 0; i < raw.length; i += 2) {
    const before = out[raw[i]!]
    if (before === undefined) out[raw[i]!] = raw[i + 1]!
    else if (typeof before === 'string') out[raw[i]!] = [before, raw[i + 1]!]
    else before.push(raw[i + 1]!)
  }
  return out
}

/** Methods whose empty body is worth a `content-length: 0` (RFC 9110 §8.6). */
const WITH_CONTENT = new Set(['POST', 'PUT', 'PATCH'])

export function requestFields(head: RequestHead): string[] {
  const usual = head.scheme === 'https' ? 443 : 80
  const bare = head.host.includes(':') ? `[${head.host}]` : head.host
  const authority = head.port === usual ? bare : hostPort(head.host, head.port)
  const raw = [':method', head.method, ':scheme', head.scheme, ':authority', authority, ':path', head.path]
  appendFields(raw, head.headers)
  if (head.bodyLength > 0 || (head.bodyLength === 0 && WITH_CONTENT.has(head.method))) {
    raw.push('content-length', String(head.bodyLength))
  }
  return raw
}

/** RFC 9110 §15: a status outside 100–599 counts as a 5xx; node:http2 cannot send it at all. */
export function sendableStatus(status: number): number {
  return status >= 200 && status <= 599 ? status : 502
}

/** `bodyLength` of an answer to HEAD is the length the body would have; 0 then means that it is not known. */
export function responseFields(head: ResponseHead, isHead: boolean): string[] {
  const status = sendableStatus(head.status)
  const raw = [':status', String(status)]
  appendFields(raw, head.headers)
  const announced = head.bodyLength > 0 || (head.bodyLength === 0 && !isHead)
  if (announced && status !== 204 && status !== 304) raw.push('content-length', String(head.bodyLength))
  return raw
}

/** RFC 9110 §6.4.1: these never have a body. */
export function isBodyless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

/** From node's flat list; nghttp2 has checked the status and the names. */
export function readResponse(raw: readonly string[], isHead: boolean, endStream: boolean): ResponseHead {
  const headers: HeaderList = []
  let status = 0
  let length = UNKNOWN_LENGTH
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!
    const value = raw[i + 1]!
    if (name === ':status') status = Number(value)
    else if (name.charCodeAt(0) !== 58) {
      if (name === 'content-length') length = parseLength(value)
      headers.push(name, value)
    }
  }
  if (!isHead && (endStream || isBodyless(status))) length = 0
  return { status, reason: '', headers, version: 20, bodyLength: length }
}

/** RFC 9113 §8.2.1: a value must neither begin nor end with white space. Everything else of that clause nghttp2 checks. */
export function hasOuterSpace(raw: readonly string[]): boolean {
  for (let i = 1; i < raw.length; i += 2) {
    const value = raw[i]!
    if (value !== '' && (isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(value.length - 1)))) return true
  }
  return false
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9
}

/** A trailer section without what may not be in one (RFC 9110 §6.5.1); null when it is malformed. */
export function readTrailers(raw: readonly string[], maxBytes: number): { fields: HeaderList | null } | null {
  if (fieldBytes(raw) > maxBytes || hasOuterSpace(raw)) return null
  return { fields: stripTrailers(plainFields(raw)) }
}

/** Field lines without pseudo fields, for 1xx and trailers. */
export function plainFields(raw: readonly string[]): HeaderList {
  const headers: HeaderList = []
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]!.charCodeAt(0) !== 58) headers.push(raw[i]!, raw[i + 1]!)
  }
  return headers
}

/**
 * Octets of names and values. node keeps to the announced list size only once the peer has acknowledged it, and a few
 * kilobytes on the wire can name one large table entry a thousand times (RFC 7541 §7.3).
 */
export function fieldBytes(raw: readonly string[]): number {
  let bytes = 0
  for (let i = 0; i < raw.length; i++) bytes += raw[i]!.length
  return bytes
}
