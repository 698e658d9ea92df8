import test from 'ava'
import { clock } from '../../../../src/core/clock.ts'
import { WeirError } from '../../../../src/core/errors.ts'
import { UNKNOWN_LENGTH } from '../../../../src/core/exchange.ts'
import { answer, dial, pause, rig, type Seen, until } from './_wire.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const echoPath = (seen: Seen) => seen.reply(200, seen.ex.request.path)

test('keep-alive: one answer after the other, as sent', async t => {
  const r = await rig({ act: seen => seen.reply(200, 'hi', ['X-A', '1', 'x-a', '2']) })
  const peer = await dial(r.port)
  peer.send('GET /x?y HTTP/1.1\r\nHost: Example.org\r\nA: b\r\n\r\n')
  const one = 'HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nhi'
  await peer.got(one)
  peer.send(GET)
  await peer.got(one + one)
  const { request } = r.seen[0]!.ex
  t.deepEqual(
    [request.method, request.host, request.port, request.path, request.scheme],
    ['GET', 'example.org', 80, '/x?y', 'http'],
  )
  t.deepEqual(request.headers, ['Host', 'Example.org', 'A', 'b'])
  await until(() => r.seen.every(seen => seen.done === 1))
  peer.socket.end()
  await peer.ended()
  await until(() => r.closed.length === 1)
  t.deepEqual(r.closed, [null])
  r.close()
})

test('a small answer is one write; so is a small chunked one, and a large one begins with its head', async t => {
  const r = await rig({
    act: seen => {
      const { path } = seen.ex.request
      if (path === '/1k') return seen.reply(200, 'x'.repeat(1024))
      seen.stream.head(answer(200, path === '/chunked' ? UNKNOWN_LENGTH : 100_000))
      if (path === '/chunked') {
        for (let i = 0; i < 100; i++) seen.stream.data(Buffer.from('x'))
      } else seen.stream.data(Buffer.alloc(100_000, 'x'))
      seen.stream.end(null)
    },
  })
  const peer = await dial(r.port)
  for (const path of ['/1k', '/chunked', '/100k']) {
    peer.text = ''
    peer.send(GET.replace('/ ', `${path} `))
    await until(() => r.seen.at(-1)?.ex.request.path === path && r.seen.at(-1)!.done === 1)
    t.is(r.writes.length, 1, path)
    r.writes.length = 0
  }
  r.close()
})

test('a head without body bytes yet goes out in the same turn of the loop', async t => {
  const r = await rig({ act: seen => seen.stream.head(answer(200, UNKNOWN_LENGTH)) })
  const peer = await dial(r.port)
  peer.send(GET)
  await peer.got('\r\n\r\n')
  t.true(peer.text.includes('Transfer-Encoding: chunked'))
  r.seen[0]!.stream.data(Buffer.from('late'))
  await peer.got('4\r\nlate\r\n')
  r.seen[0]!.stream.end(['T', 'v'])
  await peer.got('0\r\nT: v\r\n\r\n')
  r.close()
})

test('pipelined requests are answered in order, one in flight', async t => {
  let running = 0
  let most = 0
  const r = await rig({
    act: seen => {
      most = Math.max(most, ++running)
      setTimeout(() => {
        running--
        echoPath(seen)
      }, Math.random() * 5)
    },
  })
  const peer = await dial(r.port)
  const paths = Array.from({ length: 20 }, (_, i) => `/${i}`)
  peer.send(paths.map(path => GET.replace('/ ', `${path} `)).join(''))
  await peer.got('/19')
  t.deepEqual(peer.text.match(/\/\d+(?=HTTP|$)/g), paths)
  t.is(most, 1)
  r.close()
})

test('what is pipelined beyond a bound is left in the kernel', async t => {
  const r = await rig({ act: () => {}, limits: { maxHeldBytes: 10_000 } })
  const peer = await dial(r.port)
  for (let i = 0; i < 3000; i++) peer.send(GET.replace('Host', `X: ${'x'.repeat(2000)}\r\nHost`))
  await pause(300)
  t.is(r.seen.length, 1)
  t.true(r.sockets[0]!.isPaused())
  t.true(r.sockets[0]!.bytesRead < 300_000, String(r.sockets[0]!.bytesRead))
  r.close()
})

