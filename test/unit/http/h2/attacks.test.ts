import test from 'ava'
import {
  cancel,
  data,
  END_HEADERS,
  type Fields,
  fieldBlock,
  frame,
  get,
  headersFrame,
  PREFACE_ONLY,
  settings,
  until,
  windowUpdate,
} from './frames.ts'
import { world } from './world.ts'

/**
 * What a hostile client may write, byte by byte, through the real stations to an HTTP/1 origin that keeps each byte it
 * gets. Whatever is malformed ends in a stream or a connection error, and nothing of it arrives there.
 */

const post = (...more: Fields): Fields => [[':method', 'POST'], ...get('/evil').slice(1), ...more]
const evil = (...more: Fields): Fields => [...get('/evil'), ...more]

/** RFC 9113 §8.2, §8.3 and §8.5, RFC 9110 §7.2: malformed requests. */
const MALFORMED: [string, Fields][] = [
  ['upper case in a name', evil(['X-Up', '1'])],
  ['space before a value', evil(['x', ' evil'])],
  ['tab after a value', evil(['x', 'evil\t'])],
  ['CR LF in :path', get('/evil\r\nx: 1')],
  ['NUL in :path', get('/evil\0')],
  ['space in :path', get('/evil x')],
  ['empty :path', get('')],
  ['CR LF in :method', [[':method', 'GET / HTTP/1.1\r\nevil: 1'], ...get().slice(1)]],
  ['empty :method', [[':method', ''], ...get('/evil').slice(1)]],
  ['CR LF in :authority', get('/evil', 'a.test\r\nevil: 1')],
  ['pseudo field twice', evil([':path', '/evil'])],
  ['pseudo field late', [...get('/evil').slice(0, 3), ['x', '1'], [':path', '/evil']]],
  ['pseudo field of a response', evil([':status', '200'])],
  ['pseudo field nobody knows', evil([':x', '1'])],
  ['connection', evil(['connection', 'x-evil'])],
  ['keep-alive', evil(['keep-alive', '1'])],
  ['proxy-connection', evil(['proxy-connection', 'close'])],
  ['transfer-encoding', evil(['transfer-encoding', 'chunked'])],
  ['upgrade', evil(['upgrade', 'websocket'])],
  ['te: gzip', evil(['te', 'gzip'])],
  ['te: trailers, gzip', evil(['te', 'trailers, gzip'])],
  ['content-length without content', evil(['content-length', '5'])],
  ['content-length twice', evil(['content-length', '0'], ['content-length', '0'])],
  ['content-length: +0', evil(['content-length', '+0'])],
  ['content-length: 0, 0', evil(['content-length', '0, 0'])],
  ['content-length too large', evil(['content-length', '99999999999999999999'])],
  ['host and :authority differ', evil(['host', 'b.test'])],
  ['host twice', evil(['host', 'a.test'], ['host', 'a.test'])],
  ['userinfo', get('/evil', 'u@a.test')],
  ['absolute :path', get('http://b.test/evil')],
  ['fragment', get('/evil#x')],
  ['asterisk with GET', get('*')],
  [
    'CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'a.test:443'],
    ],
  ],
  ['CONNECT with :path', [[':method', 'CONNECT'], ...get('/evil').slice(1)]],
  ['extended CONNECT, not offered', [[':method', 'CONNECT'], [':protocol', 'websocket'], ...get('/evil').slice(1)]],
  ['no :method', get('/evil').slice(1)],
]

for (const [name, fields] of MALFORMED) {
  test(`malformed, a stream error and nothing at the origin: ${name}`, async t => {
    const { raw, seen } = await world(t)
    raw.socket.write(headersFrame(1, fields, true))
    raw.socket.write(headersFrame(3, get('/next'), true))
    await raw.over(3)
    t.deepEqual(raw.heard.resets, [{ id: 1, code: 1 }])
    t.deepEqual(raw.heard.ends, [3])
    t.regex(seen(), /^GET \/next HTTP\/1\.1\r\n/, 'the first that came')
    t.notRegex(seen(), /evil/)
  })
}

