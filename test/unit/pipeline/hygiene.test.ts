import { once } from 'node:events'
import http2 from 'node:http2'
import type net from 'node:net'
import os from 'node:os'
import test from 'ava'
import { hopStation } from '../../../src/worker/hop-station.ts'
import { headersFrame, PREFACE } from '../http/h2/frames.ts'
import { read, rig, until } from './rig.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** An origin that answers every head with `answer` and keeps all it hears. */
function listening(answer = OK) {
  const origin = {
    heard: '',
    accept(socket: net.Socket) {
      socket.on('data', chunk => {
        origin.heard += chunk.toString('latin1')
        if (/\r\n\r\n$/.test(origin.heard)) socket.write(answer, 'latin1')
      })
    },
  }
  return origin
}

/** The field lines the origin is sent for these of a client, without Host. */
async function passedOn(t: Parameters<typeof rig>[0], lines: string[], policy = '', first = 'GET / HTTP/1.1') {
  const origin = listening()
  const { connect } = await rig(t, origin.accept, { policy: `version: 1\n${policy}` })
  const client = await connect()
  client.write(`${first}\r\n${['Host: www.example', ...lines].join('\r\n')}\r\n\r\n`, 'latin1')
  const answer = await read(client, text => text.includes('\r\n\r\n'))
  const heard = origin.heard.split('\r\n').filter(line => line !== '' && line !== 'Host: www.example')
  return { answer, first: heard[0] ?? '', lines: heard.slice(1) }
}

const SAID = ['Forwarded: for=1.1.1.1', 'X-Forwarded-For: 1.1.1.1', 'X_Real_IP: 1.1.1.1', 'X-Original-URL: /admin']
const VIA = 'Via: 1.1 weir-test'

test('a client cannot say whom its request is for', async t => {
  t.deepEqual((await passedOn(t, [...SAID, 'Accept: */*'])).lines, ['Accept: */*', VIA])
})

test('kept, where policy says so, for the hosts it says, whatever Connection names', async t => {
  const keep = (host: string) => `headers: { forwarded: keep, forwardedTo: [${host}] }\n`
  const lines = [...SAID, 'Connection: X-Forwarded-For, X-Mine', 'X-Mine: 1']
  t.deepEqual((await passedOn(t, lines, keep('www.example'))).lines, [...SAID, VIA])
  t.deepEqual((await passedOn(t, lines, keep('other.example'))).lines, [VIA])
})

test('set, what this box saw takes the place of what the client said', async t => {
  const { lines } = await passedOn(t, SAID, 'headers: { forwarded: set }\n')
  t.deepEqual(lines, [
    VIA,
    'Forwarded: for=127.0.0.1;host=www.example;proto=http',
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Host: www.example',
  ])
})

test('Via says what policy has it say, to origins and to clients', async t => {
  const host = /^[A-Za-z0-9.-]+$/.test(os.hostname()) ? `${os.hostname()} (weir-test)` : 'weir-test'
  for (const [mode, line] of [
    ['pseudonym', VIA],
    ['full', `Via: 1.1 ${host}`],
    ['none', ''],
  ] as const) {
    const { lines, answer } = await passedOn(t, ['Via: 1.0 before'], `headers: { via: ${mode} }\n`)
    t.deepEqual(lines, ['Via: 1.0 before', ...(line === '' ? [] : [line])])
    t.is(/^Via: .*$/m.exec(answer)?.[0].trimEnd() ?? '', line)
  }
  const old = await passedOn(t, [], '', 'GET / HTTP/1.0')
  t.deepEqual(old.lines, ['Via: 1.0 weir-test'])
})

