import { once } from 'node:events'
import type net from 'node:net'
import tls, { type SecureVersion } from 'node:tls'
import test from 'ava'
import { presentedChain, readPresented } from '../../../../src/tls/verify/presented.ts'
import { authority, type Cert, leaf } from '../../../pki/certificate.ts'
import { seq } from '../../../pki/der.ts'
import { extension } from '../../../pki/extensions.ts'

const root = authority('Root')
const otherRoot = authority('Other Root')
const inter = authority('Inter', root)
const cross = authority('Inter', otherRoot, { keys: inter.keys })
const stranger = authority('Stranger')
const own = leaf(inter, { san: ['dns:www.a.example'] })

/** What is read of a real handshake in which the server shows the chain. */
async function shown(chain: Cert[], version: SecureVersion, ca: string[]): Promise<Buffer[][]> {
  const cert = chain.map(one => one.pem).join('')
  const server = tls.createServer({ key: own.keyPem, cert, minVersion: version, maxVersion: version })
  server.on('secureConnection', socket => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'www.a.example', rejectUnauthorized: false, ca })
  try {
    await once(socket, 'secureConnect')
    const first = presentedChain(socket)
    socket.getPeerCertificate(true)
    return [first, presentedChain(socket)]
  } finally {
    socket.destroy()
    server.close()
  }
}

const CHAINS: Record<string, Cert[]> = {
  'leaf alone': [own],
  'with its root': [own, inter, root],
  'out of order': [own, root, inter],
  'cross-signed, with both roots': [own, cross, inter, otherRoot, root],
  'with strangers': [own, stranger, otherRoot, inter],
  'the same ones twice': [own, inter, inter, own],
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const [title, chain] of Object.entries(CHAINS)) {
    test(`all that the server sent, in its order, however often it is read: ${title}, ${version}`, async t => {
      const sent = chain.map(one => one.der)
      // OpenSSL's own path, which depends on the roots, must not show through.
      for (const ca of [[], [root.pem, otherRoot.pem]]) t.deepEqual(await shown(chain, version, ca), [sent, sent])
    })
  }
}

test('20 certificates are read, no more', async t => {
  const chain = [own, ...Array.from({ length: 30 }, (_, i) => authority(`Stranger ${i}`))]
  const [read] = await shown(chain, 'TLSv1.3', [])
  t.deepEqual(
    read,
    chain.slice(0, 20).map(one => one.der),
  )
  t.is(readPresented(chain.map(one => one.der)).presented.length, 20)
})

test('an unreadable certificate is told when it is the server’s own, and left out above it', t => {
  t.is(readPresented([]).error?.code, 'origin-cert-invalid')
  const rubbish = Buffer.from('rubbish')
  const refused = readPresented([rubbish, inter.der])
  t.is(refused.error?.code, 'origin-cert-invalid')
  t.regex(refused.error!.detail, /not DER/)
  t.is(readPresented([own.der, rubbish, inter.der]).presented.length, 2)
  // Malformed extensions leave enough to name the culprit on the page.
  const broken = authority('Broken', root, { extra: [extension('2.5.29.37', seq())] })
  t.regex(readPresented([own.der, broken.der]).presented[1]!.fault, /extended key usage is malformed/)
})
