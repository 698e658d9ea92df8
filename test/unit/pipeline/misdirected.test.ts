import tls from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { authority, type Cert, DAY, leaf } from '../../pki/certificate.ts'
import { caPem, type RigOptions, read, rig } from './rig.ts'

/** Requests for other hosts than the one the connection was opened for (RFC 9110 §7.4). */
const root = authority('Test Root')
const SAN = ['www.example', 'img.example', 'bank.example'].map(name => `dns:${name}`)

/** The status that a request for `host` gets over a connection opened for www.example. */
async function statusOf(t: ExecutionContext, host: string, cert: Cert, options: RigOptions): Promise<string> {
  const server = tls.createServer({ cert: cert.pem, key: cert.keyPem }, socket => {
    socket.on('error', () => {})
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'))
  })
  const r = await rig(t, socket => void server.emit('connection', socket), options)
  const client = tls.connect({ socket: await r.connect(), servername: 'www.example', ca: caPem })
  client.on('error', () => {})
  client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const status = (await read(client, text => text.includes('\r\n\r\n'))).slice(9, 12)
  client.destroy()
  return status
}

test('the certificate decides: what it names is carried, all else is misdirected', async t => {
  const cert = leaf(root, { san: SAN })
  const options = { originRoots: [root.pem] }
  t.is(await statusOf(t, 'www.example', cert, options), '200')
  t.is(await statusOf(t, 'img.example', cert, options), '200')
  t.is(await statusOf(t, 'other.example', cert, options), '421')
})

test('a host that is not to be opened does not come in through the door of another', async t => {
  const cert = leaf(root, { san: SAN })
  const policy = 'version: 1\nrules:\n  - { name: private, domains: [bank.example], tier: names }\n'
  const options = { originRoots: [root.pem], policy }
  t.is(await statusOf(t, 'img.example', cert, options), '200')
  t.is(await statusOf(t, 'bank.example', cert, options), '421')
})

test('what is overlooked for one host is overlooked for no other that its certificate names', async t => {
  const until = new Date(Date.now() + 10 * DAY).toISOString().slice(0, 10)
  const policy = `version: 1\nexceptions:\n  - { host: www.example, allow: [untrusted], until: ${until}, reason: a scale }\n`
  const cert = leaf(authority('Stranger'), { san: SAN })
  t.is(await statusOf(t, 'www.example', cert, { policy }), '200')
  t.is(await statusOf(t, 'bank.example', cert, { policy }), '421')
})
