import { once } from 'node:events'
import http2, { type ServerHttp2Stream } from 'node:http2'
import net from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type { WeirError } from '../../../../src/core/errors.ts'
import type {
  RequestHead,
  ResponseHead,
  UpstreamConn,
  UpstreamEvents,
  UpstreamStream,
} from '../../../../src/core/exchange.ts'
import type { HeaderList } from '../../../../src/core/headers.ts'
import { connectH2 } from '../../../../src/http/h2/client.ts'
import { upstreamStreams, upstreamWindow } from '../../../../src/http/h2/settings.ts'
import { DEFAULT_LIMITS, type HttpLimits } from '../../../../src/http/limits.ts'
import { END_STREAM, frame, headersFrame, until } from './frames.ts'

class Probe implements UpstreamEvents {
  heads: ResponseHead[] = []
  interims: [number, HeaderList][] = []
  body: Buffer[] = []
  trailers: HeaderList | null = null
  ended = 0
  errors: WeirError[] = []
  drains = 0
  accept = true
  stream!: UpstreamStream

  onInformational(status: number, headers: HeaderList): void {
    this.interims.push([status, headers])
  }
  onResponseHead(head: ResponseHead): void {
    this.heads.push(head)
  }
  onResponseData(chunk: Buffer): boolean {
    this.body.push(chunk)
    return this.accept
  }
  onResponseEnd(trailers: HeaderList | null): void {
    this.ended++
    this.trailers = trailers
  }
  onUpstreamError(error: WeirError): void {
    this.errors.push(error)
  }
  onUpstreamDrain(): void {
    this.drains++
  }
  onUpgraded(): void {}
  get text(): string {
    return Buffer.concat(this.body).toString()
  }
}

type Handler = (stream: ServerHttp2Stream, raw: string[]) => void

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