test('a host name that is none in HTTP is not told', t => {
  const head = { headers: [] as string[], version: 11 as const }
  const policy = { via: 'full' as const, forwarded: () => 'remove' as const }
  for (const name of ['', 'a b', 'a,b', 'a\r\nX: y', 'ä', '.a', 'a..b']) {
    hopStation('ab', name).response({ ...head, status: 200, reason: '', bodyLength: 0 }, policy)
  }
  t.deepEqual(new Set(head.headers), new Set(['Via', '1.1 weir-ab']))
})

test('a request that was here before is refused under every policy', async t => {
  for (const via of ['1.1 weir-test', '1.1 x, 2 weir-test', '1.1 gw.example (weir-test)']) {
    for (const mode of ['pseudonym', 'full', 'none']) {
      const { answer, first } = await passedOn(t, [`Via: ${via}`], `headers: { via: ${mode} }\n`)
      t.regex(answer, /^HTTP\/1\.1 508 /)
      t.is(first, '')
    }
  }
})

test('OPTIONS and TRACE go as far as Max-Forwards lets them', async t => {
  const on = await passedOn(t, ['Max-Forwards: 3'], '', 'OPTIONS * HTTP/1.1')
  t.is(on.first, 'OPTIONS * HTTP/1.1')
  t.true(on.lines.includes('Max-Forwards: 2'))
  const options = await passedOn(t, ['Max-Forwards: 0'], '', 'OPTIONS /x HTTP/1.1')
  t.regex(options.answer, /^HTTP\/1\.1 200 OK\r\n(.+\r\n)*Allow: .*\r\n(.+\r\n)*Content-Length: 0\r\n/)
  t.is(options.first, '')
  const trace = await passedOn(t, ['Max-Forwards: 0', 'Cookie: secret'], '', 'TRACE /x HTTP/1.1')
  t.regex(trace.answer, /^HTTP\/1\.1 405 /)
  t.notRegex(trace.answer, /secret/)
  t.is(trace.first, '')
  const none = await passedOn(t, ['Max-Forwards: -1'], '', 'TRACE /x HTTP/1.1')
  t.regex(none.answer, /^HTTP\/1\.1 400 /)
  t.is(none.first, '')
})

