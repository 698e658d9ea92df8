import { once } from 'node:events'
import http2 from 'node:http2'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { type Rig, rig, until } from './rig.ts'

/** Whatever an origin says, to clients of either version: one end, one row, and the process lives. */

async function through(t: ExecutionContext, response: Buffer): Promise<Rig> {
  return rig(t, async socket => {
    await once(socket, 'data').catch(() => {})
    socket.end(response)
    socket.resume()
  })
}

/** Ends when the answer does, or the connection. */
async function askH1(proxy: Rig): Promise<void> {
  const client = await proxy.connect()
  const over = new Promise(resolve => client.once('close', resolve))
  client.on('end', () => client.destroy())
  client.resume()
  client.end('GET /x HTTP/1.1\r\nHost: www.example\r\n\r\n')
  await over
}

async function askH2(proxy: Rig): Promise<void> {
  const socket = await proxy.connect()
  const session = http2.connect('http://www.example', { createConnection: () => socket })
  session.on('error', () => {})
  const stream = session.request({ ':path': '/x' })
  stream.on('error', () => {})
  stream.resume()
  await new Promise(resolve => stream.once('close', resolve))
  session.destroy()
}

async function survives(t: ExecutionContext, response: Buffer): Promise<void> {
  for (const ask of [askH1, askH2]) {
    const proxy = await through(t, response)
    await ask(proxy)
    await until(() => proxy.rows.length === 2)
    t.deepEqual(
      proxy.rows.map(row => row.kind).sort(),
      ['connection', 'exchange'],
      `${ask.name}: ${response.toString('latin1')}`,
    )
    await until(() => proxy.connections.size === 0)
  }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const NASTY: Record<string, string> = {
  'nothing at all': '',
  'interim with connection fields': `HTTP/1.1 103 Early Hints\r\nConnection: close\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\nUpgrade: x\r\n\r\n${OK}`,
  'interim with odd fields': `HTTP/1.1 103 x\r\nHost: a\r\nHost: b\r\nHTTP2-Settings: a\r\nTE: gzip\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nDate: a\r\nDate: b\r\n\r\n${OK}`,
  'an interim status that is not known': `HTTP/1.1 199 x\r\n\r\n${OK}`,
  'too many interims': `${'HTTP/1.1 102 x\r\n\r\n'.repeat(100)}${OK}`,
  'switching unasked': 'HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  'a status above 599': 'HTTP/1.1 999 x\r\nContent-Length: 2\r\n\r\nok',
  'a status of 600': 'HTTP/1.1 600 x\r\nContent-Length: 2\r\n\r\nok',
  'a body with 204': 'HTTP/1.1 204 x\r\nContent-Length: 2\r\n\r\nok',
  'a body with 205': 'HTTP/1.1 205 x\r\nContent-Length: 2\r\n\r\nok',
  '304 unasked': 'HTTP/1.1 304 x\r\nContent-Length: 2\r\n\r\nok',
  'single-valued fields twice':
    'HTTP/1.1 200 x\r\nDate: a\r\nDate: b\r\nETag: a\r\nETag: b\r\nAge: 1\r\nAge: 2\r\nContent-Type: a\r\nContent-Type: b\r\nLocation: a\r\nLocation: b\r\nContent-Length: 2\r\n\r\nok',
  'empty and high values': 'HTTP/1.1 200 x\r\nX-A:\r\nX-B: \xff\xfe\x80\r\nX-C: a\tb\r\nContent-Length: 2\r\n\r\nok',
  'control characters': 'HTTP/1.1 200 x\r\nX-A: a\x01b\r\nX-B: \x7f\r\nContent-Length: 2\r\n\r\nok',
  'fields that h2 forbids':
    'HTTP/1.1 200 x\r\nConnection: x-a\r\nX-A: 1\r\nProxy-Connection: close\r\nKeep-Alive: 1\r\nUpgrade: h2c\r\nTE: x\r\nHTTP2-Settings: x\r\nContent-Length: 2\r\n\r\nok',
  'a body that is cut off': 'HTTP/1.1 200 x\r\nContent-Length: 200\r\n\r\nok',
  'chunks that are cut off': 'HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n5\r\nab',
  'bad chunks': 'HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n',
  'hostile trailers':
    'HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 5\r\nConnection: x\r\nDate: a\r\nDate: b\r\nX: \xff\r\n\r\n',
  'more than it said': 'HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n',
  'until close': 'HTTP/1.0 200 x\r\n\r\nok',
  'a length that is none': 'HTTP/1.1 200 x\r\nContent-Length: -2\r\n\r\nok',
  'no HTTP': 'SSH-2.0-x\r\n',
  'a header without end': `HTTP/1.1 200 x\r\nX: ${'y'.repeat(200_000)}`,
  'hostile cache fields':
    'HTTP/1.1 200 x\r\nCache-Control: max-age=99999999999999999999, no-cache="\r\nVary: \xff, *\r\nExpires: 0\r\nAge: -1\r\nDate: x\r\nContent-Range: bytes x\r\nContent-Length: 2\r\n\r\nok',
  'a hostile location':
    'HTTP/1.1 302 x\r\nLocation: http://[::1\r\nContent-Location: //\xff:99999/\r\nContent-Length: 0\r\n\r\n',
}

for (const [name, response] of Object.entries(NASTY)) {
  test(name, async t => survives(t, Buffer.from(response, 'latin1')))
}

test('answers of random parts', async t => {
  const name = fc.constantFrom(
    'Connection',
    'Content-Length',
    'Transfer-Encoding',
    'Date',
    'Via',
    'X',
    ':status',
    'x y',
    '',
    'Trailer',
    'Upgrade',
    'Set-Cookie',
    'TE',
    'Cache-Control',
    'Vary',
  )
  const value = fc.oneof(
    fc.constantFrom('close', 'chunked', '2', '0', 'max-age=1', 'websocket', '*'),
    fc.string({ maxLength: 8, unit: 'binary' }),
  )
  const head = fc.record({
    status: fc.constantFrom('100', '101', '103', '200', '204', '206', '304', '404', '599', '999', '0', 'x'),
    fields: fc.array(fc.tuple(name, value), { maxLength: 4 }),
  })
  const message = fc.tuple(
    fc.array(head, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', 'ok', '2\r\nok\r\n0\r\n\r\n', '0\r\nX: y\r\n\r\n'),
  )
  await fc.assert(
    fc.asyncProperty(message, async ([heads, body]) => {
      const text = heads
        .map(({ status, fields }) => `HTTP/1.1 ${status} x\r\n${fields.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`)
        .join('')
      await survives(t, Buffer.from(text + body, 'latin1'))
    }),
    { numRuns: 100 },
  )
})