async function origin(
  t: ExecutionContext,
  handler: Handler,
  how: { settings?: http2.Settings; limits?: Partial<HttpLimits> } = {},
): Promise<{ conn: UpstreamConn; sessions: http2.ServerHttp2Session[] }> {
  const sessions: http2.ServerHttp2Session[] = []
  const server = http2.createServer({ settings: how.settings ?? {}, strictSingleValueFields: false })
  server.on('session', session => {
    sessions.push(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream, _headers, _flags, raw) => {
    stream.on('error', () => {})
    handler(stream as ServerHttp2Stream, raw)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const conn = connectH2(socket, INFO, { ...DEFAULT_LIMITS, ...how.limits })
  t.teardown(() => {
    conn.destroy()
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { conn, sessions }
}

function request(over: Partial<RequestHead> = {}): RequestHead {
  const base = {
    method: 'GET',
    scheme: 'https',
    host: 'a.test',
    port: 443,
    path: '/',
    headers: [] as string[],
  } as const
  return { ...base, version: 11, bodyLength: 0, expectContinue: false, upgrade: null, ...over }
}

function send(conn: UpstreamConn, over: Partial<RequestHead> = {}): Probe {
  const probe = new Probe()
  probe.stream = conn.send(request(over), probe)
  return probe
}

test('request and response heads are translated, order and duplicates kept', async t => {
  let seen: string[] = []
  const { conn } = await origin(t, (stream, raw) => {
    seen = raw
    const answer = [
      ':status',
      '200',
      'X-B',
      '1',
      'set-cookie',
      'a=1',
      'x-a',
      '2',
      'set-cookie',
      'b=2',
      'content-length',
      '2',
    ]
    stream.respond(answer as never, { sendDate: false } as never)
    stream.end('ok')
  })
  const headers = [
    'Host',
    'other',
    'X-One',
    '1',
    'Connection',
    'x',
    'TE',
    'trailers',
    'Keep-Alive',
    '1',
    'x-two',
    '2',
    'X-One',
    '3',
    'Upgrade',
    'h2c',
  ]
  const p = send(conn, { host: '2001:db8::1', port: 8443, path: '/a?b', headers })
  await until(() => p.ended === 1)
  const pseudo = [':method', 'GET', ':scheme', 'https', ':authority', '[2001:db8::1]:8443', ':path', '/a?b']
  t.deepEqual(seen, [...pseudo, 'x-one', '1', 'te', 'trailers', 'x-two', '2', 'x-one', '3'])
  const fields = ['x-b', '1', 'set-cookie', 'a=1', 'x-a', '2', 'set-cookie', 'b=2', 'content-length', '2']
  t.deepEqual(p.heads, [{ status: 200, reason: '', headers: fields, version: 20, bodyLength: 2 }])
  t.is(p.text, 'ok')
  t.false(conn.reused())
})

test('default port and IPv6 in :authority', async t => {
  const seen: string[] = []
  const { conn } = await origin(t, (stream, raw) => {
    seen.push(raw[raw.indexOf(':authority') + 1]!)
    stream.respond({ ':status': 204 }, { endStream: true })
  })
  for (const host of ['a.test', '2001:db8::1']) {
    const p = send(conn, { host })
    await until(() => p.ended === 1)
  }
  t.deepEqual(seen, ['a.test', '[2001:db8::1]'])
  t.true(conn.reused())
})

test('bodies, trailers both ways and 1xx', async t => {
  let trailersIn: string[] = []
  const { conn } = await origin(t, stream => {
    stream.additionalHeaders({ ':status': 103, link: ['</a>', '</b>'] })
    const parts: Buffer[] = []
    stream.on('trailers', (_h, _f, raw) => (trailersIn = raw))
    stream.on('data', (c: Buffer) => parts.push(c))
    stream.on('end', () => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9' }))
      stream.end(Buffer.concat(parts))
    })
  })
  const p = send(conn, { method: 'POST', bodyLength: -1 })
  for (let i = 0; i < 5; i++) p.stream.data(Buffer.alloc(100_000, 'a'))
  p.stream.end(['X-Out', '1', 'x-out', '2'])
  await until(() => p.ended === 1)
  t.is(p.text.length, 500_000)
  t.deepEqual(p.trailers, ['x-sum', '9'])
  t.deepEqual(trailersIn, ['x-out', '1', 'x-out', '2'])
  t.deepEqual(p.interims, [[103, ['link', '</a>', 'link', '</b>']]])
  t.is(p.heads[0]!.bodyLength, -1)
})

test('lengths: sent with a body of known length and an empty POST; HEAD keeps the announced one', async t => {
  const seen: (string | undefined)[] = []
  const { conn } = await origin(t, (stream, raw) => {
    const at = raw.indexOf('content-length')
    seen.push(at === -1 ? undefined : raw[at + 1])
    const isHead = raw.includes('HEAD')
    stream.respond({ ':status': 200, 'content-length': '7' }, { endStream: isHead })
    if (!isHead) stream.end('1234567')
  })
  const post = send(conn, { method: 'POST', bodyLength: 3, headers: ['Content-Length', '99'] })
  post.stream.data(Buffer.from('abc'))
  post.stream.end(null)
  await until(() => post.ended === 1)
  for (const method of ['POST', 'GET', 'HEAD']) {
    const p = send(conn, { method })
    await until(() => p.ended === 1)
    t.is(p.heads[0]!.bodyLength, 7)
    t.is(p.text.length, method === 'HEAD' ? 0 : 7)
  }
  t.deepEqual(seen, ['3', '0', undefined, undefined])
})

test('many at once, up to what the origin allows', async t => {
  const open: ServerHttp2Stream[] = []
  const { conn } = await origin(t, stream => open.push(stream), { settings: { maxConcurrentStreams: 7 } })
  t.is(conn.capacity(), 100)
  await until(() => conn.capacity() === 7)
  let available = 0
  conn.onAvailable = () => available++
  const probes = Array.from({ length: 7 }, () => send(conn))
  await until(() => open.length === 7)
  t.is(conn.capacity(), 0)
  for (const stream of open.slice(0, 3)) {
    stream.respond({ ':status': 200 })
    stream.end('x')
  }
  await until(() => conn.capacity() === 3)
  t.is(available, 3)
  t.is(probes.filter(p => p.ended === 1).length, 3)
})

test('a paused response stops at the window and its neighbour goes on', async t => {
  let big!: ServerHttp2Stream
  const { conn } = await origin(t, (stream, raw) => {
    stream.respond({ ':status': 200 })
    if (raw.includes('/big')) {
      big = stream
      stream.end(Buffer.alloc(4_000_000))
    } else stream.end('quick')
  })
  const p = new Probe()
  p.accept = false
  p.stream = conn.send(request({ path: '/big' }), p)
  await until(() => p.body.length === 1)
  await new Promise(resolve => setTimeout(resolve, 200))
  t.is(p.body.length, 1)
  t.true(big.bufferSize > 3_000_000)
  const quick = send(conn)
  await until(() => quick.ended === 1)
  p.accept = true
  p.stream.resume()
  await until(() => p.ended === 1)
  t.is(Buffer.concat(p.body).length, 4_000_000)
})

test('an upload the origin does not read stops, and tells when it may go on', async t => {
  let slow!: ServerHttp2Stream
  const { conn } = await origin(t, stream => (slow = stream))
  const p = send(conn, { method: 'POST', bodyLength: -1 })
  let taken = 0
  while (p.stream.data(Buffer.alloc(65536)) && taken < 1000) taken++
  t.true(taken < 4)
  await until(() => slow !== undefined)
  slow.resume()
  await until(() => p.drains === 1)
  p.stream.abort()
  await until(() => slow.destroyed)
  t.true(slow.aborted && !slow.readableEnded, 'the upload looks complete')
  t.deepEqual([p.errors.length, p.ended], [0, 0])
  await until(() => conn.capacity() === 100)
})

const resets: [string, Handler, string][] = [
  ['refused', s => s.close(http2.constants.NGHTTP2_REFUSED_STREAM), 'origin-reset'],
  ['cancelled before the head', s => s.close(http2.constants.NGHTTP2_CANCEL), 'origin-reset'],
  ['protocol error before the head', s => s.close(http2.constants.NGHTTP2_PROTOCOL_ERROR), 'origin-bad-response'],
  [
    'reset in the body',
    s => {
      s.respond({ ':status': 200 })
      s.write('half')
      setTimeout(() => s.destroy(new Error('cut')), 50)
    },
    'origin-cut-off',
  ],
  [
    'reset as if all were well, short of the length',
    s => {
      s.respond({ ':status': 200, 'content-length': '10' })
      s.write('half')
      setTimeout(() => s.close(http2.constants.NGHTTP2_NO_ERROR), 50)
    },
    'origin-cut-off',
  ],
  [
    'connection lost in the body',
    s => {
      s.respond({ ':status': 200 })
      s.write('half')
      setTimeout(() => s.session?.socket.destroy(), 50)
    },
    'origin-cut-off',
  ],
  ['connection lost before the head', s => s.session?.destroy(), 'origin-reset'],
  [
    'GOAWAY with an error',
    s => s.session?.destroy(undefined, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM),
    'origin-reset',
  ],
]

for (const [name, handler, code] of resets) {
  test(`failure is named: ${name}`, async t => {
    const { conn } = await origin(t, handler)
    let available = 0
    conn.onAvailable = () => available++
    const p = send(conn)
    await until(() => p.errors.length === 1)
    t.is(p.errors[0]!.code, code as never)
    t.is(p.ended, 0)
    await until(() => available > 0)
  })
}

test('a connection on which many requests were taken back gets no new ones, and what runs on it ends well', async t => {
  let slow!: ServerHttp2Stream
  const { conn } = await origin(t, (s, raw) => {
    if (raw.includes('/slow')) slow = s
  })
  let closed = 0
  conn.onClosed = () => closed++
  const patient = send(conn, { path: '/slow' })
  for (let i = 0; i < 200; i++) {
    t.true(conn.capacity() > 0)
    send(conn).stream.abort()
    if (i % 20 === 0) await new Promise(resolve => setTimeout(resolve, 5))
  }
  t.is(conn.capacity(), 0)
  slow.respond({ ':status': 200 })
  slow.end('at last')
  await until(() => patient.ended === 1)
  t.is(patient.text, 'at last')
  await until(() => closed === 1)
})

test('GOAWAY with an error: what was not processed may be sent again, what was may not', async t => {
  let count = 0
  const { conn } = await origin(t, s => {
    if (++count === 2) s.session?.goaway(http2.constants.NGHTTP2_PROTOCOL_ERROR, 1)
  })
  const first = send(conn)
  const second = send(conn)
  await until(() => first.errors.length === 1 && second.errors.length === 1)
  t.deepEqual([first.errors[0]!.code, second.errors[0]!.code], ['origin-bad-response', 'origin-reset'])
})

test('GOAWAY without error: what runs ends well, nothing new is taken, onClosed follows', async t => {
  let stream!: ServerHttp2Stream
  const { conn, sessions } = await origin(t, s => (stream = s))
  let closed = 0
  conn.onClosed = () => closed++
  const p = send(conn)
  await until(() => stream !== undefined)
  sessions[0]!.close()
  await until(() => conn.capacity() === 0)
  stream.respond({ ':status': 200 })
  stream.end('done')
  await until(() => p.ended === 1 && closed === 1)
  t.is(p.text, 'done')
  const late = send(conn)
  await until(() => late.errors.length === 1)
  t.is(late.errors[0]!.code, 'origin-reset')
})

test('an early answer ends the exchange and the upload', async t => {
  let stream!: ServerHttp2Stream
  const { conn } = await origin(t, s => {
    stream = s
    s.respond({ ':status': 413 })
    s.end('large')
  })
  const p = send(conn, { method: 'POST', bodyLength: 1_000_000 })
  p.stream.data(Buffer.alloc(1000))
  await until(() => p.ended === 1)
  t.is(p.text, 'large')
  await until(() => stream.destroyed && conn.capacity() === 100)
  t.is(p.errors.length, 0)
})

test('time: no head in time; silence in the body', async t => {
  const { conn } = await origin(
    t,
    (s, raw) => {
      if (raw.includes('/silent')) s.respond({ ':status': 200 })
    },
    { limits: { responseHeadMs: 200, responseIdleMs: 200 } },
  )
  const none = send(conn)
  const silent = send(conn, { path: '/silent' })
  await until(() => none.errors.length === 1 && silent.errors.length === 1)
  t.deepEqual([none.errors[0]!.code, silent.errors[0]!.code], ['origin-timeout', 'origin-cut-off'])
  t.is(silent.heads.length, 1)
})

test('cap: 1xx without end', async t => {
  const { conn } = await origin(t, s => {
    for (let i = 0; i < 40; i++) s.additionalHeaders({ ':status': 103 })
  })
  const p = send(conn)
  await until(() => p.errors.length === 1)
  t.is(p.errors[0]!.code, 'origin-bad-response')
  t.is(p.interims.length, DEFAULT_LIMITS.maxInterim)
})

test('cap: fields of a response, in bytes and in number, and of trailers', async t => {
  const limits = { maxHeadBytes: 8192, maxHeaders: 20, maxTrailerBytes: 1000 }
  const handler: Handler = (s, raw) => {
    if (raw.includes('/large')) s.respond({ ':status': 200, x: 'a'.repeat(9000) })
    else if (raw.includes('/many')) {
      s.respond({ ':status': 200, ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`x-${i}`, '1'])) })
    } else {
      s.respond({ ':status': 200 }, { waitForTrailers: true })
      s.on('wantTrailers', () => s.sendTrailers({ x: 'a'.repeat(1001) }))
      s.end('x')
    }
  }
  for (const path of ['/large', '/many', '/trailers']) {
    const { conn } = await origin(t, handler, { limits })
    const p = send(conn, { path })
    await until(() => p.errors.length === 1)
    t.deepEqual([p.heads.length, p.ended], [path === '/trailers' ? 1 : 0, 0])
  }
})

test('a socket that is gone already takes nothing and is told', async t => {
  const dead = new net.Socket()
  dead.destroy()
  await once(dead, 'close')
  const conn = connectH2(dead, INFO, DEFAULT_LIMITS)
  let closed = 0
  conn.onClosed = () => closed++
  t.is(conn.capacity(), 0)
  const p = send(conn)
  await until(() => closed === 1 && p.errors.length === 1)
  t.is(p.errors[0]!.code, 'origin-reset')
})

test('close ends it once idle, destroy at once; both tell onClosed once', async t => {
  for (const how of ['close', 'destroy'] as const) {
    const open: ServerHttp2Stream[] = []
    const { conn } = await origin(t, s => open.push(s))
    let closed = 0
    conn.onClosed = () => closed++
    const p = send(conn)
    await until(() => open.length === 1)
    conn[how]()
    t.is(conn.capacity(), 0)
    if (how === 'close') {
      open[0]!.respond({ ':status': 200 })
      open[0]!.end('x')
      await until(() => p.ended === 1)
    } else await until(() => p.errors.length === 1)
    await until(() => closed === 1)
    await new Promise(resolve => setTimeout(resolve, 50))
    t.is(closed, 1)
  }
})

test('the window follows the round trip, the number of streams the window', t => {
  t.is(upstreamWindow(0), 256 * 1024)
  t.is(upstreamWindow(30), 960 * 1024)
  t.is(upstreamWindow(10_000), 2 * 1024 * 1024)
  for (const rtt of [0, 1, 10, 40, 100, 5000]) {
    t.true(upstreamStreams(upstreamWindow(rtt)) * upstreamWindow(rtt) <= 64 * 1024 * 1024)
  }
})

/** An origin by hand, on a socket that may be half-open as all sockets of a worker: when told, it sends this and a FIN. */
async function leavingOrigin(t: ExecutionContext, answer: Buffer): Promise<{ conn: UpstreamConn; leave(): void }> {
  const server = net.createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const near = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[net.Socket], unknown]
  far.on('error', () => {}).resume()
  far.write(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
  const conn = connectH2(near, INFO, DEFAULT_LIMITS)
  t.teardown(() => {
    conn.destroy()
    far.destroy()
    server.close()
  })
  return { conn, leave: () => void far.end(answer) }
}

const RESPONSE = headersFrame(1, [[':status', '200']], false)

test('the FIN of an origin: an idle connection is given to nobody any more', async t => {
  const { conn, leave } = await leavingOrigin(t, Buffer.alloc(0))
  let closed = 0
  conn.onClosed = () => closed++
  t.true(conn.capacity() > 0)
  leave()
  await until(() => closed === 1)
  t.is(conn.capacity(), 0)
})

for (const [what, answer, code] of [
  ['before the answer', Buffer.alloc(0), 'origin-reset'],
  ['within the answer', Buffer.concat([RESPONSE, frame(0, 0, 1, Buffer.from('half'))]), 'origin-cut-off'],
] as const) {
  test(`the FIN of an origin ${what} is told at once`, async t => {
    const { conn, leave } = await leavingOrigin(t, answer)
    const probe = send(conn)
    leave()
    await until(() => probe.errors.length === 1)
    t.is(probe.errors[0]!.code, code)
    t.is(probe.ended, 0)
    t.is(conn.capacity(), 0)
  })
}

for (const over of [{}, { method: 'POST', bodyLength: 5 }]) {
  const name = over.method ?? 'GET'
  test(`the FIN of an origin after the whole answer, to a slow reader: every byte is delivered (${name})`, async t => {
    const body = Buffer.alloc(40_000, 'x')
    const frames = [0, 1, 2, 3].map(i =>
      frame(0, i === 3 ? END_STREAM : 0, 1, body.subarray(i * 10_000, (i + 1) * 10_000)),
    )
    const { conn, leave } = await leavingOrigin(t, Buffer.concat([RESPONSE, ...frames]))
    let closed = 0
    conn.onClosed = () => closed++
    const upload = send(conn, over)
    upload.accept = false
    leave()
    await until(() => upload.heads.length === 1 && conn.capacity() === 0)
    await new Promise(resolve => setTimeout(resolve, 50))
    t.true(upload.text.length < body.length)
    upload.accept = true
    upload.stream.resume()
    await until(() => upload.ended === 1 && closed === 1)
    t.is(upload.text.length, body.length)
    t.deepEqual(upload.errors, [])
  })
}
