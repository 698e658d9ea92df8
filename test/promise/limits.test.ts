import { once } from 'node:events'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import { curl } from '../lab/client.ts'
import { BLACKHOLE } from '../lab/sites.ts'
import { crowd, loris, ODD_ORIGIN, streams, talk } from './limits/puppets.ts'
import { type Bench, startBench } from './support.ts'

/**
 * Every limit of `http:` acts at the value it was set to, never before, and the client and the log see what docs/limits.md says.
 * How much later than its time a limit acts is the machine's affair: only that it comes at all is asked.
 */
const test = anyTest as TestFn<Bench>

const SMALL = {
  maxConnections: 220,
  maxConnectionsPerClient: 100,
  helloSeconds: 2,
  handshakeSeconds: 2,
  headSeconds: 2,
  idleSeconds: 2,
  bodySeconds: 2,
  writeSeconds: 2,
  lingerSeconds: 1,
  maxTargetKiB: 1,
  maxHeadKiB: 4,
  maxHeaders: 20,
  maxTrailerKiB: 1,
  maxChunkOverheadKiB: 1,
  maxInterim: 2,
  connectSeconds: 2,
  originTlsSeconds: 2,
  responseSeconds: 5,
  responseIdleSeconds: 2,
  originIdleSeconds: 2,
  tunnelIdleSeconds: 4,
  tunnelHalfIdleSeconds: 1,
}

let bench: Bench
const ODD = 'http://www.origin.example:8080'
const get = (...args: string[]) => curl(bench.lab, args, { ca: bench.weir.caFile })

/** A lab whose origin also has the odd one on port 8080. */
async function start(http: object): Promise<Bench> {
  const started = await startBench(null, { intercept: { ports: [80, 443, 8080] }, http })
  const odd = started.lab.spawn('origin', [process.execPath, '--input-type=module', '-e', ODD_ORIGIN])
  await once(odd.stdout!, 'data')
  return started
}

test.before(async () => {
  bench = await start(SMALL)
})
test.after.always(async () => bench?.close())

const HEAD = 'Host: www.origin.example\r\n'
/** Its own port on the client tells a connection's row from all others. */
const connectionError = async (port: number) =>
  (await bench.row('v_connections', 'client_port = ? AND host IS NOT NULL', port)).error
const exchangeError = async (path: string) => (await bench.row('v_exchanges', 'url LIKE ?', `%${path}`)).error

/** Not before its time; a timer may be early by a breath, and both ends measure with clocks of their own. */
function notBefore(t: ExecutionContext<Bench>, ms: number, seconds: number): void {
  t.true(ms >= seconds * 1000 - 50, `after ${ms} ms`)
}

// ── clients ────────────────────────────────────────────────────────────────────────────────────────────────────────

test.serial(
  'maxConnectionsPerClient, maxConnections: one device, and all of them, get so many and no more',
  async t => {
    const crowd = loris(bench.lab)
    try {
      t.is((await crowd.ask('open 130 10.77.1.12', seen => seen.open! <= 100)).open, 100)
      t.is((await get('--interface', '10.77.1.11', 'http://www.origin.example/')).status, 200, 'others are served')
      const row = await bench.row('v_connections', "client = '10.77.1.12' AND error = 'self-overloaded'")
      t.is(row.verdict, 'fail')
      t.is((await crowd.ask('open 100 10.77.1.11', seen => seen.open! <= 200)).open, 200)
      t.is((await crowd.ask('open 40 10.77.1.10', seen => seen.open! <= 220)).open, 220)
    } finally {
      await crowd.end()
    }
    const later = await curl(bench.lab, [
      '--retry',
      '20',
      '--retry-all-errors',
      '--retry-delay',
      '1',
      'http://www.origin.example/',
    ])
    t.is(later.status, 200, 'there is room again')
  },
)

test('helloSeconds: half a ClientHello', async t => {
  const seen = await talk(bench.lab, { port: 443, send: Buffer.from('16030102000100', 'hex') })
  t.is(seen.end, 'reset')
  notBefore(t, seen.ms, SMALL.helloSeconds)
  t.is(await connectionError(seen.port), 'client-timeout')
})