test('any way of cutting the bytes gives the same exchanges', async t => {
  const r = await rig({
    act: seen => {
      seen.onEnd = () => seen.reply(200, `${seen.ex.request.path}:${seen.body}:${seen.trailers}`)
      seen.stream.resumeBody()
    },
  })
  const text =
    '\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello' +
    'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n' +
    'GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const whole = await dial(r.port)
  whole.send(text)
  await whole.ended()
  const bytes = await dial(r.port)
  for (const c of text) {
    bytes.send(c)
    await new Promise(setImmediate)
  }
  await bytes.ended()
  t.is(bytes.text, whole.text)
  t.regex(whole.text, /\/a:hello:null.*\/b:abcde:T,v.*\/c::null$/s)
  t.true(whole.text.includes('Connection: close'))
  r.close()
})

test('a body waits for resumeBody, and stops when it is not taken', async t => {
  const r = await rig({ act: () => {}, limits: { maxHeldBytes: 20_000 } })
  const peer = await dial(r.port)
  peer.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n${'x'.repeat(5_000_000)}`)
  await until(() => r.seen.length === 1)
  const seen = r.seen[0]!
  seen.takes = false
  await pause(100)
  t.is(seen.bodyBytes, 0)
  seen.stream.resumeBody()
  const first = seen.bodyBytes
  t.true(first > 0 && first < 200_000)
  await pause(50)
  t.is(seen.bodyBytes, first)
  t.true(r.sockets[0]!.bytesRead < 1_000_000)
  seen.takes = true
  seen.stream.resumeBody()
  await until(() => seen.ended)
  t.is(seen.bodyBytes, 5_000_000)
  r.close()
})

test("expect: 100-continue is the exchange's to answer; 1xx pass, but not to HTTP/1.0", async t => {
  const r = await rig({
    act: seen => {
      seen.stream.informational(103, ['Link', '</a>', 'Connection', 'x'])
      if (seen.ex.request.expectContinue) seen.stream.informational(100, [])
      seen.onEnd = () => seen.reply(200, seen.body)
      seen.stream.resumeBody()
    },
  })
  const peer = await dial(r.port)
  peer.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n')
  await peer.got('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
  peer.send('ok')
  await peer.got('\r\n\r\nok')
  const old = await dial(r.port)
  old.send('POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok')
  await old.ended()
  t.is(old.text, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
  r.close()
})

test('framing of answers: HEAD, 204, 304, HTTP/1.0, unknown lengths', async t => {
  const r = await rig({
    act: seen => {
      const status = Number(seen.ex.request.path.slice(1, 4))
      seen.stream.head(answer(status, seen.ex.request.path.endsWith('?') ? UNKNOWN_LENGTH : 3))
      seen.stream.data(Buffer.from('abc'))
      seen.stream.end(null)
    },
  })
  const ask = async (line: string, fields = '') => {
    const peer = await dial(r.port)
    peer.send(`${line}\r\nHost: a\r\n${fields}\r\n`)
    peer.socket.end()
    await peer.ended()
    return peer.text
  }
  t.is(await ask('HEAD /200 HTTP/1.1'), 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n')
  t.is(await ask('HEAD /200? HTTP/1.1'), 'HTTP/1.1 200 OK\r\n\r\n')
  t.is(await ask('GET /204 HTTP/1.1'), 'HTTP/1.1 204 No Content\r\n\r\n')
  t.is(await ask('GET /304? HTTP/1.1'), 'HTTP/1.1 304 Not Modified\r\n\r\n')
  t.is(await ask('GET /304 HTTP/1.1'), 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n')
  t.is(await ask('GET /200? HTTP/1.1'), 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
  t.is(await ask('GET /200? HTTP/1.0'), 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc')
  t.is(
    await ask('GET /200 HTTP/1.0', 'Connection: Keep-Alive\r\n'),
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc',
  )
  t.is(
    await ask('GET /200 HTTP/1.1', 'Connection: close\r\n'),
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc',
  )
  r.close()
})

test('an answer before the end of the body closes, without a reset taking it away', async t => {
  const r = await rig({ act: seen => seen.reply(413, 'too much'), limits: { maxLingerBytes: 100_000, lingerMs: 300 } })
  const peer = await dial(r.port)
  peer.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n${'x'.repeat(300_000)}`)
  await peer.got('Connection: close\r\n\r\ntoo much')
  await peer.ended()
  t.is(peer.end, 'fin')
  await until(() => r.closed.length === 1)
  t.deepEqual(r.seen[0]!.errors, [])
  t.is(r.seen[0]!.done, 1)
  r.close()
})

