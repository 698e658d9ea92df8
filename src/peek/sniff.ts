import { authorityHost } from './hostname.ts'

export type Sniffed = 'tls' | 'sslv2' | 'h1' | 'h2' | 'other' | 'more'

/** The client connection preface of RFC 9113 §3.4. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
/** Longest method looked for: the registry's longest has 17 letters. */
const MAX_METHOD = 32
/** How far a Host line is looked for: beyond it the HTTP codec decides, without the early answer. */
const MAX_HEAD_LOOK = 16_384
const SP = 0x20
const CR = 0x0d
const LF = 0x0a

/** What the first bytes of a connection are. `more`: they could still become TLS or HTTP. Pure; bounded look. */
export function sniff(bytes: Buffer): Sniffed {
  if (bytes.length === 0) return 'more'
  if (bytes[0] === 0x16) return bytes.length === 1 ? 'more' : bytes[1] === 3 ? 'tls' : 'other'
  if (bytes[0]! >= 0x80) return sniffSslv2(bytes)
  if (bytes[0] === PREFACE[0]) {
    const length = Math.min(bytes.length, PREFACE.length)
    if (bytes.compare(PREFACE, 0, length, 0, length) === 0) return length === PREFACE.length ? 'h2' : 'more'
  }
  return sniffRequestLine(bytes)
}

/**
 * The hello of SSL 2.0, with which clients of old also asked for later versions (RFC 5246 appendix E.2): a length with its
 * highest bit set, CLIENT-HELLO, the version wanted.
 */
function sniffSslv2(bytes: Buffer): Sniffed {
  if (bytes.length > 2 && bytes[2] !== 1) return 'other'
  if (bytes.length > 3 && bytes[3] !== 3 && bytes[3] !== 0) return 'other'
  if (bytes.length < 5) return 'more'
  return bytes[3] === 3 || bytes[4] === 2 ? 'sslv2' : 'other'
}

/**
 * A method token and a space alone would take in `SSH-2.0-OpenSSH_9.2 Debian` and `EHLO x`, so the target's form
 * counts too. Beyond that, whatever a lenient server would still answer as HTTP is `h1`: our codec refuses it, whereas
 * calling it `other` would tunnel it past the policy.
 */
function sniffRequestLine(bytes: Buffer): Sniffed {
  const start = skipWhile(bytes, 0, isLineBreak)
  const method = skipWhile(bytes, start, isTokenChar)
  if (method - start > MAX_METHOD) return 'other'
  if (method === bytes.length && method < MAX_HEAD_LOOK) return 'more'
  const target = skipWhile(bytes, method, isBlank)
  if (method === start || target === method) return 'other'
  if (target === MAX_HEAD_LOOK) return 'h1'
  if (target === bytes.length) return 'more'
  const form = targetForm(bytes.toString('latin1', start, method), bytes, target)
  return form === 'h1' ? sniffVersion(bytes, target) : form
}

/** The four forms of RFC 9112 §3.2, told by how they begin. */
function targetForm(method: string, bytes: Buffer, target: number): 'h1' | 'other' | 'more' {
  if (bytes[target] === 0x2f || bytes[target] === 0x2a) return 'h1'
  if (method.toUpperCase() === 'CONNECT') return isTokenChar(bytes[target]!) || bytes[target] === 0x5b ? 'h1' : 'other'
  const text = bytes.toString('latin1', target, target + 8).toLowerCase()
  if (text.startsWith('http://') || text === 'https://') return 'h1'
  return 'http://'.startsWith(text) || 'https://'.startsWith(text) ? 'more' : 'other'
}

/** Only another protocol's name (`RTSP/1.0`, `SIP/2.0`) takes a line of this form away from HTTP. */
function sniffVersion(bytes: Buffer, target: number): 'h1' | 'other' | 'more' {
  const end = skipWhile(bytes, target, isVisible)
  const version = skipWhile(bytes, end, isBlank)
  const text = bytes.toString('latin1', version, version + 16)
  if (/^[A-Z]+\//.test(text) && !text.startsWith('HTTP/')) return 'other'
  const cut = version + text.length === bytes.length && /^[A-Z]*$/.test(text) && text.length < 16
  return cut && bytes.length < MAX_HEAD_LOOK ? 'more' : 'h1'
}

function skipWhile(bytes: Buffer, from: number, is: (c: number) => boolean): number {
  const limit = Math.min(bytes.length, MAX_HEAD_LOOK)
  let at = from
  while (at < limit && is(bytes[at]!)) at++
  return at
}

/**
 * Host that a request which sniffed as `h1` names: of an absolute-form target (RFC 9112 §3.2.2), else of the first
 * Host line; null when the head has none or the value is no host. `more`: the head is not complete and none was seen.
 * For an early decision only: the codec parses the head for real and refuses what is ambiguous.
 */
export function sniffHost(bytes: Buffer): { state: 'more' } | { state: 'host'; host: string | null } {
  const limit = Math.min(bytes.length, MAX_HEAD_LOOK)
  let line = skipWhile(bytes, 0, isLineBreak)
  let end = bytes.indexOf(LF, line)
  if (end >= 0 && end < limit) {
    const text = bytes.toString('latin1', line, end)
    const authority = /^[^ ]+ https?:\/\/([^/?# ]*)/i.exec(text)
    if (authority !== null) return named(authorityHost(authority[1]!))
    if (/^[^ \t]+[ \t]+[^ \t]+\r?$/.test(text)) return named(null) // HTTP/0.9: no field to wait for
  }
  while (end >= 0 && end < limit) {
    line = end + 1
    end = bytes.indexOf(LF, line)
    if (end < 0 || end >= limit) break
    const text = bytes.toString('latin1', line, end)
    if (text === '' || text === '\r') return named(null)
    if (/^host:/i.test(text)) return named(authorityHost(text.slice(5).trim()))
  }
  return limit === MAX_HEAD_LOOK ? named(null) : { state: 'more' }
}

function named(host: string | null): { state: 'host'; host: string | null } {
  return { state: 'host', host }
}

/** RFC 9112 §2.2 lets servers skip empty lines before a request, and some skip bare LFs. */
function isLineBreak(c: number): boolean {
  return c === CR || c === LF
}

function isBlank(c: number): boolean {
  return c === SP || c === 0x09
}

function isVisible(c: number): boolean {
  return c > SP && c !== 0x7f
}

/** tchar of RFC 9110 §5.6.2. */
function isTokenChar(c: number): boolean {
  if ((c >= 0x61 && c <= 0x7a) || (c >= 0x41 && c <= 0x5a) || (c >= 0x30 && c <= 0x39)) return true
  return c > SP && c < 0x7f && !'"(),/:;<=>?@[\\]{}'.includes(String.fromCharCode(c))
}
