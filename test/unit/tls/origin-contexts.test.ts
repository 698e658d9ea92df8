import { once } from 'node:events'
import type net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls, { type SecureContext } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import type { Allowance, TlsException } from '../../../src/core/tls-policy.ts'
import { OriginContexts } from '../../../src/tls/origin-contexts.ts'
import { makeCert, rsaKeys } from './pki.ts'

const root = makeCert({ commonName: 'Root', ca: true })
const leaf = makeCert({ issuer: root, san: ['dns:a.example'] })
const device = makeCert({ issuer: root, commonName: 'the gateway' })

function exception(...allow: Allowance[]): TlsException {
  return { host: 'a.example', allow: new Set(allow), until: Infinity, reason: 'old', line: 1, only: null }
}

async function server(t: ExecutionContext, options: tls.TlsOptions): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = []
  const listener = tls.createServer({ key: leaf.keyPem, cert: leaf.pem, ...options }, socket => {
    const { subject } = socket.getPeerCertificate()
    seen.push(String(subject?.CN ?? ''))
    socket.on('error', () => {})
    socket.end()
  })
  listener.on('tlsClientError', () => {})
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => listener.close())
  return { port: (listener.address() as net.AddressInfo).port, seen }
}

/** The version agreed on, or the failure's code. */
function shake(port: number, secureContext: SecureContext): Promise<string> {
  return new Promise(resolve => {
    const socket = tls.connect({ host: '127.0.0.1', port, secureContext, rejectUnauthorized: false }, () => {
      resolve(socket.getProtocol() ?? '')
      socket.resume()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

test('TLS 1.0 and 1.1 only by exception; 1.2 and 1.3 always', async t => {
  const contexts = new OriginContexts([root.pem], [], [])
  const usual = contexts.for(null)
  for (const version of ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const) {
    const old = version === 'TLSv1' || version === 'TLSv1.1'
    const ciphers = old ? 'ALL:@SECLEVEL=0' : undefined
    const { port } = await server(t, { minVersion: version, maxVersion: version, ...(ciphers && { ciphers }) })
    if (old) t.regex(await shake(port, usual), /^(ERR_|ECONN|EPROTO)/, version)
    else t.is(await shake(port, usual), version)
    t.is(await shake(port, contexts.for(exception('old-tls'))), version)
  }
  t.is(contexts.for(exception('expired')), usual, 'what is not about the connection needs no other settings')
})

test('suites without forward secrecy or AEAD are not offered', async t => {
  const contexts = new OriginContexts([root.pem], [], [])
  // These suites need a key that decrypts
  const cert = makeCert({ issuer: root, san: ['dns:a.example'], keys: rsaKeys(2048) })
  const own = { key: cert.keyPem, cert: cert.pem }
  const { port } = await server(t, { ...own, maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:@SECLEVEL=0' })
  t.regex(await shake(port, contexts.for(null)), /^(ERR_|ECONN|EPROTO)/)
  const weak = contexts.for(exception('weak'))
  t.regex(await shake(port, weak), /^(ERR_|ECONN|EPROTO)/, 'an exception for the key is none for the suites')
  t.is(await shake(port, contexts.for(exception('old-tls'))), 'TLSv1.2')
})

test('a weak key or signature, by exception', async t => {
  const contexts = new OriginContexts([root.pem], [], [])
  const keys = rsaKeys(1024)
  for (const cert of [makeCert({ keys }), makeCert({ keys: rsaKeys(2048), digest: 'sha1' })])
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const own = { key: cert.keyPem, cert: cert.pem, minVersion: version, maxVersion: version }
      const { port } = await server(t, { ...own, ciphers: `${tls.DEFAULT_CIPHERS}:@SECLEVEL=0` })
      t.is(await shake(port, contexts.for(exception('weak'))), version)
    }
})

test('the certificate configured for a host, or one above it, is shown there and nowhere else', async t => {
  const mine = { certPem: device.pem, keyPem: device.keyPem }
  const contexts = new OriginContexts([root.pem], [], [{ host: 'a.example', ...mine }])
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { requestCert: true, rejectUnauthorized: false, ca: root.pem, maxVersion: version } as const
    const { port, seen } = await server(t, options)
    for (const name of ['a.example', 'www.a.example']) t.is(await shake(port, contexts.showing(name, null)!), version)
    t.is(await shake(port, contexts.for(null)), version)
    while (seen.length < 3) await sleep(5) // on TLS 1.3 the client is done first
    t.deepEqual(seen, ['the gateway', 'the gateway', ''], version)
  }
  for (const name of ['b.example', 'xa.example']) t.is(contexts.showing(name, null), null)
})
