import { once } from 'node:events'
import net from 'node:net'
import test from 'ava'
import { type PeekOptions, type PeekResult, peek } from '../../../src/peek/peek.ts'
import { chromiumHello, refragment } from './hellos.ts'

const OPTIONS: PeekOptions = { maxBytes: 65_536, firstByteMs: 150, totalMs: 400 }

interface Pair {
  client: net.Socket
  server: net.Socket
  close(): void
}

async function pair(options: net.ServerOpts = {}): Promise<Pair> {
  const listener = net.createServer({ allowHalfOpen: true, ...options })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const client = net.connect({ port: (listener.address() as net.AddressInfo).port, host: '127.0.0.1', noDelay: true })
  client.on('error', () => {})
  const [server] = (await once(listener, 'connection')) as [net.Socket]
  return {
    client,
    server,
    close() {
      client.destroy()
      server.destroy()
      listener.close()
    },
  }
}

function peeked(socket: net.Socket, options = OPTIONS): Promise<PeekResult> {
  return new Promise(resolve =>
    peek(socket, options, result => {
      socket.on('error', () => {})
      resolve(result)
    }),
  )
}

const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function drip(socket: net.Socket, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    socket.write(bytes.subarray(at, at + size))
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Everything that can be read until the client's FIN. */
async function rest(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.resume()
  await once(socket, 'end')
  return Buffer.concat(chunks)
}

const CASES: [string, Buffer, PeekResult['kind']][] = [
  ['tls', chromiumHello(), 'tls'],
  ['tls in many records', refragment(chromiumHello(), 40), 'tls'],
  ['h1', Buffer.from('POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody'), 'h1'],
  ['h2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'), 'h2'],
  ['ssh', Buffer.from('SSH-2.0-OpenSSH_9.2 Debian\r\n\x01\x02\x03\x04'), 'other'],
  [
    'SSL 2.0',
    Buffer.from('802e0103010015000000100100800300800700c00600400200800400800000040000fe', 'hex'),
    'malformed',
  ],
  ['malformed', Buffer.from('\x16\x03\x01\x00\x05\x02hello and what else', 'latin1'), 'malformed'],
]

for (const [name, bytes, kind] of CASES) {
  for (const size of [1, 7, 100_000]) {
    for (const pauseOnConnect of [false, true]) {
      test(`${name}, ${size} bytes a write${pauseOnConnect ? ', paused' : ''}: known, and not a byte is lost`, async t => {
        const p = await pair({ pauseOnConnect })
        const sent = Buffer.concat([bytes, Buffer.alloc(200_000, 'tail')])
        const before = (['data', 'end', 'error', 'close', 'readable'] as const).map(e => p.server.listenerCount(e))
        const result = new Promise<PeekResult>(resolve =>
          peek(p.server, { ...OPTIONS, firstByteMs: 60_000, totalMs: 60_000 }, found => {
            t.deepEqual(
              (['data', 'end', 'error', 'close', 'readable'] as const).map(e => p.server.listenerCount(e)),
              before,
            )
            t.true(p.server.isPaused())
            resolve(found)
          }),
        )
        const writing = drip(p.client, bytes, size).then(() => p.client.end(sent.subarray(bytes.length)))
        t.is((await result).kind, kind)
        await wait(20) // what comes before the next station is ready must wait too
        t.deepEqual(await rest(p.server), sent)
        await writing
        p.close()
      })
    }
  }
}

test('a result carries what was learned', async t => {
  const p = await pair()
  p.client.write('GET / HTTP/1.1\r\nHost: Www.Example.org:80\r\n')
  t.deepEqual(await peeked(p.server), { kind: 'h1', host: 'www.example.org' })
  p.close()
  const q = await pair()
  q.client.write(chromiumHello())
  const result = await peeked(q.server)
  t.is(result.kind === 'tls' && result.hello.sni, 'school.example.org')
  q.close()
})