test('abort, and lengths that do not fit, cut the client off visibly', async t => {
  const r = await rig({
    act: seen => {
      seen.stream.head(answer(200, 10))
      seen.stream.data(Buffer.from('abc'))
      if (seen.ex.request.path === '/short') seen.stream.end(null)
      else if (seen.ex.request.path === '/long') seen.stream.data(Buffer.alloc(20))
      else setTimeout(() => seen.stream.abort(new WeirError('origin-cut-off')), 20)
    },
  })
  for (const path of ['/abort', '/short', '/long']) {
    const peer = await dial(r.port)
    peer.send(GET.replace('/ ', `${path} `))
    await peer.ended()
    t.is(peer.end, 'reset', path)
    t.false(peer.text.includes('abc\0'))
  }
  await until(() => r.closed.length === 3)
  t.deepEqual(r.closed, ['origin-cut-off', 'self-internal', 'self-internal'])
  t.deepEqual(
    r.seen.map(seen => seen.errors),
    [[], ['self-internal'], ['self-internal']],
  )
  r.close()
})

test('half-closed clients get all their answers', async t => {
  const r = await rig({ act: seen => void setTimeout(echoPath, 20, seen) })
  const peer = await dial(r.port)
  peer.send(GET + GET.replace('/ ', '/2 '))
  peer.socket.end()
  await peer.ended()
  t.regex(peer.text, /\/HTTP.*\/2$/s)
  t.deepEqual(
    r.seen.map(seen => seen.done),
    [1, 1],
  )
  r.close()
})

test('a client that vanishes is told once', async t => {
  const r = await rig({ act: () => {} })
  const peer = await dial(r.port)
  peer.send(GET)
  await until(() => r.seen.length === 1)
  peer.socket.resetAndDestroy()
  await until(() => r.closed.length === 1)
  const seen = r.seen[0]!
  t.deepEqual([seen.errors, r.closed], [['client-gone'], ['client-gone']])
  seen.reply(200, 'too late')
  t.is(seen.done, 0)
  const cut = await dial(r.port)
  cut.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
  await until(() => r.seen.length === 2)
  r.seen[1]!.stream.resumeBody()
  cut.socket.end()
  await until(() => r.closed.length === 2)
  t.deepEqual(r.seen[1]!.errors, ['client-gone'])
  r.close()
})