/** nghttp2 takes these field lines out before anybody can see them (docs/http2.md). */
const HIDDEN: [string, string, string][] = [
  ['empty name', '', 'evil'],
  ['space before the colon', 'evil ', '1'],
  ['colon in a name', 'evil:y', '1'],
  ['CR LF in a name', 'x\r\nevil', '1'],
  ['NUL in a name', 'evil\0', '1'],
  ['8-bit name', 'evil\xe9', '1'],
  ['CR LF in a value', 'x', 'a\r\nevil: 1'],
  ['LF in a value', 'x', 'a\nevil: 1'],
  ['CR in a value', 'x', 'a\revil'],
  ['NUL in a value', 'x', 'a\0evil'],
  ['DEL in a value', 'x', 'evil\x7f'],
  ['a framing field with a bad value', 'transfer-encoding', 'evil\n'],
  ['a second length with a bad value', 'content-length', '5\nevil'],
  ['Host with a bad value', 'host', 'evil\r\n'],
]

for (const [name, field, value] of HIDDEN) {
  for (const place of ['head', 'trailers'] as const) {
    test(`nothing of it gets through, in the ${place}: ${name}`, async t => {
      const { raw, seen } = await world(t)
      if (place === 'head') raw.socket.write(headersFrame(1, [...get('/bad'), [field, value]], true))
      else {
        raw.socket.write(headersFrame(1, [[':method', 'GET'], ...get('/bad').slice(1)], false))
        raw.socket.write(headersFrame(1, [[field, value]], true))
      }
      raw.socket.write(headersFrame(3, get('/next'), true))
      await raw.over(3)
      t.notRegex(seen(), /evil/)
    })
  }
}

interface Attack {
  name: string
  /** Sent first, until the origin has the head of it: a POST on stream 1 by default. */
  begin?: Buffer | null
  send: Buffer[]
  /** `stream`: a reset of stream 1, and the connection goes on; so it does when `ignored`. `connection`: it ends. */
  ends: 'stream' | 'connection' | 'ignored'
  preface?: Buffer
}

const BODY = headersFrame(1, post(), false)
const trailers = (...fields: Fields) => headersFrame(1, fields, true)
const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(bytes))
const length = (bytes: number) => headersFrame(1, post(['content-length', String(bytes)]), false)
const block = (flags: number, id: number, bytes: Buffer) => frame(1, flags, id, bytes)