test('bytes that an earlier station pushed back count as read', async t => {
  const p = await pair({ pauseOnConnect: true })
  p.server.unshift(Buffer.from('GET / HTTP/1.1\r\nHo'))
  const result = peeked(p.server)
  p.client.end('st: a.example\r\n\r\n')
  t.deepEqual(await result, { kind: 'h1', host: 'a.example' })
  t.is((await rest(p.server)).toString(), 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  p.close()
})

test('a silent client: the server may speak first, and the client is still heard later', async t => {
  const p = await pair()
  const started = performance.now()
  t.deepEqual(await peeked(p.server), { kind: 'silent' })
  t.true(performance.now() - started >= 145)
  p.server.write('220 hello\r\n')
  t.is(String((await once(p.client, 'data'))[0]), '220 hello\r\n')
  p.client.end('EHLO x\r\n')
  t.is((await rest(p.server)).toString(), 'EHLO x\r\n')
  p.close()
})

test('half a greeting or request line is slow, not a tunnel; half a head goes to the codec', async t => {
  for (const [half, expected] of [
    [chromiumHello().subarray(0, 900), { kind: 'slow' }],
    ['\x16', { kind: 'slow' }],
    ['GE', { kind: 'slow' }],
    ['GET / HTTP/1.1\r\nAccept: x', { kind: 'h1', host: null }],
  ] as const) {
    const p = await pair()
    const started = performance.now()
    const result = peeked(p.server)
    p.client.write(half)
    t.deepEqual(await result, expected)
    t.true(performance.now() - started >= 395, 'waited for the total, not for the first byte')
    p.close()
  }
})

test('bytes already in the kernel are seen although the loop was blocked beyond the limit', async t => {
  const p = await pair({ pauseOnConnect: true })
  p.client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  await wait(20)
  const result = peeked(p.server, { ...OPTIONS, firstByteMs: 1 })
  const until = performance.now() + 50
  while (performance.now() < until);
  t.is((await result).kind, 'h1')
  p.close()
})

test('a client that leaves', async t => {
  for (const leave of [
    (p: Pair) => p.client.end(),
    (p: Pair) => p.client.end('GE'),
    (p: Pair) => p.client.resetAndDestroy(),
    (p: Pair) => p.server.destroy(),
    (p: Pair) => p.server.destroy(new Error('local')),
  ]) {
    const p = await pair()
    const result = peeked(p.server)
    leave(p)
    t.deepEqual(await result, { kind: 'closed' })
    p.close()
  }
  const p = await pair()
  p.server.destroy()
  t.deepEqual(await peeked(p.server), { kind: 'closed' })
  p.close()
})

test('given up: no result, and every byte is back', async t => {
  const p = await pair()
  const cancel = peek(p.server, { ...OPTIONS, firstByteMs: 60_000, totalMs: 60_000 }, () => t.fail('a result'))
  p.client.write('GET ')
  await wait(50)
  cancel()
  cancel()
  t.true(p.server.isPaused())
  p.client.end('/ HTTP/1.1')
  t.is((await rest(p.server)).toString(), 'GET / HTTP/1.1')
  p.close()
})

test('without need of a host a request line is enough', async t => {
  const p = await pair()
  p.client.write('GET / HTTP/1.1\r\n')
  t.deepEqual(await peeked(p.server, { ...OPTIONS, host: false }), { kind: 'h1', host: null })
  p.close()
})

test('maxBytes bounds what is held', async t => {
  const p = await pair()
  const result = peeked(p.server, { maxBytes: 1000, firstByteMs: 1000, totalMs: 1000 })
  await drip(p.client, chromiumHello(), 300)
  t.deepEqual(await result, { kind: 'malformed', why: 'too-large', alert: 47 })
  t.true(p.server.readableLength <= 2022)
  p.close()
  const q = await pair()
  const head = peeked(q.server, { maxBytes: 65_536, firstByteMs: 1000, totalMs: 1000 })
  await drip(q.client, Buffer.from(`GET / HTTP/1.1\r\nA: ${'a'.repeat(40_000)}`), 4000)
  t.deepEqual(await head, { kind: 'h1', host: null })
  q.close()
})