const refusals: [string, number][] = [
  ['GET /\r\n', 400],
  ['\x16\x03\x01\x02', 400],
  ['GET / HTTP/1.1\r\nHost: a\n\r\n', 400],
  ['GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['GET / HTTP/1.1\r\n\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400],
  ['GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 421],
  ['CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 400],
  ['\r\n\r\n\r\n\r\n\r\n\r\nGET', 400],
  ['PRI * HTTP/2.0\r\n', 505],
  [`GET /${'a'.repeat(40_000)}`, 414],
  [`GET / HTTP/1.1\r\nX: ${'a'.repeat(110_000)}`, 431],
  [`GET / HTTP/1.1\r\n${'a:b\r\n'.repeat(1500)}\r\n`, 431],
]
test('refused messages are answered at once and the connection ends', async t => {
  const r = await rig({ act: echoPath })
  for (const [text, status] of refusals) {
    const peer = await dial(r.port)
    peer.send(text)
    await peer.ended()
    t.regex(
      peer.text,
      new RegExp(`^HTTP/1.1 ${status} [^]*Content-Length: 0\r\nConnection: close\r\n\r\n$`),
      JSON.stringify(text.slice(0, 40)),
    )
    peer.socket.destroy()
  }
  t.is(r.seen.length, 0)
  t.is(r.refused.length, refusals.length)
  r.close()
})

test('a refusal can have a page, and comes after the answers before it', async t => {
  const r = await rig({
    act: echoPath,
    reply: { status: 400, headers: ['Content-Type', 'text/plain'], body: Buffer.from('no') },
  })
  const peer = await dial(r.port)
  peer.send(`${GET}GET /\r\n${GET}`)
  await peer.ended()
  t.true(
    peer.text.endsWith(
      '\r\n\r\n/HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno',
    ),
  )
  t.is(r.seen.length, 1)
  r.close()
})

test('a bad chunk ends exchange and connection: 400 before an answer, a cut within one', async t => {
  const r = await rig({
    act: seen => {
      if (seen.ex.request.path === '/begun') seen.stream.head(answer(200, UNKNOWN_LENGTH))
      seen.stream.resumeBody()
    },
  })
  const post = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`
  const peer = await dial(r.port)
  peer.send(`${post('/')}5\r\nhello0\r\n\r\n`)
  await peer.ended()
  t.regex(peer.text, /^HTTP\/1.1 400 /)
  const begun = await dial(r.port)
  begun.send(post('/begun'))
  await begun.got('\r\n\r\n')
  begun.send('x')
  await begun.ended()
  t.is(begun.end, 'reset')
  await until(() => r.seen[1]!.errors.length === 1)
  t.deepEqual(
    r.seen.map(seen => seen.errors),
    [['client-bad-request'], ['client-bad-request']],
  )
  r.close()
})

test('deadlines: head, idle, body, reader', async t => {
  const r = await rig({
    act: seen => {
      if (seen.ex.request.path === '/big') {
        seen.stream.head(answer(200, 50_000_000))
        const chunk = Buffer.alloc(50_000)
        seen.onDrained = () => {
          while (seen.stream.data(chunk));
        }
        seen.onDrained()
      } else if (seen.ex.request.bodyLength !== 0) seen.stream.resumeBody()
      else echoPath(seen)
    },
    limits: { headMs: 300, idleMs: 300, bodyProgressMs: 300, minBodyBytes: 100, writeProgressMs: 300, lingerMs: 200 },
  })
  const silent = await dial(r.port)
  await silent.ended()
  t.is(silent.text, '')
  const slowloris = await dial(r.port)
  slowloris.send('GET / HTTP/1.1\r\n')
  const drip = setInterval(() => slowloris.send('X: y\r\n'), 50)
  await slowloris.ended()
  clearInterval(drip)
  t.regex(slowloris.text, /^HTTP\/1.1 408 /)
  const idle = await dial(r.port)
  idle.send(GET)
  await idle.ended()
  t.is(idle.end, 'fin')
  t.regex(idle.text, /^HTTP\/1.1 200 .*\r\n\r\n\/$/s)
  const slowBody = await dial(r.port)
  slowBody.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n')
  const dripBody = setInterval(() => slowBody.send('x'), 50)
  await slowBody.ended()
  clearInterval(dripBody)
  t.regex(slowBody.text, /^HTTP\/1.1 408 /)
  const slowReader = await dial(r.port)
  slowReader.socket.pause()
  slowReader.send(GET.replace('/ ', '/big '))
  await until(() => r.closed.at(-1) === 'client-slow-reader', 4000)
  t.deepEqual(r.seen.at(-1)!.errors, ['client-slow-reader'])
  r.close()
})

test('a slow but steady body is not cut off', async t => {
  const r = await rig({
    act: seen => {
      seen.onEnd = () => seen.reply(200, 'ok')
      seen.stream.resumeBody()
    },
    limits: { bodyProgressMs: 300, minBodyBytes: 100 },
  })
  const peer = await dial(r.port)
  peer.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n')
  for (let i = 0; i < 20; i++) {
    peer.send('x'.repeat(100))
    await pause(60)
  }
  await peer.got('ok')
  t.pass()
  r.close()
})

test('back-pressure: data says when to wait, onClientDrain when to go on', async t => {
  let sent = 0
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const r = await rig({
    act: seen => {
      seen.stream.head(answer(200, chunk.length * 200))
      seen.onDrained = () => {
        while (sent < 200) {
          sent++
          if (!seen.stream.data(chunk)) break
        }
        if (sent === 200) seen.stream.end(null)
      }
      seen.onDrained()
    },
  })
  const peer = await dial(r.port)
  peer.socket.pause()
  peer.send(GET)
  await pause(100)
  t.true(sent < 150, String(sent))
  t.true(r.sockets[0]!.writableLength < 300_000)
  peer.socket.resume()
  await until(() => r.seen[0]?.done === 1)
  await until(() => peer.text.length - peer.text.indexOf('\r\n\r\n') - 4 === chunk.length * 200)
  t.true(r.seen[0]!.drains > 0)
  r.close()
})

test('upgrade gives the bare socket away, bytes read too far in it', async t => {
  const r = await rig({ act: () => {} })
  const peer = await dial(r.port)
  peer.send('GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\nfirst')
  await until(() => r.seen.length === 1)
  const { stream, ex } = r.seen[0]!
  t.is(ex.request.upgrade, 'websocket')
  await pause(20)
  const socket = stream.upgrade(
    answer(101, 0, ['Connection', 'x', 'Upgrade', 'websocket', 'Sec-WebSocket-Accept', 'k']),
  )!
  await peer.got('\r\n\r\n')
  t.is(
    peer.text,
    'HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
  let got = ''
  for (const event of ['data', 'end', 'drain', 'close'])
    t.is(socket.listenerCount(event), event === 'end' ? 1 : 0, event)
  socket.on('data', chunk => {
    got += chunk
  })
  socket.resume()
  peer.send(' second')
  await until(() => got === 'first second')
  socket.write('back')
  await peer.got('back')
  t.is(stream.upgrade(answer(101, 0)), null)
  r.close()
})

test('drain finishes the present exchange and closes idle connections', async t => {
  const r = await rig({ act: seen => void setTimeout(echoPath, 50, seen) })
  const busy = await dial(r.port)
  const idle = await dial(r.port)
  busy.send(GET + GET)
  await until(() => r.seen.length === 1 && r.servers.length === 2)
  for (const server of r.servers) server.drain()
  await Promise.all([busy.ended(), idle.ended()])
  t.regex(busy.text, /^HTTP\/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n\/$/)
  t.is(idle.text, '')
  t.is(r.seen.length, 1)
  r.close()
})

test.serial('bytes unshifted by the peek are read, and nothing is watched once all is closed', async t => {
  const before = clock.size
  const r = await rig({
    act: echoPath,
    before: socket => {
      socket.pause()
      socket.unshift(Buffer.from(GET.slice(0, 10)))
    },
  })
  const peer = await dial(r.port)
  peer.send(GET.slice(10))
  await peer.got('\r\n\r\n/')
  peer.socket.destroy()
  await until(() => r.closed.length === 1)
  await until(() => clock.size === before)
  t.pass()
  r.close()
})

test('a head of an h2 origin that would break lines here is not sent', async t => {
  const r = await rig({
    act: seen => {
      seen.stream.head({ ...answer(200, 0, ['X', 'a\r\nSet-Cookie: evil']), version: 20 })
      seen.stream.end(null)
    },
  })
  const peer = await dial(r.port)
  peer.send(GET)
  await peer.ended()
  t.is(peer.text, '')
  await until(() => r.seen[0]!.errors.length === 1)
  t.deepEqual(r.seen[0]!.errors, ['origin-bad-response'])
  r.close()
})
