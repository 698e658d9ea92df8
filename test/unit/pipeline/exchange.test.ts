import { once } from 'node:events'
import type net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { LocalReply } from '../../../src/core/exchange.ts'
import type { FilterRunner } from '../../../src/pipeline/stations.ts'
import { read, rig, until } from './rig.ts'

const HOST = 'Host: www.example\r\n'
const GET = `GET /x HTTP/1.1\r\n${HOST}\r\n`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'

/** Answers each head that comes with the next of `answers`, and tells what it heard. */
function scripted(...answers: string[]) {
  const heard: string[] = []
  return {
    heard,
    origin: (socket: net.Socket) => {
      let text = ''
      socket.on('data', chunk => {
        text += chunk.toString('latin1')
        while (text.includes('\r\n\r\n')) {
          const end = text.indexOf('\r\n\r\n') + 4
          heard.push(text.slice(0, end))
          text = text.slice(end)
          const answer = answers.shift()
          if (answer !== undefined) socket.write(answer, 'latin1')
        }
      })
    },
  }
}

const filterResponse = (work: (done: (reply: LocalReply | null) => void) => void) => ({
  filters: {
    runRequest: (_ex, done) => done(null),
    runResponse: (_ex, done) => work(done),
  } satisfies FilterRunner,
})

test('one request, one row', async t => {
  const { origin } = scripted(OK)
  const { connect, exchangeRow, connectionRow } = await rig(t, origin)
  const client = await connect()
  client.write(GET)
  t.regex(await read(client, text => text.endsWith('hello')), /^HTTP\/1\.1 200 OK\r\n/)
  t.like(await exchangeRow(), { status: 200, bytesDown: 5, error: '', verdict: 'allow' })
  client.end()
  t.like(await connectionRow(), { exchanges: 1, error: '' })
})

