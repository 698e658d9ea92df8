import { once } from 'node:events'
import type net from 'node:net'
import tls from 'node:tls'
import test from 'ava'
import { originContext, RootStore, systemRoots } from '../../../src/tls/roots.ts'
import { parseCertificate } from '../../../src/tls/x509.ts'
import { authority, leaf } from '../../pki/certificate.ts'
import { testKey } from '../../pki/keys.ts'

test('the system has roots, each once; nonsense among the configured ones is said', t => {
  const roots = systemRoots()
  t.true(roots.length > 20)
  t.is(new Set(roots).size, roots.length)
  t.true(systemRoots('/nonexistent').length > 20)
  t.throws(() => originContext(['no certificate']), { message: /PEM/ })
})

test('every root of the system and of Mozilla can be read and is found by its subject', t => {
  for (const pems of [systemRoots(), tls.getCACertificates('bundled')]) {
    const store = new RootStore(pems)
    t.is(store.size, new Set(pems).size)
    for (const pem of pems) {
      const facts = parseCertificate(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'))!
      t.true(store.bySubject(facts.subjectDer).some(root => root.fingerprint === facts.fingerprint))
      t.true(store.has(facts))
    }
  }
})

test('what browsers ship is told from what an admin added', t => {
  const own = authority('School Root')
  const mozilla = tls.getCACertificates('bundled')[0]!
  const store = new RootStore([`${own.pem}\n${mozilla}`, own.pem])
  t.is(store.size, 2)
  t.false(store.isPublic(parseCertificate(own.der)!))
  t.true(store.isPublic(new RootStore([mozilla]).bySubject(subjectOf(mozilla))[0]!))
})

test('our own CA is no root, under whatever certificate', t => {
  const weir = authority('Weir')
  const renamed = authority('Other Name', null, { keys: weir.keys })
  const other = authority('Weir')
  const store = new RootStore([weir.pem + renamed.pem, other.pem], [{ certPem: weir.pem }])
  t.is(store.size, 1)
  t.true(store.has(parseCertificate(other.der)!))
  t.true(store.isOwnKey(parseCertificate(renamed.der)!.spkiDer))
  t.is(store.ownBySubject(weir.name).length, 1)
  t.is(store.ownBySubject(renamed.name).length, 0)
  t.throws(() => new RootStore([], [{ certPem: 'nothing' }]), { message: /cannot be read/ })
})

test('a root on a curve that kills Node while it describes the chain is not given to OpenSSL', async t => {
  for (const curve of ['secp256k1', 'brainpoolP256r1']) {
    const odd = authority('Odd Root', null, { keys: testKey(`ec:${curve}`) })
    const own = leaf(odd, { san: ['dns:www.a.example'] })
    const server = tls.createServer({ key: own.keyPem, cert: own.pem })
    server.on('secureConnection', socket => socket.on('error', () => {}))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    const secureContext = originContext([odd.pem, authority('Good').pem])
    const socket = tls.connect({ port, host: '127.0.0.1', secureContext, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    t.false(socket.authorized)
    socket.destroy()
    server.close()
  }
})

test('what is no certificate among the roots ends no chain', t => {
  const broken = authority('Broken', null, { serial: Buffer.alloc(0) })
  t.is(new RootStore(['nonsense', broken.pem, authority('Good').pem]).size, 1)
})

function subjectOf(pem: string): Buffer {
  return parseCertificate(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'))!.subjectDer
}
