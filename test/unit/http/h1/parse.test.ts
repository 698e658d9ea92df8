import test from 'ava'
import fc from 'fast-check'
import { Hold } from '../../../../src/http/h1/hold.ts'
import {
  BARE_LF,
  findHeadEnd,
  INCOMPLETE,
  ParsedHead,
  parseRequest,
  parseResponse,
} from '../../../../src/http/h1/parse.ts'
import { HeadFinder, TOO_LARGE } from '../../../../src/http/h1/reader.ts'
import { parseLength, parseUpgrade } from '../../../../src/http/h1/values.ts'
import { DEFAULT_LIMITS, type HttpLimits } from '../../../../src/http/limits.ts'

type Parse = typeof parseRequest

function read(text: string, parse: Parse, limits: HttpLimits = DEFAULT_LIMITS): ParsedHead | string {
  const bytes = Buffer.from(text, 'latin1')
  const end = findHeadEnd(bytes, 0, 0, bytes.length)
  if (end === BARE_LF) return 'bare-lf'
  if (end === INCOMPLETE) return 'incomplete'
  const out = new ParsedHead()
  const refusal = parse(bytes, 0, end, limits, out)
  return refusal === null ? out : refusal.code
}

const request = (line: string, ...fields: string[]) =>
  read(`${line}\r\n${fields.map(f => `${f}\r\n`).join('')}\r\n`, parseRequest)
const response = (line: string, ...fields: string[]) =>
  read(`${line}\r\n${fields.map(f => `${f}\r\n`).join('')}\r\n`, parseResponse)

test('a request comes out as it was sent: order, case, duplicates, obs-text', t => {
  const head = request(
    'bReW /p\xe4th?q=%20|{} HTTP/1.1',
    'hOST: a',
    'X-A:1',
    'x-a: \t2 \t',
    'X-Empty:',
    'X-\xdc-no: x'.replace('\xdc', 'U'),
    'X-B: \xe4\xff\t!',
  )
  if (typeof head === 'string') return t.fail(head)
  t.is(head.method, 'bReW')
  t.is(head.target, '/p\xe4th?q=%20|{}')
  t.is(head.version, 11)
  t.deepEqual(head.headers, ['hOST', 'a', 'X-A', '1', 'x-a', '2', 'X-Empty', '', 'X-U-no', 'x', 'X-B', '\xe4\xff\t!'])
  t.is(head.hostCount, 1)
})