test('handshakeSeconds: a ClientHello, and never the rest', async t => {
  const seen = await talk(bench.lab, { port: 443, send: 'hello', tls: 'hello-only' })
  t.is(seen.end, 'closed')
  notBefore(t, seen.ms, SMALL.handshakeSeconds)
  t.is(await connectionError(seen.port), 'client-tls')
})

for (const [port, tls] of [
  [80, 'none'],
  [443, 'http/1.1'],
] as const) {
  test(`headSeconds: a head that drips is answered 408, port ${port}`, async t => {
    const seen = await talk(bench.lab, { port, tls, send: `GET / HTTP/1.1\r\n${HEAD}X-Slow: `, drip: 300 })
    t.regex(seen.data, /^HTTP\/1\.1 408 /)
    notBefore(t, seen.ms, SMALL.headSeconds)
    t.is(await connectionError(seen.port), 'client-timeout')
  })

  test(`headSeconds: TLS or not, who opens and says nothing is let go, port ${port}`, async t => {
    // On plain connections a silent client may be one whose server begins; that has its own, fixed time
    const seen = await talk(bench.lab, { port, tls, send: tls === 'none' ? 'GET / HTTP/1.1\r\nHo' : '' })
    t.regex(seen.data, tls === 'none' ? /^HTTP\/1\.1 408 / : /^$/)
    notBefore(t, seen.ms, SMALL.headSeconds)
  })

  test(`idleSeconds: between requests, port ${port}`, async t => {
    const seen = await talk(bench.lab, { port, tls, send: `GET / HTTP/1.1\r\n${HEAD}\r\n` })
    t.regex(seen.data, /^HTTP\/1\.1 200 /)
    t.is(seen.end, 'closed')
    notBefore(t, seen.ms, SMALL.idleSeconds)
    t.is(await connectionError(seen.port), '')
  })

  test(`bodySeconds: a body that drips is answered 408, port ${port}`, async t => {
    const path = `/echo?drip=${port}`
    const post = `POST ${path} HTTP/1.1\r\n${HEAD}Content-Length: 1000000\r\n\r\n`
    const seen = await talk(bench.lab, { port, tls, send: post, drip: 300 })
    t.regex(seen.data, /^HTTP\/1\.1 408 /)
    notBefore(t, seen.ms, SMALL.bodySeconds)
    t.is(await exchangeError(path), 'client-timeout')
  })

  test(`writeSeconds: who does not read is cut off, port ${port}`, async t => {
    const path = `/large?bytes=100000000&port=${port}`
    const seen = await talk(bench.lab, { port, tls, send: `GET ${path} HTTP/1.1\r\n${HEAD}\r\n`, read: false })
    t.not(seen.end, 'quiet')
    notBefore(t, seen.ms, SMALL.writeSeconds)
    t.is(await exchangeError(path), 'client-slow-reader')
  })
}

test('idleSeconds, HTTP/2: GOAWAY and the end', async t => {
  const seen = await talk(bench.lab, { port: 443, tls: 'h2', send: '' })
  t.is(seen.end, 'closed')
  t.is(seen.data, 'GOAWAY 0 200')
  notBefore(t, seen.ms, SMALL.idleSeconds)
})

test('bodySeconds, writeSeconds, HTTP/2: the stream is reset, its neighbours are not', async t => {
  const seen = await streams(bench.lab, {
    slowBody: { ':method': 'POST', ':path': '/echo?h2-slow-body' },
    slowReader: { ':path': '/large?bytes=100000000&h2-slow-reader' },
    // Begun before either limit, ended after both
    neighbour: { ':path': '/drip?ms=500&count=12' },
  })
  t.is(seen.slowBody!.status, 0)
  t.true(seen.slowBody!.code > 0)
  notBefore(t, seen.slowBody!.ms, SMALL.bodySeconds)
  t.true(seen.slowReader!.code > 0)
  notBefore(t, seen.slowReader!.ms, SMALL.writeSeconds)
  t.like(seen.neighbour, { status: 200, code: 0 })
  t.is(await exchangeError('/echo?h2-slow-body'), 'client-timeout')
  t.is(await exchangeError('h2-slow-reader'), 'client-slow-reader')
})