test('what belongs to one connection stays there, in answers of every kind', async t => {
  const fields =
    'Connection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nX-Kept: 1\r\n'
  const origin = listening(
    `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n${fields}\r\n` +
      `HTTP/1.1 407 No\r\n${fields}Proxy-Connection: close\r\nContent-Length: 0\r\n\r\n`,
  )
  const { connect } = await rig(t, origin.accept)
  const client = await connect()
  client.write('GET / HTTP/1.1\r\nHost: www.example\r\n\r\n')
  const [hints, final] = (await read(client, text => text.split('\r\n\r\n').length > 2)).split('\r\n\r\n')
  t.is(hints, 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Kept: 1')
  t.is(final, 'HTTP/1.1 407 No\r\nX-Kept: 1\r\nVia: 1.1 weir-test\r\nContent-Length: 0')
})

test('a 101 carries Via, and its own options only', async t => {
  const origin = listening(
    'HTTP/1.1 101 Go\r\nConnection: Upgrade, X-Mine\r\nUpgrade: websocket\r\nX-Mine: 1\r\nSec-WebSocket-Accept: x\r\n\r\n',
  )
  const { connect } = await rig(t, origin.accept)
  const client = await connect()
  client.write('GET / HTTP/1.1\r\nHost: www.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const answer = await read(client, text => text.includes('\r\n\r\n'))
  t.regex(answer, /^HTTP\/1\.1 101 Go\r\n/)
  t.regex(answer, /\r\nVia: 1\.1 weir-test\r\n/)
  t.notRegex(answer, /X-Mine/)
})

test('trailers lose what must not stand there, both ways', async t => {
  const tail = '0\r\nX-Sum: 1\r\nX-Forwarded-For: 1.1.1.1\r\nCookie: a\r\nContent-Length: 5\r\n\r\n'
  const origin = listening(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n${tail}`)
  const { connect } = await rig(t, origin.accept)
  const client = await connect()
  client.write(`POST / HTTP/1.1\r\nHost: www.example\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n${tail}`)
  const answer = await read(client, text => text.includes('0\r\n'))
  t.regex(answer, /\r\n0\r\nX-Sum: 1\r\n\r\n$/)
  t.regex(origin.heard, /\r\n0\r\nX-Sum: 1\r\n\r\n$/)
})

test('all of it holds from HTTP/2 to HTTP/1 too', async t => {
  const origin = listening()
  const { connect } = await rig(t, origin.accept)
  const socket = await connect()
  const session = http2.connect('http://www.example', { createConnection: () => socket })
  const stream = session.request(
    {
      ':method': 'POST',
      ':path': '/',
      'x-forwarded-for': '1.1.1.1',
      te: 'trailers',
      'proxy-authorization': 'x',
      'x-a': '1',
    },
    { waitForTrailers: true },
  )
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1', 'x-real-ip': '1.1.1.1', cookie: 'a' }))
  stream.end('b')
  const [fields] = await once(stream, 'response')
  t.is(fields.via, '1.1 weir-test')
  t.is(
    origin.heard,
    'POST / HTTP/1.1\r\nHost: www.example\r\nte: trailers\r\nx-a: 1\r\nVia: 2 weir-test\r\n' +
      'Transfer-Encoding: chunked\r\nConnection: TE\r\n\r\n1\r\nb\r\n0\r\nx-sum: 1\r\n\r\n',
  )
  session.destroy()
})

test('no CR, LF or NUL gets from HTTP/2 into HTTP/1 or into the log', async t => {
  const fields: [string, string][] = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'www.example'],
    [':path', '/'],
  ]
  const broken: [string, string][][] = []
  for (const evil of [
    '\r\nX-Evil: 1',
    '\nX-Evil: 1',
    '\rX-Evil: 1',
    '\0X-Evil',
    '\r\n\r\nGET /evil HTTP/1.1\r\n\r\n',
  ]) {
    for (let i = 0; i < fields.length; i++) {
      broken.push(fields.map(([name, value], k) => [name, k === i ? `${value}${evil}` : value]))
    }
    broken.push([...fields, ['x-a', `b${evil}`]], [...fields, [`x-a${evil}`, 'b']], [...fields, [evil, 'b']])
    broken.push([...fields, ['cookie', `b${evil}`]], [...fields, ['host', `www.example${evil}`]])
    broken.push([...fields, ['user-agent', `${evil}b`]], [...fields, ['content-type', evil]])
  }
  const origin = listening()
  const { connect, rows, connections } = await rig(t, origin.accept)
  for (const list of broken) {
    const client = await connect()
    client.write(Buffer.concat([PREFACE, headersFrame(1, list, true), headersFrame(3, fields, true)]))
    await settled(client)
  }
  // One that is well-formed and therefore heard last
  const socket = await connect()
  const session = http2.connect('http://www.example', { createConnection: () => socket })
  const last = session.request({ ':path': '/last' })
  await once(last, 'response')
  session.destroy()
  await until(() => connections.size === 0)
  t.notRegex(origin.heard, /evil/i)
  t.true(origin.heard.includes('GET /last HTTP/1.1\r\n'))
  for (const row of rows) {
    for (const [key, value] of Object.entries(row)) {
      if (typeof value === 'string') t.notRegex(value, /[\0\r\n]/, key)
    }
  }
})

/** Streams 1 and 3 are answered or reset, or the connection is over. */
async function settled(client: net.Socket): Promise<void> {
  const over = new Set<number>()
  let bytes = Buffer.alloc(0)
  client.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const id = bytes.readUInt32BE(5)
      if (id !== 0) over.add(id)
      else if (bytes[3] === 7) over.add(1).add(3)
      bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3))
    }
  })
  await until(() => over.size === 2 || client.destroyed || client.readableEnded)
  client.destroy()
}