const H = 'Host: a'
const goodRequests: [string, ...string[]][] = [
  ['GET / HTTP/1.1', H],
  ['GET / HTTP/1.0'],
  ['GET / HTTP/1.9', H],
  ["!#$%&'*+-.^_`|~09azAZ / HTTP/1.1", H],
  ['GET http://a/ HTTP/1.1', H],
  ['POST / HTTP/1.1', H, 'Content-Length: 0005'],
  ['POST / HTTP/1.1', H, 'Content-Length: 9007199254740991'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: CHUNKED'],
  ['GET / HTTP/1.1', H, `!#$%&'*+-.^_\`|~09azAZ: token names`],
]
test('good requests', t => {
  for (const message of goodRequests) t.true(request(...message) instanceof ParsedHead, message.join('|'))
})

const badRequests: [string, ...string[]][] = [
  ['GET /'],
  ['GET  / HTTP/1.1', H],
  ['GET /  HTTP/1.1', H],
  ['GET / HTTP/1.1 ', H],
  [' GET / HTTP/1.1', H],
  ['GET\t/ HTTP/1.1', H],
  ['GET / a HTTP/1.1', H],
  ['GET /\x00 HTTP/1.1', H],
  ['GET /\x7f HTTP/1.1', H],
  ['GET /\r HTTP/1.1', H],
  ['GET / http/1.1', H],
  ['GET / HTTP/1.10', H],
  ['GET / HTTP/1', H],
  ['GET / HTTP/1,1', H],
  ['GET / HTTP/11', H],
  ['G(T / HTTP/1.1', H],
  ['G\xc4T / HTTP/1.1', H],
  ['GET / HTTP/1.1', 'Host : a'],
  ['GET / HTTP/1.1', ' Host: a'],
  ['GET / HTTP/1.1', H, 'X: a', ' folded'],
  ['GET / HTTP/1.1', H, 'X: a', '\tfolded'],
  ['GET / HTTP/1.1', H, ': no name'],
  ['GET / HTTP/1.1', H, 'no colon'],
  ['GET / HTTP/1.1', H, 'X: a\x00b'],
  ['GET / HTTP/1.1', H, 'X: a\rb'],
  ['GET / HTTP/1.1', H, 'X: a\r'],
  ['GET / HTTP/1.1', H, 'X: a\x7f'],
  ['GET / HTTP/1.1', H, 'X: a\x0b'],
  ['GET / HTTP/1.1', H, 'X\xe4: a'],
  ['GET / HTTP/1.1', H, 'X(: a'],
  ['POST / HTTP/1.1', H, 'Content-Length: +5'],
  ['POST / HTTP/1.1', H, 'Content-Length: -5'],
  ['POST / HTTP/1.1', H, 'Content-Length: 5_0'],
  ['POST / HTTP/1.1', H, 'Content-Length: 0x5'],
  ['POST / HTTP/1.1', H, 'Content-Length: 5 5'],
  ['POST / HTTP/1.1', H, 'Content-Length: 5, 5'],
  ['POST / HTTP/1.1', H, 'Content-Length: 5,'],
  ['POST / HTTP/1.1', H, 'Content-Length:'],
  ['POST / HTTP/1.1', H, 'Content-Length: 9007199254740992'],
  ['POST / HTTP/1.1', H, 'Content-Length: 18446744073709551617'],
  ['POST / HTTP/1.1', H, 'Content-Length: \xb2'],
  ['POST / HTTP/1.1', H, 'Content-Length: 5', 'Content-Length: 5'],
  ['POST / HTTP/1.1', H, 'Content-Length: 5', 'content-length: 6'],
  ['POST / HTTP/1.1', H, 'Content-Length: 5', 'Transfer-Encoding: chunked'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: chunked', 'Content-Length: 0'],
  ['POST / HTTP/1.0', H, 'Transfer-Encoding: chunked'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: chunked, chunked'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: gzip, chunked'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: chunked, identity'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: identity'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: xchunked'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: "chunked"'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: chunked;q=1'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding: ,chunked'],
  ['POST / HTTP/1.1', H, 'Transfer-Encoding:'],
  ['TRACE / HTTP/1.1', H, 'Content-Length: 1'],
]
test('bad requests', t => {
  for (const message of badRequests) t.is(request(...message), 'client-bad-request', message.join('|'))
})

test('other versions', t => {
  t.is(request('GET / HTTP/2.0', H), 'client-version')
  t.is(request('GET / HTTP/0.9', H), 'client-version')
  t.is(request('PRI * HTTP/2.0'), 'client-version')
})

test('bare LF is refused anywhere in a head', t => {
  for (const text of [
    'GET / HTTP/1.1\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\n',
    '\nGET',
  ]) {
    t.true(['bare-lf', 'client-bad-request'].includes(String(read(text, parseRequest))), JSON.stringify(text))
    const early = Buffer.from(text.slice(0, text.lastIndexOf('\n') + 1).replace(/\r\n\r\n$/, '\r\n'))
    t.is(findHeadEnd(early, 0, 0, early.length), BARE_LF)
  }
})

test('limits: target, fields', t => {
  const limits = { ...DEFAULT_LIMITS, maxTargetBytes: 10, maxHeaders: 2 }
  t.true(read('GET /123456789 HTTP/1.1\r\n\r\n', parseRequest, limits) instanceof ParsedHead)
  t.is(read('GET /1234567890 HTTP/1.1\r\n\r\n', parseRequest, limits), 'client-target-too-long')
  t.true(read('GET / HTTP/1.1\r\na:\r\nb:\r\n\r\n', parseRequest, limits) instanceof ParsedHead)
  t.is(read('GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\n\r\n', parseRequest, limits), 'client-head-too-large')
})

test('64 KiB of fields and a 32 KiB target pass by default', t => {
  const head = request(
    `GET /${'a'.repeat(32 * 1024 - 1)} HTTP/1.1`,
    H,
    ...Array.from({ length: 64 }, (_, i) => `X-${i}: ${'v'.repeat(1015)}`),
  )
  t.true(head instanceof ParsedHead)
})

test('responses', t => {
  for (const message of [
    ['HTTP/1.1 200 OK'],
    ['HTTP/1.1 200 '],
    ['HTTP/1.1 200'],
    ['HTTP/1.0 404 Not  Found \xe4'],
    ['HTTP/1.1 999 Request denied'],
    ['HTTP/1.1 204 No Content', 'Content-Length: 0'],
  ] as [string, ...string[]][]) {
    t.true(response(...message) instanceof ParsedHead, message.join('|'))
  }
  for (const message of [
    ['HTTP/1.1  200 OK'],
    ['HTTP/1.1 20 OK'],
    ['HTTP/1.1 2000 OK'],
    ['HTTP/1.1 099 OK'],
    ['HTTP/1.1 2O0 OK'],
    ['HTTP/1.1\t200 OK'],
    ['HTTP/2.0 200 OK'],
    ['http/1.1 200 OK'],
    ['ICY 200 OK'],
    ['HTTP/1.1 200 O\x00K'],
    ['HTTP/1.1 200 O\rK'],
    ['HTTP/1.1 200 OK', 'Content-Length: 5', 'Content-Length: 5'],
    ['HTTP/1.1 200 OK', 'Content-Length: 5', 'Transfer-Encoding: chunked'],
    ['HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked'],
    ['HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'],
    ['HTTP/1.1 200 OK', 'X : a'],
    ['HTTP/1.1 200 OK', 'X: a', ' b'],
  ] as [string, ...string[]][]) {
    t.is(response(...message), 'origin-bad-response', message.join('|'))
  }
})

test('connection options', t => {
  const head = request(
    'GET / HTTP/1.1',
    H,
    'Connection: foo, Upgrade ,KEEP-ALIVE',
    'connection: close',
    'Upgrade: WebSocket',
  )
  if (typeof head === 'string') return t.fail(head)
  t.true(head.close && head.keepAlive && head.connectionUpgrade)
  t.is(head.upgrade, 'websocket')
})

test('upgrades: one protocol, and none that changes how this connection is parsed', t => {
  t.is(parseUpgrade('WebSocket'), 'websocket')
  t.is(parseUpgrade('foo/2'), 'foo/2')
  for (const value of ['', 'h2c', 'H2C', 'HTTP/2.0', 'TLS/1.0', 'websocket, h2c', 'a b'])
    t.is(parseUpgrade(value), null, value)
  const twice = request('GET / HTTP/1.1', H, 'Upgrade: websocket', 'Upgrade: websocket')
  t.is(twice instanceof ParsedHead && twice.upgrade, null)
})

test('property: a length is digits', t => {
  fc.assert(fc.property(fc.nat(), n => parseLength(String(n)) === n))
  fc.assert(fc.property(fc.string(), s => /^\d{1,15}$/.test(s) || parseLength(s) === -1))
  t.pass()
})

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
const value = fc
  .stringMatching(/^[\x21-\x7e\x80-\xff]?[\t\x20-\x7e\x80-\xff]{0,20}$/)
  .map(text => text.replace(/^[ \t]+|[ \t]+$/g, ''))

test('property: what is written is read back, whole or byte by byte', t => {
  fc.assert(
    fc.property(
      token,
      fc.stringMatching(/^\/[\x21-\x7e\x80-\xff]{0,30}$/),
      fc.array(fc.tuple(token, value), { maxLength: 12 }),
      (method, target, pairs) => {
        const special = /^(content-length|transfer-encoding)$/i
        const fields = pairs.filter(([name]) => !special.test(name))
        const text = `${method} ${target} HTTP/1.1\r\n${fields.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`
        const head = read(text, parseRequest)
        if (typeof head === 'string') throw new Error(head)
        t.deepEqual([head.method, head.target, head.headers], [method, target, fields.flat()])
        const hold = new Hold()
        const finder = new HeadFinder(DEFAULT_LIMITS)
        const bytes = Buffer.from(`${text}rest`, 'latin1')
        for (let i = 0; i < text.length; i++) {
          const found = finder.find(hold)
          t.is(found, INCOMPLETE)
          hold.push(bytes.subarray(i, i + 1))
        }
        const end = finder.find(hold)
        const again = new ParsedHead()
        t.is(parseRequest(hold.bytes, hold.start, end, DEFAULT_LIMITS, again), null)
        t.deepEqual(again.headers, head.headers)
      },
    ),
    { numRuns: 200 },
  )
})

test('property: no input makes the parser throw, and nothing accepted has a line break in it', t => {
  const line = fc.constantFrom('GET / HTTP/1.1\r\n', 'HTTP/1.1 200 OK\r\n', 'GET /\r\n', '')
  const part = fc.constantFrom(
    'a: b',
    'Host: a',
    'c',
    ':',
    ' ',
    '\r\n',
    '\r\n',
    '\r\n',
    '\n',
    '\r',
    '\x00',
    '\t',
    'Content-Length: 5',
    '\xff',
  )
  const nasty = fc.tuple(line, fc.array(part, { maxLength: 12 })).map(([first, parts]) => first + parts.join(''))
  let accepted = 0
  fc.assert(
    fc.property(fc.oneof(nasty, fc.string({ unit: 'binary' })), text => {
      for (const parse of [parseRequest, parseResponse]) {
        const head = read(`${text}\r\n\r\n`, parse)
        if (typeof head === 'string') continue
        accepted++
        t.false([head.method, head.target, head.reason, ...head.headers].some(s => /[\r\n\0]/.test(s)))
      }
    }),
    { numRuns: 3000 },
  )
  t.true(accepted > 100)
})

test('a head without end is cut at the limit', t => {
  const finder = new HeadFinder({ ...DEFAULT_LIMITS, maxHeadBytes: 1000 })
  const hold = new Hold()
  let found = INCOMPLETE
  let pushed = 0
  while (found === INCOMPLETE && pushed < 5000) {
    hold.push(Buffer.from('a'))
    pushed++
    found = finder.find(hold)
  }
  t.is(found, TOO_LARGE)
  t.is(pushed, 1001)
  t.true(hold.bytes.length <= 4004)
})
