import { STATUS_CODES } from 'node:http'
import { hostPort } from '../../core/addr.ts'
import type { WeirError } from '../../core/errors.ts'
import { type LocalReply, type RequestHead, type ResponseHead, UNKNOWN_LENGTH } from '../../core/exchange.ts'
import { type HeaderList, nameIs } from '../../core/headers.ts'

export const LAST_CHUNK = '0\r\n\r\n'

/** How the end of a body is told. `none`: by the kind of message; `close`: by the end of the connection. */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

/** Which framing an answer to this request gets (RFC 9112 §6.3, from the sender's side). */
export function responseFraming(method: string, status: number, bodyLength: number, version: 10 | 11): Framing {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none'
  if (bodyLength !== UNKNOWN_LENGTH) return 'length'
  return version === 11 ? 'chunked' : 'close'
}

/**
 * A response head, empty line included. `connection` is the value of our own Connection field, or ''. Without a body
 * Content-Length still says what a GET would get (RFC 9110 §8.6); a 304 made here without knowing says 0, which is left out.
 */
export function responseHead(head: ResponseHead, method: string, framing: Framing, connection: string): string {
  const { status, bodyLength } = head
  const reason = head.reason === '' ? (STATUS_CODES[status] ?? '') : head.reason
  let text = `HTTP/1.1 ${status} ${reason}\r\n${fieldLines(head.headers)}`
  if (framing === 'length') text += `Content-Length: ${bodyLength}\r\n`
  else if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  else if (
    framing === 'none' &&
    status !== 204 &&
    (status === 304 ? bodyLength > 0 : method === 'HEAD' && bodyLength >= 0)
  ) {
    text += `Content-Length: ${bodyLength}\r\n`
  }
  if (connection !== '') text += `Connection: ${connection}\r\n`
  return `${text}\r\n`
}

/** A whole answer by Weir that ends the connection: `reply`, or just the error's status. */
export function localReply(error: WeirError, reply: LocalReply | null): Buffer {
  const { status, headers, body } = reply ?? { status: error.status, headers: [], body: Buffer.alloc(0) }
  const head: ResponseHead = { status, reason: '', headers, version: 11, bodyLength: body.length }
  return Buffer.concat([Buffer.from(responseHead(head, 'GET', 'length', 'close'), 'latin1'), body])
}

/** An interim response (1xx). */
export function interimHead(status: number, headers: HeaderList): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${fieldLines(headers)}\r\n`
}

/** 101: the only answer that names its own connection options. */
export function upgradeHead(head: ResponseHead, protocol: string): string {
  const reason = head.reason === '' ? 'Switching Protocols' : head.reason
  return `HTTP/1.1 101 ${reason}\r\n${fieldLines(head.headers)}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`
}

/**
 * A request head, empty line included, always HTTP/1.1. A Host the client sent over HTTP/1 stays where and as it was:
 * it was checked against `host` and `port` on the way in. From h2 it is made anew, since :authority is what counts there.
 */
export function requestHead(head: RequestHead): string {
  const { headers } = head
  let fields = ''
  let hosts = 0
  let te = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (name.length === 4 && nameIs(name, 'host')) {
      if (hosts++ > 0 || head.version === 20) continue
    } else if (isFraming(name)) continue
    else if (name.length === 2 && nameIs(name, 'te')) te = true
    fields += `${name}: ${headers[i + 1]!}\r\n`
  }
  const host = hosts === 0 || head.version === 20 ? `Host: ${hostValue(head)}\r\n` : ''
  return `${head.method} ${head.path} HTTP/1.1\r\n${host}${fields}${requestFraming(head)}${connectionLines(head, te)}\r\n`
}

function hostValue(head: RequestHead): string {
  const standard = head.port === (head.scheme === 'https' ? 443 : 80)
  return standard ? (head.host.includes(':') ? `[${head.host}]` : head.host) : hostPort(head.host, head.port)
}

/** RFC 9110 §8.6: without a body, only methods that give one a meaning say so. */
function requestFraming(head: RequestHead): string {
  if (head.bodyLength === UNKNOWN_LENGTH) return 'Transfer-Encoding: chunked\r\n'
  if (head.bodyLength > 0) return `Content-Length: ${head.bodyLength}\r\n`
  const { method } = head
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 'Content-Length: 0\r\n' : ''
}

function connectionLines(head: RequestHead, te: boolean): string {
  if (head.upgrade !== null) return `Connection: Upgrade${te ? ', TE' : ''}\r\nUpgrade: ${head.upgrade}\r\n`
  return te ? 'Connection: TE\r\n' : ''
}

/** Field lines in order; framing and Connection are never copied, only made here. */
export function fieldLines(headers: HeaderList): string {
  let text = ''
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (!isFraming(name)) text += `${name}: ${headers[i + 1]!}\r\n`
  }
  return text
}

function isFraming(name: string): boolean {
  switch (name.length) {
    case 10:
      return nameIs(name, 'connection')
    case 14:
      return nameIs(name, 'content-length')
    case 17:
      return nameIs(name, 'transfer-encoding')
    default:
      return false
  }
}

export function chunkSize(bytes: number): string {
  return `${bytes.toString(16)}\r\n`
}

/** The end of a chunked body. */
export function lastChunk(trailers: HeaderList | null): string {
  return trailers === null ? LAST_CHUNK : `0\r\n${fieldLines(trailers)}\r\n`
}

/**
 * Would this list break out of its lines? Lists parsed by HTTP/1 cannot; those from h2 are checked before they become
 * HTTP/1 (RFC 9113 §8.2.1: a field that is valid in h2's framing may be a line break here). Also refuses what latin1
 * cannot carry, which a Buffer would silently cut down, to a CR for instance.
 */
export function breaksLines(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(headers[i]!)) return true
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(headers[i + 1]!)) return true
  }
  return false
}
