import { once } from 'node:events'
import net from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { WeirError } from '../../../../src/core/errors.ts'
import type { ResponseHead, UpstreamConn, UpstreamEvents } from '../../../../src/core/exchange.ts'
import type { HeaderList } from '../../../../src/core/headers.ts'
import { connectH2 } from '../../../../src/http/h2/client.ts'
import { DEFAULT_LIMITS } from '../../../../src/http/limits.ts'
import {
  cancel,
  data,
  END_HEADERS,
  END_STREAM,
  type Fields,
  fieldBlock,
  frame,
  headersFrame,
  settings,
  until,
  windowUpdate,
} from './frames.ts'

/** What an exchange would be told. */
class Probe implements UpstreamEvents {
  heads: ResponseHead[] = []
  informational: HeaderList[] = []
  bytes = 0
  trailers: HeaderList | null = null
  ended = false
  error: WeirError | null = null
  accept = true
  onInformational(_status: number, headers: HeaderList): void {
    this.informational.push(headers)
  }
  onResponseHead(head: ResponseHead): void {
    this.heads.push(head)
  }
  onResponseData(chunk: Buffer): boolean {
    this.bytes += chunk.length
    return this.accept
  }
  onResponseEnd(trailers: HeaderList | null): void {
    this.ended = true
    this.trailers = trailers
  }
  onUpstreamError(error: WeirError): void {
    this.error = error
  }
  onUpstreamDrain(): void {}
  onUpgraded(): void {}
  get over(): boolean {
    return this.ended || this.error !== null
  }
}

const INFO = {
  addr: '127.0.0.1',
  port: 0,
  verifiedName: null,
  tlsVersion: '',
  cipher: '',
  alpn: 'h2',
  exception: '',
  revocation: '',
  covers: null,
  connectMs: 1,
  tlsMs: 0,
}

/** An origin by hand, and two requests to it: streams 1 and 3. */
async function pair(
  t: ExecutionContext,
  method = 'GET',
): Promise<{ far: net.Socket; conn: UpstreamConn; one: Probe; two: Probe }> {
  const server = net.createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const near = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[net.Socket], unknown]
  far.on('error', () => {})
  const conn = connectH2(near, INFO, { ...DEFAULT_LIMITS, maxHeadBytes: 32 * 1024 })
  t.teardown(() => {
    conn.destroy()
    far.destroy()
    server.close()
  })
  const probes = [new Probe(), new Probe()] as const
  const head = { method, scheme: 'https', host: 'a.test', port: 443, path: '/', headers: [] as string[] } as const
  for (const probe of probes) {
    conn.send({ ...head, version: 20, bodyLength: 0, expectContinue: false, upgrade: null, headers: [] }, probe)
  }
  far.write(Buffer.concat([settings(), frame(4, 1, 0)]))
  await once(far, 'data')
  far.resume()
  return { far, conn, one: probes[0], two: probes[1] }
}

interface Attack {
  name: string
  send: Buffer[]
  /** How the attacked stream ends; the other one is answered after it, if `neighbour` does not say otherwise. */
  error: string | null
  neighbour?: string
  /** Was a head passed on before? */
  head?: true
  method?: string
}

const OK: [string, string] = [':status', '200']
const answer = (...fields: Fields) => headersFrame(1, [OK, ...fields], false)
const whole = (...fields: Fields) => [headersFrame(1, fields, true)]
const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array<Buffer>(count).fill(bytes))
const [BAD, CUT] = ['origin-bad-response', 'origin-cut-off']
/** One entry of 4,000 bytes into the dynamic table (RFC 7541 §6.2.1), and 5,000 times that entry. */
const BOMB = Buffer.concat([
  fieldBlock([OK]),
  Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]),
  Buffer.alloc(4000, 'b'),
  Buffer.alloc(5000, 0xbe),
])