test('minBodyBytes: a slow body that keeps to it is taken', async t => {
  const body = 'x'.repeat(600)
  const post = `POST /echo?steady HTTP/1.1\r\n${HEAD}Connection: close\r\nContent-Length: 3600\r\n\r\n`
  const seen = await talk(bench.lab, { port: 80, send: post, drip: 1000, dripText: body, drips: 6 })
  t.regex(seen.data, /^HTTP\/1\.1 200 [\s\S]*"length":3600/)
})

test('lingerSeconds: who talks on after the last answer is cut off', async t => {
  const seen = await talk(bench.lab, { port: 80, send: `GET / HTTP/9.9\r\n${HEAD}\r\n`, drip: 200, stubborn: true })
  t.regex(seen.data, /^HTTP\/1\.1 505 /)
  t.is(seen.end, 'reset')
  notBefore(t, seen.ms, SMALL.lingerSeconds)
})

// ── sizes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const fields = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: y\r\n`).join('')
const chunked = (path: string) => `POST ${path} HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n`
for (const [key, request, status, code] of [
  ['maxTargetKiB', `GET /${'x'.repeat(1024)} HTTP/1.1\r\n${HEAD}\r\n`, 414, 'client-target-too-long'],
  ['maxHeadKiB', `GET / HTTP/1.1\r\n${HEAD}X-Big: ${'x'.repeat(4096)}\r\n\r\n`, 431, 'client-head-too-large'],
  ['maxHeaders', `GET / HTTP/1.1\r\n${HEAD}${fields(20)}\r\n`, 431, 'client-head-too-large'],
] as const) {
  for (const [port, tls] of [
    [80, 'none'],
    [443, 'http/1.1'],
  ] as const) {
    test(`${key} of a request is ${status}, port ${port}`, async t => {
      const seen = await talk(bench.lab, { port, tls, send: request })
      t.regex(seen.data, new RegExp(`^HTTP/1\\.1 ${status} `))
      t.is(seen.end, 'closed')
      t.is(await connectionError(seen.port), code)
    })
  }
}

test('the sizes themselves still fit', async t => {
  const inTarget = `GET /${'x'.repeat(1023)} HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`
  t.regex((await talk(bench.lab, { port: 80, send: inTarget })).data, /^HTTP\/1\.1 404 /)
  const start = `GET / HTTP/1.1\r\n${HEAD}Connection: close\r\n`
  const filler = `X-Big: ${'x'.repeat(4096 - start.length - 'X-Big: \r\n\r\n'.length)}\r\n`
  t.regex((await talk(bench.lab, { port: 80, send: `${start}${filler}\r\n` })).data, /^HTTP\/1\.1 200 /)
  t.regex((await talk(bench.lab, { port: 80, send: `${start}${fields(18)}\r\n` })).data, /^HTTP\/1\.1 200 /)
})

for (const [key, path, body] of [
  ['maxTrailerKiB', '/echo?trailers', `1\r\nx\r\n0\r\nX-Big: ${'x'.repeat(1100)}\r\n\r\n`],
  ['maxChunkOverheadKiB', '/echo?overhead', `1;${'x'.repeat(2000)}\r\nx\r\n0\r\n\r\n`],
] as const) {
  test(`${key} of a request is 400`, async t => {
    const seen = await talk(bench.lab, { port: 80, send: chunked(path) + body })
    t.regex(seen.data, /^HTTP\/1\.1 400 /)
    t.is(await exchangeError(path), 'client-bad-request')
  })
}

for (const [key, path] of [
  ['maxHeadKiB', '/big-head'],
  ['maxHeaders', '/many-fields'],
  ['maxInterim', '/interim'],
] as const) {
  test(`${key} of an answer is 502`, async t => {
    t.is((await get(`${ODD}${path}`)).status, 502)
    t.is(await exchangeError(path), 'origin-bad-response')
  })
}

test('maxTrailerKiB, maxChunkOverheadKiB of an answer: it is cut off', async t => {
  for (const path of ['/big-trailer', '/chunk-overhead']) {
    t.true([18, 56].includes((await get(`${ODD}${path}`)).exit!), path)
    t.is(await exchangeError(path), 'origin-bad-response')
  }
})

// ── origins ────────────────────────────────────────────────────────────────────────────────────────────────────────

