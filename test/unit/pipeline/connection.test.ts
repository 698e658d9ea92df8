import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import test from 'ava'
import { WeirError } from '../../../src/core/errors.ts'
import { caPem, read, rig, until } from './rig.ts'

const GET = 'GET / HTTP/1.1\r\nHost: www.example\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'
const DRAINING = new WeirError('self-draining')

test('a splice that is cut off tells its bytes in its one row', async t => {
  const { connect, connections, connectionRow, rows } = await rig(t, socket => socket.pipe(socket), { tier: 'pass' })
  const client = await connect()
  client.write(GET)
  await read(client, text => text === GET)
  for (const connection of connections) {
    connection.drain()
    connection.destroy(DRAINING)
    connection.destroy(DRAINING)
  }
  t.like(await connectionRow(), { bytesUp: GET.length, bytesDown: GET.length, error: 'self-draining' })
  await sleep(400)
  t.is(rows.length, 1)
  t.is(connections.size, 0)
})

test('an exchange that is cut off has its row before its connection has', async t => {
  const { connect, connections, rows } = await rig(t, socket => socket.resume())
  const client = await connect()
  client.write(GET)
  await sleep(100)
  for (const connection of connections) connection.destroy(DRAINING)
  await until(() => connections.size === 0)
  t.deepEqual(
    rows.map(row => row.kind),
    ['exchange', 'connection'],
  )
})

test('an upgraded stream that is cut off has both rows', async t => {
  const { connect, connections, rows } = await rig(t, async socket => {
    await once(socket, 'data')
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi')
  })
  const client = await connect()
  client.write('GET /ws HTTP/1.1\r\nHost: www.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await read(client, text => text.endsWith('hi'))
  for (const connection of connections) connection.destroy(DRAINING)
  await until(() => connections.size === 0)
  t.deepEqual(
    rows.map(row => row.kind),
    ['exchange', 'connection'],
  )
  t.like(rows[0]!, { status: 101, bytesDown: 2 })
})

test('draining: idle ends at once, a running answer finishes, one just accepted is served once', async t => {
  const { connect, connections } = await rig(t, socket => {
    socket.on('data', () => setTimeout(() => socket.write(OK), 200))
  })
  const idle = await connect()
  idle.write(GET)
  await read(idle, text => text.endsWith('hello'))
  const running = await connect()
  running.write(GET)
  await sleep(50)
  const fresh = await connect()
  await until(() => connections.size === 3)
  const began = Date.now()
  for (const connection of connections) connection.drain()
  t.is(await read(idle), '')
  t.true(Date.now() - began < 150)
  fresh.write(GET)
  for (const client of [running, fresh]) t.regex(await read(client), /^HTTP\/1\.1 200[\s\S]*hello$/)
  for (const client of [idle, running, fresh]) client.destroy()
  await until(() => connections.size === 0)
})

test('a connection cut off while its certificate is minted, or its origin is dialled', async t => {
  for (const tier of ['inspect', 'names'] as const) {
    let mint = () => {}
    let dialled = false
    const { connect, connections, connectionRow, rows } = await rig(t, socket => socket.resume(), {
      tier,
      change: real => ({
        leaf: (name, done, kind, client) => {
          mint = () => real.leaf(name, done, kind, client)
        },
        dialRaw: () => {
          dialled = true
          return () => {}
        },
      }),
    })
    const socket = await connect()
    const client = tls.connect({ socket, servername: 'www.example', ca: caPem })
    client.on('error', () => {})
    await until(() => dialled || mint.name === 'mint')
    for (const connection of connections) connection.destroy(DRAINING)
    mint()
    t.like(await connectionRow(), { error: 'self-draining' }, tier)
    await sleep(300)
    t.is(rows.length, 1)
  }
})

test('inspected over TLS, and a client that vanishes in the handshake', async t => {
  const { connect, connectionRow, rows } = await rig(t, socket => socket.resume())
  const first = await connect()
  const client = tls.connect({ socket: first, servername: 'www.example', ca: caPem })
  client.on('error', () => {})
  await once(client, 'secureConnect')
  t.is(client.authorized, true)
  client.destroy()
  t.like(await connectionRow(), { protocol: 'tls', tier: 'inspect', exchanges: 0 })
  const second = await connect()
  second.write(Buffer.from('16030100', 'hex'))
  second.resetAndDestroy()
  await until(() => rows.length === 2)
})

test('a connection that may not be is reset, with a row', async t => {
  const { connect, connectionRow } = await rig(t, socket => socket.resume(), {
    change: () => ({ isOwnDestination: () => true }),
  })
  await connect().catch(() => {}) // the reset may come with the connection itself
  t.like(await connectionRow(), { error: 'policy-loop', reason: 'loop', verdict: 'block' })
})

test('a silent client: the server may begin', async t => {
  const { connect, connectionRow } = await rig(t, socket => {
    socket.write('SSH-2.0-origin\r\n')
    socket.on('data', chunk => socket.end(chunk))
  })
  const client = await connect()
  t.is(await read(client, text => text.endsWith('\n')), 'SSH-2.0-origin\r\n')
  client.end('SSH-2.0-client\r\n')
  t.is(await read(client), 'SSH-2.0-client\r\n')
  t.like(await connectionRow(), { reason: 'server-first', protocol: 'other', bytesUp: 16, bytesDown: 32, error: '' })
})

test('a silent client that speaks after all gets nowhere by having waited', async t => {
  const policy = 'version: 1\nrules:\n  - { name: no, domains: [www.example], action: block }\n'
  let reached = 0
  const { connect } = await rig(t, socket => socket.on('data', chunk => (reached += chunk.length)), { policy })
  const [plain, secret, odd] = [await connect(), await connect(), await connect()]
  await sleep(2200)
  plain.write(GET)
  t.regex(await read(plain, text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 403/)
  const client = tls.connect({ socket: secret, servername: 'www.example', ca: caPem, ALPNProtocols: ['http/1.1'] })
  client.write(GET)
  t.regex(await read(client, text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 403/)
  t.is(reached, 0)
  odd.write('\x01\x02\x03\x04\x05')
  await until(() => reached === 5)
})

test('a silent client whose origin cannot be reached, or that leaves, has its row', async t => {
  const { connect, rows } = await rig(t, socket => socket.resume())
  const leaving = await connect()
  await sleep(2000)
  leaving.end()
  await until(() => rows.length === 1)
  t.like(rows[0]!, { kind: 'connection', error: '' })
  const unreachable = await rig(t, socket => socket.resume(), {
    change: () => ({
      dialRaw: (_target, done) => {
        setImmediate(done, new WeirError('origin-refused'), null)
        return () => {}
      },
    }),
  })
  await unreachable.connect()
  t.like(await unreachable.connectionRow(), { error: 'origin-refused', reason: 'server-first' })
})
