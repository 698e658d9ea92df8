import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import test from 'ava'
import { peek } from '../../../src/peek/peek.ts'

const dir = mkdtempSync(path.join(os.tmpdir(), 'weir-peek-'))
const keyFile = path.join(dir, 'key.pem')
const certFile = path.join(dir, 'cert.pem')
execFileSync(
  'openssl',
  [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=a.example',
    '-days',
    '2',
  ].concat(['-keyout', keyFile, '-out', certFile]),
  { stdio: 'ignore' },
)
const context = tls.createSecureContext({ key: readFileSync(keyFile), cert: readFileSync(certFile) })
rmSync(dir, { recursive: true })

const OPTIONS = { maxBytes: 65_536, firstByteMs: 5000, totalMs: 5000 }

for (const pauseOnConnect of [false, true]) {
  for (const lateMs of [0, 30]) {
    test(`a TLS server on the peeked socket completes the handshake (paused ${pauseOnConnect}, ${lateMs} ms later)`, async t => {
      const server = net.createServer({ allowHalfOpen: true, pauseOnConnect }, socket => {
        peek(socket, OPTIONS, result => {
          socket.on('error', () => {})
          t.is(result.kind === 'tls' && result.hello.sni, 'a.example')
          setTimeout(() => {
            const secure = new tls.TLSSocket(socket, {
              isServer: true,
              secureContext: context,
              ALPNProtocols: ['http/1.1'],
            })
            secure.on('error', () => {})
            secure.pipe(secure)
          }, lateMs)
        })
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as net.AddressInfo
      const raw = net.connect(port, '127.0.0.1')
      await once(raw, 'connect')
      const client = tls.connect({
        socket: raw,
        servername: 'a.example',
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
      })
      await once(client, 'secureConnect')
      t.is(client.alpnProtocol, 'http/1.1')
      const sent = Buffer.alloc(300_000, 'weir')
      client.end(sent)
      const chunks: Buffer[] = []
      client.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(client, 'end')
      t.deepEqual(Buffer.concat(chunks), sent)
      server.close()
    })
  }
}
