import { once } from 'node:events'
import net from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { INGRESS } from '../../../src/ingress/index.ts'
import { listenTproxy } from '../../../src/ingress/tproxy.ts'
import { closeDescriptor, listenPlain } from '../../../src/os/sockets.ts'

async function ingress(t: ExecutionContext, maxConnections = 10) {
  const fd = listenPlain('127.0.0.1', 0)
  const accepted: net.Socket[] = []
  const errors: Error[] = []
  const server = await listenTproxy(fd, {
    maxConnections,
    onSocket: socket => accepted.push(socket),
    onError: error => errors.push(error),
  })
  t.teardown(() => {
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  const { port } = server.address() as net.AddressInfo
  const connect = async () => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { server, accepted, errors, connect }
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await new Promise(resolve => setTimeout(resolve, 10))
}

test('nothing of an accepted socket is read before somebody asks for it', async t => {
  const { accepted, connect } = await ingress(t)
  const client = await connect()
  client.write('early')
  await until(() => accepted.length === 1)
  await new Promise(resolve => setTimeout(resolve, 50))
  t.is(accepted[0]!.bytesRead, 0)
  accepted[0]!.resume()
  t.is(String((await once(accepted[0]!, 'data'))[0]), 'early')
})

test('a client that has said everything may still hear an answer', async t => {
  const { accepted, connect } = await ingress(t)
  const client = await connect()
  client.end('all')
  await until(() => accepted.length === 1)
  accepted[0]!.resume()
  await once(accepted[0]!, 'end')
  accepted[0]!.end('answer')
  t.is(String((await once(client, 'data'))[0]), 'answer')
})

test('a failing accept is told and harms nobody', async t => {
  const { server, errors, accepted, connect } = await ingress(t)
  for (let i = 0; i < 3; i++) server.emit('error', new Error('accept ENOMEM'))
  t.is(errors.length, 3)
  await connect()
  await until(() => accepted.length === 1)
  t.is(accepted.length, 1)
})

test('beyond the cap a connection is closed at once, and others go on', async t => {
  const { accepted, connect } = await ingress(t, 2)
  await connect()
  await connect()
  const third = await connect()
  third.resume()
  await once(third, 'close')
  t.is(accepted.length, 2)
})

test.serial('a descriptor that does not listen is an error, not a silence', async t => {
  const fd = listenPlain('127.0.0.1', 0)
  closeDescriptor(fd)
  await t.throwsAsync(listenTproxy(fd, { maxConnections: 1, onSocket: () => {}, onError: () => {} }))
})

test('every way in has a name of its own', t => {
  t.is(new Set(INGRESS.map(({ name }) => name)).size, INGRESS.length)
})