const FRAMING: Attack[] = [
  { name: 'pseudo field in trailers', send: [trailers([':path', '/evil2'])], ends: 'stream' },
  { name: 'upper case in trailers', send: [trailers(['X-Evil2', '1'])], ends: 'stream' },
  { name: 'connection field in trailers', send: [trailers(['transfer-encoding', 'evil2'])], ends: 'stream' },
  { name: 'white space around a trailer', send: [trailers(['x', ' evil2'])], ends: 'stream' },
  { name: 'trailers without END_STREAM', send: [headersFrame(1, [['x', 'evil2']], false)], ends: 'stream' },
  { name: 'more than Content-Length', begin: length(4), send: [data(1, 'abcdevil2')], ends: 'connection' },
  { name: 'less than Content-Length', begin: length(9), send: [data(1, 'x', 1)], ends: 'stream' },
  { name: 'RST_STREAM in the body', send: [cancel(1)], ends: 'ignored' },
  { name: 'DATA after END_STREAM', begin: headersFrame(1, post(), true), send: [data(1, 'evil2')], ends: 'connection' },
  {
    name: 'HEADERS after END_STREAM',
    begin: headersFrame(1, post(), true),
    send: [trailers(['x', 'evil2'])],
    ends: 'connection',
  },
  { name: 'DATA after RST_STREAM', send: [cancel(1), data(1, 'evil2')], ends: 'ignored' },
  { name: 'DATA on an idle stream', send: [data(3, 'evil2')], ends: 'connection' },
  { name: 'DATA on stream 0', send: [data(0, 'evil2')], ends: 'connection' },
  { name: 'HEADERS on stream 0', send: [headersFrame(0, get('/evil2'), true)], ends: 'connection' },
  { name: 'an even stream', send: [headersFrame(2, get('/evil2'), true)], ends: 'connection' },
  {
    name: 'a stream id that goes back',
    begin: headersFrame(5, post(), false),
    send: [headersFrame(3, get('/evil2'), true)],
    ends: 'ignored',
  },
  { name: 'RST_STREAM on an idle stream', send: [cancel(3)], ends: 'connection' },
  { name: 'RST_STREAM of 3 bytes', send: [frame(3, 0, 1, Buffer.alloc(3))], ends: 'connection' },
  {
    name: 'PUSH_PROMISE from a client',
    send: [frame(5, 4, 1, Buffer.concat([Buffer.from([0, 0, 0, 2]), fieldBlock(get('/evil2'))]))],
    ends: 'connection',
  },
  {
    name: 'CONTINUATION out of nothing',
    send: [frame(9, END_HEADERS, 1, fieldBlock(get('/evil2')))],
    ends: 'connection',
  },
  {
    name: 'another frame inside a field block',
    send: [block(0, 3, fieldBlock(get('/evil2'))), frame(6, 0, 0, Buffer.alloc(8))],
    ends: 'connection',
  },
  {
    name: 'CONTINUATION of another stream',
    send: [block(0, 3, fieldBlock(get('/evil2'))), frame(9, END_HEADERS, 5)],
    ends: 'connection',
  },
  {
    name: 'CONTINUATION flood, empty',
    send: [block(0, 3, fieldBlock(get('/evil2'))), times(1000, frame(9, 0, 3))],
    ends: 'connection',
  },
  {
    name: 'CONTINUATION flood, full',
    send: [
      block(0, 3, fieldBlock(get('/evil2'))),
      times(100, frame(9, 0, 3, fieldBlock(Array(100).fill(['a', 'b'.repeat(150)])))),
    ],
    ends: 'connection',
  },
  { name: 'a frame larger than announced', send: [frame(0, 0, 1, Buffer.alloc(16_385))], ends: 'connection' },
  { name: 'padding longer than the frame', send: [frame(0, 8, 1, Buffer.from([200, 1, 2]))], ends: 'connection' },
  { name: 'a field block that is not HPACK', send: [block(5, 3, Buffer.alloc(6, 0xff))], ends: 'connection' },
  { name: 'HPACK index out of range', send: [block(5, 3, Buffer.from([0xfe]))], ends: 'connection' },
  {
    name: 'HPACK table larger than announced',
    send: [block(5, 3, Buffer.concat([Buffer.from('3fe1ff03', 'hex'), fieldBlock(get('/evil2'))]))],
    ends: 'connection',
  },
  { name: 'WINDOW_UPDATE of 0 on a stream', send: [windowUpdate(1, 0)], ends: 'connection' },
  { name: 'WINDOW_UPDATE of 0 on the connection', send: [windowUpdate(0, 0)], ends: 'connection' },
  { name: 'WINDOW_UPDATE on an idle stream', send: [windowUpdate(3, 1)], ends: 'connection' },
  { name: 'window overflow of a stream', send: [windowUpdate(1, 0x7fffffff)], ends: 'connection' },
  { name: 'window overflow of the connection', send: [windowUpdate(0, 0x7fffffff)], ends: 'connection' },
  {
    name: 'window overflow by settings',
    send: [windowUpdate(1, 0x7fffffff - 70_000), settings([4, 0x7fffffff])],
    ends: 'connection',
  },
  { name: 'initial window above 2^31-1', send: [settings([4, 0x80000000])], ends: 'connection' },
  { name: 'frame size below 16,384', send: [settings([5, 100])], ends: 'connection' },
  { name: 'ENABLE_PUSH of 2', send: [settings([2, 2])], ends: 'connection' },
  { name: 'SETTINGS on a stream', send: [frame(4, 0, 1)], ends: 'connection' },
  { name: 'SETTINGS of 5 bytes', send: [frame(4, 0, 0, Buffer.alloc(5))], ends: 'connection' },
  { name: 'SETTINGS ACK with content', send: [frame(4, 1, 0, Buffer.alloc(6))], ends: 'connection' },
  {
    name: '100 settings in a frame',
    send: [settings(...Array.from({ length: 100 }, (_, i): [number, number] => [0x100 + i, 1]))],
    ends: 'connection',
  },
  { name: 'PING of 7 bytes', send: [frame(6, 0, 0, Buffer.alloc(7))], ends: 'connection' },
  { name: 'PING on a stream', send: [frame(6, 0, 1, Buffer.alloc(8))], ends: 'connection' },
  { name: 'GOAWAY on a stream', send: [frame(7, 0, 1, Buffer.alloc(8))], ends: 'connection' },
  {
    name: 'a stream that depends on itself',
    send: [block(0x25, 3, Buffer.concat([Buffer.from([0, 0, 0, 3, 9]), fieldBlock(get('/evil2'))]))],
    ends: 'connection',
  },
  { name: 'PRIORITY of 4 bytes', send: [frame(2, 0, 1, Buffer.alloc(4))], ends: 'connection' },
  { name: 'empty DATA flood', send: [times(1000, data(1, ''))], ends: 'connection' },
  { name: 'frames of unknown kind', send: [times(1000, frame(0xfe, 0xff, 1, Buffer.alloc(100)))], ends: 'ignored' },
  {
    name: 'PRIORITY_UPDATE on stream 0',
    send: [times(1000, frame(0x10, 0, 0, Buffer.from('\0\0\0\x03u=1')))],
    ends: 'ignored',
  },
  {
    name: 'no SETTINGS after the preface',
    preface: PREFACE_ONLY,
    begin: null,
    send: [headersFrame(1, get('/evil2'), true)],
    ends: 'connection',
  },
]