const ATTACKS: Attack[] = [
  { name: 'upper case', send: whole(OK, ['X-Up', '1']), error: BAD },
  { name: 'connection field', send: whole(OK, ['connection', 'close']), error: BAD },
  { name: 'transfer-encoding', send: whole(OK, ['transfer-encoding', 'chunked']), error: BAD },
  { name: 'no status', send: whole(['x', '1']), error: BAD },
  { name: 'two states', send: whole(OK, OK), error: BAD },
  { name: 'status 99', send: whole([':status', '99']), error: BAD },
  { name: 'status 1000', send: whole([':status', '1000']), error: BAD },
  { name: 'status of letters', send: whole([':status', 'abc']), error: BAD },
  { name: 'status 101', send: [headersFrame(1, [[':status', '101']], false)], error: BAD },
  { name: 'pseudo field of a request', send: whole(OK, [':path', '/']), error: BAD },
  { name: 'white space around a value', send: whole(OK, ['x', '1 ']), error: BAD },
  { name: 'two lengths', send: whole(OK, ['content-length', '1'], ['content-length', '2']), error: BAD },
  { name: '103 that ends the stream', send: whole([':status', '103']), error: BAD },
  { name: '100 interim responses', send: [times(100, headersFrame(1, [[':status', '103']], false))], error: BAD },
  {
    name: 'white space in an interim response',
    send: [
      headersFrame(
        1,
        [
          [':status', '103'],
          ['x', ' 1'],
        ],
        false,
      ),
    ],
    error: BAD,
  },
  { name: 'DATA before HEADERS', send: [data(1, 'x', END_STREAM)], error: BAD, neighbour: BAD },
  { name: 'HPACK bomb', send: [frame(1, END_HEADERS | END_STREAM, 1, BOMB)], error: 'origin-reset' },
  {
    name: 'HPACK bomb in an interim response',
    send: [frame(1, END_HEADERS, 1, Buffer.concat([fieldBlock([[':status', '103']]), BOMB.subarray(12)]))],
    error: BAD,
    neighbour: BAD,
  },
  {
    name: 'more than Content-Length',
    send: [answer(['content-length', '1']), data(1, 'xx', END_STREAM)],
    error: CUT,
    head: true,
    neighbour: BAD,
  },
  {
    name: 'less than Content-Length',
    send: [answer(['content-length', '5']), data(1, 'xx', END_STREAM)],
    error: CUT,
    head: true,
  },
  {
    name: '204 with content',
    send: [headersFrame(1, [[':status', '204']], false), data(1, 'xx', END_STREAM)],
    error: CUT,
    head: true,
    neighbour: BAD,
  },
  {
    name: '205 with content',
    send: [headersFrame(1, [[':status', '205']], false), data(1, 'xx', END_STREAM)],
    error: CUT,
    head: true,
  },
  {
    name: '304 with content',
    send: [headersFrame(1, [[':status', '304']], false), data(1, 'xx', END_STREAM)],
    error: CUT,
    head: true,
    neighbour: BAD,
  },
  {
    name: 'content after HEAD',
    method: 'HEAD',
    send: [answer(), data(1, 'xx', END_STREAM)],
    error: CUT,
    head: true,
    neighbour: BAD,
  },
  { name: 'pseudo field in trailers', send: [answer(), headersFrame(1, [OK], true)], error: CUT, head: true },
  {
    name: 'trailers that are not the end',
    send: [answer(), headersFrame(1, [['x', '1']], false)],
    error: CUT,
    head: true,
  },
  { name: 'white space in trailers', send: [answer(), headersFrame(1, [['x', '1 ']], true)], error: BAD, head: true },
  {
    name: 'HPACK bomb in trailers',
    send: [answer(), frame(1, END_HEADERS | END_STREAM, 1, BOMB.subarray(12))],
    error: CUT,
    head: true,
    neighbour: BAD,
  },
  { name: 'DATA after the end', send: [answer(), data(1, 'x', END_STREAM), data(1, 'evil')], error: null, head: true },
  {
    name: 'PUSH_PROMISE',
    send: [frame(5, 4, 1, Buffer.concat([Buffer.from([0, 0, 0, 2]), fieldBlock([OK])]))],
    error: BAD,
    neighbour: BAD,
  },
  { name: 'a stream nobody opened', send: [headersFrame(5, [OK], true)], error: BAD, neighbour: BAD },
  { name: 'a stream of its own', send: [headersFrame(2, [OK], true)], error: BAD, neighbour: BAD },
  {
    name: 'CONTINUATION flood',
    send: [frame(1, 0, 1, fieldBlock([OK])), times(1000, frame(9, 0, 1))],
    error: BAD,
    neighbour: BAD,
  },
  { name: 'WINDOW_UPDATE of 0', send: [windowUpdate(1, 0)], error: BAD, neighbour: BAD },
  { name: 'window overflow', send: [windowUpdate(0, 0x7fffffff)], error: BAD, neighbour: BAD },
  { name: 'initial window above 2^31-1', send: [settings([4, 0x80000000])], error: BAD, neighbour: BAD },
  { name: 'empty DATA flood', send: [answer(), times(1000, data(1, ''))], error: CUT, head: true, neighbour: BAD },
  { name: 'RST_STREAM on an idle stream', send: [cancel(9)], error: BAD, neighbour: BAD },
  {
    name: 'HTTP/1 instead',
    send: [Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')],
    error: BAD,
    neighbour: BAD,
  },
  {
    name: 'GOAWAY that takes neither',
    send: [frame(7, 0, 0, Buffer.alloc(8))],
    error: 'origin-reset',
    neighbour: 'origin-reset',
  },
]

for (const { name, send, error, neighbour, head, method } of ATTACKS) {
  test(`from an origin: ${name}`, async t => {
    const { far, one, two } = await pair(t, method)
    far.write(Buffer.concat(send))
    await until(() => one.over)
    far.write(headersFrame(3, [OK], true))
    await until(() => two.over)
    t.is(one.error?.code ?? null, error as never)
    t.is(one.heads.length, head === undefined ? 0 : 1)
    t.is(two.error?.code ?? null, (neighbour ?? null) as never)
    t.is(one.ended, error === null)
  })
}

test('from an origin: fields nghttp2 takes out reach nobody, in any kind of head', async t => {
  const { far, one, two } = await pair(t)
  const evil: Fields = [
    ['x-a', 'a\r\nevil: 1'],
    ['evil\r\n', '1'],
    ['evil\0', '1'],
    ['set-cookie', 'evil\0'],
    ['location', '/evil\x7f'],
    ['', 'evil'],
    ['x-ok', '1'],
  ]
  far.write(headersFrame(1, [[':status', '103'], ...evil], false))
  far.write(headersFrame(1, [OK, ...evil], false))
  far.write(headersFrame(1, evil, true))
  await until(() => one.over)
  t.deepEqual(one.informational, [['x-ok', '1']])
  t.deepEqual(one.heads[0]!.headers, ['x-ok', '1'])
  t.deepEqual(one.trailers, ['x-ok', '1'])
  far.write(headersFrame(3, [OK], true))
  await until(() => two.over)
  t.true(two.ended)
})

test('from an origin: bytes beyond the window of a stalled stream end the connection, and no more than that is kept', async t => {
  const { far, one, two } = await pair(t)
  one.accept = false
  far.write(answer())
  const before = process.memoryUsage().rss
  far.write(times(2000, data(1, Buffer.alloc(16_384))))
  await until(() => one.over && two.over)
  t.deepEqual([one.error?.code, two.error?.code], [CUT, BAD] as never)
  t.true(one.bytes <= 256 * 1024, `${one.bytes} bytes`)
  t.true(process.memoryUsage().rss - before < 100 * 1024 * 1024)
})

test('from an origin: an announced limit of no stream at all takes nothing new and breaks nothing', async t => {
  const { far, conn, one, two } = await pair(t)
  far.write(settings([3, 0]))
  await until(() => conn.capacity() === 0)
  far.write(Buffer.concat([headersFrame(1, [OK], true), headersFrame(3, [OK], true)]))
  await until(() => one.ended && two.ended)
  t.is(conn.capacity(), 0)
  far.write(settings([3, 5]))
  await until(() => conn.capacity() === 5)
})

for (const [what, flood] of [
  ['PING', frame(6, 0, 0, Buffer.alloc(8))],
  ['SETTINGS', frame(4, 0, 0)],
] as const) {
  test(`from an origin: ${what} without end, answers unread`, async t => {
    const { far, one, two } = await pair(t)
    far.pause()
    const before = process.memoryUsage().rss
    for (let i = 0; i < 50 && !far.destroyed; i++) far.write(times(20_000, flood))
    await new Promise(resolve => setTimeout(resolve, 300))
    far.resume()
    await until(() => one.over && two.over)
    t.deepEqual([one.error?.code, two.error?.code], [BAD, BAD] as never)
    t.true(process.memoryUsage().rss - before < 200 * 1024 * 1024)
  })
}

test('from an origin: PING, PRIORITY, unknown and ALTSVC frames in great number are digested', async t => {
  const { far, one, two } = await pair(t)
  const altsvc = frame(10, 0, 0, Buffer.concat([Buffer.from([0, 3]), Buffer.from('a.bh3=":1"')]))
  for (const flood of [frame(2, 0, 1, Buffer.from([0, 0, 0, 0, 9])), frame(0xfe, 0, 1, Buffer.alloc(50)), altsvc]) {
    far.write(times(5000, flood))
  }
  for (let i = 0; i < 100; i++) {
    far.write(times(20, frame(6, 0, 0, Buffer.alloc(8))))
    await new Promise(resolve => setImmediate(resolve))
  }
  far.write(Buffer.concat([headersFrame(1, [OK], true), headersFrame(3, [OK], true)]))
  await until(() => one.over && two.over)
  t.true(one.ended && two.ended)
})

test('from an origin: one that wants calm gets nothing new on that connection, and what runs there goes on', async t => {
  const { far, conn, one, two } = await pair(t)
  far.write(frame(3, 0, 1, Buffer.from([0, 0, 0, 11])))
  await until(() => one.over)
  t.is(one.error?.code, 'origin-reset')
  t.is(conn.capacity(), 0)
  far.write(headersFrame(3, [OK], true))
  await until(() => two.over)
  t.true(two.ended)
})