test('a response filter that takes its time holds the body back, whole or in pieces', async t => {
  for (const pieces of [[OK], [OK.slice(0, -5), 'hello'], ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n']]) {
    const { connect, exchangeRow } = await rig(
      t,
      async socket => {
        await once(socket, 'data')
        for (const piece of pieces) {
          socket.write(piece)
          await sleep(20)
        }
      },
      { change: () => filterResponse(done => setTimeout(done, 100, null)) },
    )
    const client = await connect()
    client.write(GET)
    const whole = pieces.join('').endsWith('hello')
    const text = await read(client, got => (whole ? got.endsWith('hello') : got.endsWith('\r\n\r\n')))
    t.regex(text, /^HTTP\/1\.1 200 OK\r\n/)
    t.like(await exchangeRow(), { status: 200, bytesDown: whole ? 5 : 0, error: '' })
  }
})

test('the origin fails while a response filter takes its time: one answer, and it is an error', async t => {
  const { connect, exchangeRow, rows } = await rig(
    t,
    async socket => {
      await once(socket, 'data')
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe')
      await sleep(20)
      socket.resetAndDestroy()
    },
    { change: () => filterResponse(done => setTimeout(done, 100, null)) },
  )
  const client = await connect()
  client.write(GET)
  const text = await read(client, got => got.includes('\r\n\r\n'))
  t.regex(text, /^HTTP\/1\.1 (200|502) /)
  t.is((await exchangeRow()).verdict, 'fail')
  await sleep(200)
  t.is(rows.filter(row => row.kind === 'exchange').length, 1)
})

test("a response filter's own answer is what the row tells, and the origin's work ends", async t => {
  let closed = false
  const { connect, exchangeRow } = await rig(
    t,
    async socket => {
      socket.on('end', () => {
        closed = true
      })
      socket.resume()
      await once(socket, 'data')
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 5000\r\n\r\nxxx')
    },
    {
      change: () =>
        filterResponse(done => done({ status: 403, headers: ['Content-Type', 'text/plain'], body: Buffer.from('no') })),
    },
  )
  const client = await connect()
  client.write(GET)
  t.regex(await read(client, text => text.endsWith('no')), /^HTTP\/1\.1 403 /)
  t.like(await exchangeRow(), { status: 403, bytesDown: 2, contentType: '' })
  await until(() => closed)
})

test('a client that vanishes while the origin thinks: the origin hears of it, and there is one row', async t => {
  let closed = false
  const { connect, exchangeRow, connectionRow, rows } = await rig(t, socket => {
    socket.resume()
    socket.on('end', () => {
      closed = true
    })
  })
  const client = await connect()
  client.write(GET)
  await sleep(100)
  client.resetAndDestroy()
  t.like(await exchangeRow(), { error: 'client-gone', status: 499 })
  await connectionRow()
  await until(() => closed)
  t.is(rows.length, 2)
})

test('a stale connection is replaced for GET, not for POST', async t => {
  let connections = 0
  const { connect, rows } = await rig(t, socket => {
    connections++
    let requests = 0
    socket.on('data', () => {
      if (++requests === 1) socket.write(OK)
      else socket.destroy()
    })
  })
  const client = await connect()
  for (const request of [GET, GET]) {
    client.write(request)
    t.regex(await read(client, text => text.endsWith('hello')), /^HTTP\/1\.1 200/)
  }
  t.is(connections, 2)
  client.write(`POST /x HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nab`)
  t.regex(await read(client, text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 502/)
  await until(() => rows.length === 3)
  t.like(rows[2]!, { error: 'origin-reset', status: 502 })
})

test('Expect: 100-continue is between client and origin', async t => {
  const { connect, exchangeRow } = await rig(t, async socket => {
    const [head] = await once(socket, 'data')
    t.regex(String(head), /expect: 100-continue/i)
    socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    await read(socket, text => text.endsWith('body!'))
    socket.write(OK)
  })
  const client = await connect()
  client.write(`POST /x HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`)
  t.regex(await read(client, text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 100 /)
  client.write('body!')
  t.regex(await read(client, text => text.endsWith('hello')), /^HTTP\/1\.1 200/)
  t.like(await exchangeRow(), { status: 200, bytesUp: 5 })
})

test('Expect: 100-continue refused by the origin: its answer comes, nothing hangs', async t => {
  const { connect, exchangeRow } = await rig(t, async socket => {
    await once(socket, 'data')
    socket.write('HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n')
  })
  const client = await connect()
  client.write(`POST /x HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`)
  t.regex(await read(client), /^HTTP\/1\.1 417 /)
  t.like(await exchangeRow(), { status: 417, error: '' })
})

test('an early answer while the client still sends', async t => {
  const { connect, exchangeRow } = await rig(t, async socket => {
    await once(socket, 'data')
    socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig')
    socket.resume()
  })
  const client = await connect()
  client.write(`POST /x HTTP/1.1\r\n${HOST}Content-Length: 10000000\r\n\r\n${'x'.repeat(200_000)}`)
  t.regex(await read(client, text => text.endsWith('big')), /^HTTP\/1\.1 413 /)
  client.write('y'.repeat(100_000))
  t.like(await exchangeRow(), { status: 413, error: '' })
})

test('request trailers arrive', async t => {
  const { connect } = await rig(t, async socket => {
    t.regex(await read(socket, text => text.endsWith('\r\n\r\n') && text.includes('0\r\n')), /X-Sum: 7\r\n\r\n$/)
    socket.write(OK)
  })
  const client = await connect()
  client.write(
    `POST /x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n`,
  )
  t.regex(await read(client, text => text.endsWith('hello')), /^HTTP\/1\.1 200/)
})

const UPGRADE = `GET /ws HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`

test('an upgrade that the origin answers with 200 is an ordinary answer, and the connection goes on', async t => {
  const { origin, heard } = scripted(OK, OK)
  const { connect, rows } = await rig(t, origin)
  const client = await connect()
  client.write(UPGRADE)
  t.regex(await read(client, text => text.endsWith('hello')), /^HTTP\/1\.1 200/)
  client.write(GET)
  t.regex(await read(client, text => text.endsWith('hello')), /^HTTP\/1\.1 200/)
  t.is(heard.length, 2)
  await until(() => rows.length === 2)
})

test('an upgraded stream: bytes both ways, one row each for exchange and connection', async t => {
  const { connect, exchangeRow, connectionRow, rows } = await rig(t, async socket => {
    await once(socket, 'data')
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi')
    socket.on('data', chunk => socket.write(chunk))
    socket.on('end', () => socket.end())
  })
  const client = await connect()
  client.write(UPGRADE)
  t.regex(await read(client, text => text.endsWith('hi')), /^HTTP\/1\.1 101 /)
  client.end('echo')
  t.is(await read(client), 'echo')
  t.like(await exchangeRow(), { status: 101, bytesUp: 4, bytesDown: 6, error: '' })
  await connectionRow()
  t.is(rows.length, 2)
})

test('HEAD and 304 from the cache carry no body', async t => {
  const { origin, heard } = scripted(
    'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: "a"\r\nContent-Length: 5\r\n\r\nhello',
  )
  const { connect, rows } = await rig(t, origin)
  const client = await connect()
  client.write(GET)
  await read(client, text => text.endsWith('hello'))
  client.write(`HEAD /x HTTP/1.1\r\n${HOST}\r\n`)
  const head = await read(client, text => text.endsWith('\r\n\r\n'))
  t.regex(head, /^HTTP\/1\.1 200[\s\S]*Content-Length: 5\r\n/i)
  client.write(`GET /x HTTP/1.1\r\n${HOST}If-None-Match: "a"\r\n\r\n`)
  t.regex(await read(client, text => text.endsWith('\r\n\r\n')), /^HTTP\/1\.1 304/)
  t.is(heard.length, 1)
  await until(() => rows.length === 3)
  t.deepEqual(
    rows.map(row => row.kind === 'exchange' && [row.cache, row.bytesDown]),
    [
      ['miss', 5],
      ['hit', 0],
      ['hit', 0],
    ],
  )
})

const STALE = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nETag: "a"\r\nContent-Length: 5\r\n\r\nhello'

test('a stored answer is asked about, and a 304 makes it the answer', async t => {
  const { origin, heard } = scripted(STALE, 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n')
  const { connect, rows } = await rig(t, origin)
  const client = await connect()
  for (let i = 0; i < 2; i++) {
    client.write(GET)
    t.regex(await read(client, text => text.endsWith('hello')), /^HTTP\/1\.1 200/)
  }
  t.regex(heard[1]!, /if-none-match: "a"/i)
  await until(() => rows.length === 2)
  t.like(rows[1]!, { cache: 'revalidated', status: 200, bytesDown: 5 })
})

test('a 304 about something else: the request is sent again as the client sent it', async t => {
  const { origin, heard } = scripted(STALE, 'HTTP/1.1 304 Not Modified\r\nETag: "other"\r\n\r\n', OK)
  const { connect, rows } = await rig(t, origin)
  const client = await connect()
  for (let i = 0; i < 2; i++) {
    client.write(GET)
    t.regex(await read(client, text => text.endsWith('hello')), /^HTTP\/1\.1 200/)
  }
  t.is(heard.length, 3)
  t.notRegex(heard[2]!, /if-none-match/i)
  await until(() => rows.length === 2)
})

test('the origin fails under a revalidation: an error page, one row', async t => {
  let requests = 0
  const { connect, rows } = await rig(t, socket => {
    socket.on('data', () => {
      if (++requests === 1) socket.write(STALE)
      else socket.destroy()
    })
  })
  const client = await connect()
  client.write(GET)
  await read(client, text => text.endsWith('hello'))
  client.write(GET)
  t.regex(await read(client, text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 502/)
  await until(() => rows.length === 2)
  t.like(rows[1]!, { status: 502, verdict: 'fail' })
})

test('a request that loops is answered and logged, its body unread', async t => {
  const { connect, exchangeRow } = await rig(t, socket => socket.resume())
  const client = await connect()
  client.write(`POST /x HTTP/1.1\r\n${HOST}Via: 1.1 weir-test\r\nContent-Length: 5\r\n\r\nhello`)
  t.regex(await read(client), /^HTTP\/1\.1 508/)
  t.like(await exchangeRow(), { status: 508, error: 'policy-loop', verdict: 'block' })
})

test('a client that reads slowly slows the origin down', async t => {
  let sent = 0
  const { connect } = await rig(t, async socket => {
    await once(socket, 'data')
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n')
    const piece = Buffer.alloc(100_000)
    while (sent < 200_000_000 && !socket.destroyed) {
      sent += piece.length
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {})
    }
  })
  const client = await connect()
  client.pause()
  client.write(GET)
  await sleep(1000)
  const then = sent
  await sleep(500)
  t.is(sent, then, 'it stands still')
  t.true(sent < 60_000_000, `${sent} bytes under way`)
})

/** As IIS with NTLM: whoever has sent a token is known on that connection, also in requests without one. */
function byConnection(seen: number[] = []) {
  let count = 0
  return (socket: net.Socket) => {
    const id = ++count
    let user = 'nobody'
    socket.on('data', chunk => {
      seen.push(id)
      user = /^authorization: (?:ntlm|negotiate) (\w+)/im.exec(chunk.toString('latin1'))?.[1] ?? user
      const fields = 'Cache-Control: max-age=60\r\nContent-Length'
      socket.write(`HTTP/1.1 200 OK\r\n${fields}: ${user.length + 1}\r\n\r\n${user}.`)
    })
  }
}

test('a connection that an origin takes for a user carries requests of no other client, and fills no cache', async t => {
  const seen: number[] = []
  const { connect } = await rig(t, byConnection(seen))
  const ask = async (client: net.Socket, more = '') => {
    client.write(`GET /${seen.length} HTTP/1.1\r\n${HOST}${more}\r\n`)
    return (await read(client, text => text.endsWith('.'))).split('\r\n').at(-1)
  }
  const alice = await connect()
  const bob = await connect()
  t.is(await ask(alice), 'nobody.')
  t.is(await ask(alice, 'Authorization: NTLM alice\r\n'), 'alice.')
  t.is(await ask(alice), 'alice.', 'it is one connection to the origin for the steps of the scheme')
  t.is(await ask(bob), 'nobody.')
  t.is(await ask(bob, 'Authorization: Negotiate bob\r\n'), 'bob.')
  t.is(await ask(alice), 'alice.')
  alice.destroy()
  await sleep(20)
  t.is(await ask(await connect()), 'nobody.')
})

test('what a user got on such a connection is stored for nobody', async t => {
  const { connect } = await rig(t, byConnection())
  const ask = async (client: net.Socket, more = '') => {
    client.write(`GET /same HTTP/1.1\r\n${HOST}${more}\r\n`)
    return (await read(client, text => text.endsWith('.'))).split('\r\n').at(-1)
  }
  const alice = await connect()
  t.is(await ask(alice, 'Authorization: NTLM alice\r\n'), 'alice.')
  t.is(await ask(alice), 'alice.')
  t.is(await ask(await connect()), 'nobody.')
})