for (const { name, begin = BODY, send, ends, preface } of FRAMING) {
  test(`framing, ${ends === 'ignored' ? 'ignored' : `a ${ends} error`}: ${name}`, async t => {
    const { raw, seen, bystander } = await world(t, preface)
    if (begin !== null) raw.socket.write(begin)
    await until(() => begin === null || /\/evil HTTP/.test(seen()))
    raw.socket.write(Buffer.concat(send))
    raw.socket.write(headersFrame(7, get('/next'), true))
    await raw.over(7)
    t.true(await bystander())
    t.notRegex(seen(), /evil2/)
    t.notRegex(seen(), /^0\r\n/m, 'a broken request looks whole')
    if (ends === 'connection') t.true(raw.heard.goaway !== null || raw.heard.closed)
    else t.true(raw.heard.ends.includes(7))
    t.deepEqual(
      raw.heard.resets.map(reset => reset.id),
      ends === 'stream' ? [1] : [],
    )
  })
}

/** Valid in a trailer section's framing, and yet not to be believed there (RFC 9110 §6.5.1). */
const NOT_IN_TRAILERS: [string, string][] = [
  ['host', 'evil2'],
  ['authorization', 'evil2'],
  ['set-cookie', 'evil2'],
  ['expect', 'evil2'],
  ['max-forwards', 'evil2'],
  ['content-range', 'evil2'],
]

for (const [name, value] of NOT_IN_TRAILERS) {
  test(`a trailer that is none stays behind: ${name}`, async t => {
    const { raw, seen } = await world(t)
    raw.socket.write(BODY)
    raw.socket.write(Buffer.concat([data(1, 'abc'), trailers([name, value], ['x-sum', '1'])]))
    await until(() => seen().endsWith('\r\n0\r\nx-sum: 1\r\n\r\n'))
    t.notRegex(seen(), /evil2/)
  })
}
