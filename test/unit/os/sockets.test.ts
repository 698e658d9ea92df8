import { once } from 'node:events'
import net from 'node:net'
import test from 'ava'
import { UserError } from '../../../src/core/errors.ts'
import { boundSocket, listenPlain, listenTransparent } from '../../../src/os/sockets.ts'

const root = process.getuid?.() === 0
const asRoot = root ? test : test.skip

async function accept(fd: number, dial: (port: number) => net.Socket): Promise<{ remote: string; local: string }> {
  const server = net.createServer()
  server.listen({ fd })
  await once(server, 'listening')
  const client = dial((server.address() as net.AddressInfo).port)
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  const seen = { remote: socket.remoteAddress ?? '', local: socket.localAddress ?? '' }
  socket.destroy()
  client.destroy()
  server.close()
  return seen
}

asRoot('one transparent socket takes IPv4 and IPv6', async t => {
  const v4 = await accept(listenTransparent(0), port => net.connect(port, '127.0.0.1'))
  t.is(v4.local, '::ffff:127.0.0.1')
  const v6 = await accept(listenTransparent(0), port => net.connect(port, '::1'))
  t.is(v6.local, '::1')
})

asRoot('two transparent sockets share one port', t => {
  const first = net.createServer().listen({ fd: listenTransparent(0) })
  const { port } = first.address() as net.AddressInfo
  const second = net.createServer().listen({ fd: listenTransparent(port) })
  t.is((second.address() as net.AddressInfo).port, port)
  first.close()
  second.close()
})

asRoot('dials from an address that is not its own', async t => {
  const seen = await accept(listenPlain('127.0.0.1', 0), port => {
    const socket = boundSocket('127.0.0.77')
    socket.on('error', () => {})
    return socket.connect(port, '127.0.0.1')
  })
  t.is(seen.remote, '127.0.0.77')
})

test('a port in use is one sentence with advice', async t => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const error = t.throws(() => listenPlain('127.0.0.1', port), { instanceOf: UserError })
  t.regex(error!.message, /EADDRINUSE.*another port/s)
  server.close()
})

test('an address of somebody else is refused with advice', t => {
  t.throws(() => listenPlain('203.0.113.1', 0), { instanceOf: UserError, message: /EADDRNOTAVAIL/ })
})