for (const [key, code, ...args] of [
  [
    'connectSeconds',
    'origin-connect-timeout',
    '--connect-to',
    `::${BLACKHOLE.v4}:`,
    'http://www.origin.example/swallowed',
  ],
  ['originTlsSeconds', 'origin-connect-timeout', 'https://silent.example/never'],
  ['responseSeconds', 'origin-timeout', 'http://silent.example/silence'],
] as const) {
  test(`${key}: an origin that is too slow is 504`, async t => {
    const { status, info } = await get(...args)
    t.is(status, 504)
    notBefore(t, Number(info.time_total) * 1000, SMALL[key])
    t.is(await exchangeError(new URL(args.at(-1)!).pathname), code)
  })
}

test('writeSeconds: an origin that does not read a body is 504', async t => {
  const post = `POST /unread HTTP/1.1\r\n${HEAD.replace('example', 'example:8080')}Content-Length: 100000000\r\n\r\n`
  const seen = await talk(bench.lab, { port: 8080, send: post, fill: 30_000_000 })
  notBefore(t, seen.ms, SMALL.writeSeconds)
  t.like(await bench.row('v_exchanges', "url LIKE '%/unread'"), { status: 504, error: 'origin-timeout' })
})

test('responseIdleSeconds: an answer that stops in the middle is cut off', async t => {
  const { exit, status, info } = await get(`${ODD}/half`)
  t.is(status, 200)
  t.true([18, 56].includes(exit!), `${exit}`)
  notBefore(t, Number(info.time_total) * 1000, SMALL.responseIdleSeconds)
  t.is(await exchangeError('/half'), 'origin-timeout')
})

test('maxOriginConnections, maxOriginConnectionsPerClient, maxOriginWaiting, originWaitSeconds', async t => {
  const few = { maxOriginConnections: 12, maxOriginConnectionsPerClient: 10, maxOriginWaiting: 4, originWaitSeconds: 2 }
  const own = await start({ ...few, responseSeconds: 8 })
  try {
    // Half of the places to wait in are one client's
    const seen = await crowd(own.lab, `${ODD}/hold`, [
      { addr: '10.77.1.10', held: 10, more: 5 },
      { addr: '10.77.1.11', held: 2, more: 3 },
    ])
    t.deepEqual(seen.map(one => one.status).sort(), [...Array(8).fill(503), ...Array(12).fill(504)])
    const refused = seen.filter(one => one.status === 503).map(one => one.ms)
    refused.sort((x, y) => x - y)
    for (const ms of refused.slice(-4)) notBefore(t, ms, few.originWaitSeconds)
    const row = await own.row('v_exchanges', "url LIKE '%/hold' AND error = 'self-overloaded'")
    t.is(row.status, 503)
  } finally {
    await own.close()
  }
})

test('originIdleSeconds: a resting connection to an origin is let go', async t => {
  // An origin that no other test uses, as they would use its connection too
  t.is((await get('http://api.origin.example:8080/rest')).status, 200)
  const { body, status } = await get('http://static.origin.example:8080/rested')
  t.is(status, 200, body)
  notBefore(t, Number(body), SMALL.originIdleSeconds)
})

// ── relayed ────────────────────────────────────────────────────────────────────────────────────────────────────────

test('tunnelIdleSeconds: a splice and a WebSocket without a byte', async t => {
  const splice = await talk(bench.lab, { port: 8080, send: Buffer.from([0, 1, 2, 3]) })
  t.is(splice.end, 'reset')
  notBefore(t, splice.ms, SMALL.tunnelIdleSeconds)
  t.is(await connectionError(splice.port), 'idle-timeout')
  const upgrade = `GET /switch HTTP/1.1\r\n${HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
  const socket = await talk(bench.lab, { port: 8080, send: upgrade.replace('example', 'example:8080') })
  t.regex(socket.data, /^HTTP\/1\.1 101 /)
  t.is(socket.end, 'reset')
  notBefore(t, socket.ms, SMALL.tunnelIdleSeconds)
  t.is(await connectionError(socket.port), 'idle-timeout')
})

test('tunnelHalfIdleSeconds: the same once the client has ended', async t => {
  const seen = await talk(bench.lab, { port: 8080, send: Buffer.from([0, 1, 2, 3]), fin: true })
  t.is(seen.end, 'reset')
  notBefore(t, seen.ms, SMALL.tunnelHalfIdleSeconds)
  t.is(await connectionError(seen.port), '', 'who ended it is no error')
})
