import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { LeafContexts } from '../../../src/tls/contexts.ts'
import type { LeafKind } from '../../../src/tls/leaf-key.ts'
import { mintLeaf } from '../../../src/tls/mint.ts'
import { TICKET_KEY_BYTES } from '../../../src/tls/tickets.ts'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-leaf-key-'))
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }))
const ca = loadOrCreateCa(path.join(dir, 'ca'))
const caFile = path.join(dir, 'ca', 'ca.pem')
const trust = tls.createSecureContext({ ca: ca.public.certPem })
const freshKeys = () => randomBytes(TICKET_KEY_BYTES)

function contextsWith(ticketKeys = freshKeys()): LeafContexts {
  return new LeafContexts({
    ticketKeys,
    requestLeaf: (name, spki, done) => done(null, mintLeaf(ca.key, ca.public, name, spki, Date.now())),
  })
}

/** The certificate itself, as TLSSocket gets it. */
function leafOf(contexts: LeafContexts, name: string): tls.SecureContext {
  let found: tls.SecureContext | null = null
  contexts.get(name, (_error, context) => (found = context))
  return found!
}

/** Terminates every connection with the certificate of the name that its first line (before TLS) says. */
async function gateway(t: ExecutionContext, contexts: LeafContexts, choose: () => [name: string, kind: LeafKind]) {
  const sockets: net.Socket[] = []
  const server = net.createServer(raw => {
    sockets.push(raw)
    raw.on('error', () => {})
    const [name, kind] = choose()
    contexts.get(
      name,
      (error, secureContext) => {
        if (secureContext === null) throw error
        const socket = new tls.TLSSocket(raw, { isServer: true, secureContext })
        socket.on('error', () => {})
        socket.on('secure', () => socket.end('hello\n'))
      },
      kind,
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as net.AddressInfo).port
}

/** What `openssl s_client` says about the connection. */
async function sClient(port: number, ...args: string[]): Promise<string> {
  const child = spawn(
    'openssl',
    ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', caFile, '-verify_return_error', '-brief', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk))
  await once(child, 'close')
  return said
}

interface Visit {
  reused: boolean
  session: Buffer
  names: string
  group: string
}

/** One connection of Node's own client; its session is from the last ticket. */
async function visit(port: number, servername: string, options: tls.ConnectionOptions = {}): Promise<Visit> {
  const client = tls.connect({ port, host: '127.0.0.1', servername, secureContext: trust, ...options })
  const visit: Visit = { reused: false, session: Buffer.alloc(0), names: '', group: '' }
  client.on('session', session => (visit.session = session))
  client.on('secureConnect', () => {
    visit.reused = client.isSessionReused()
    visit.names = client.getPeerCertificate().subjectaltname ?? ''
    visit.group = (client.getEphemeralKeyInfo() as { name?: string }).name ?? ''
  })
  client.resume()
  await once(client, 'close')
  return visit
}

test('clients of every kind get a certificate they can use, in TLS 1.2 and 1.3', async t => {
  let kind: LeafKind = 'ecdsa'
  const port = await gateway(t, contextsWith(), () => ['a.example', kind])
  const asks: [kind: LeafKind, args: string[], said: RegExp[]][] = [
    ['ecdsa', [], [/TLSv1\.3/, /Signature type: ECDSA/, /Verification: OK/, /X25519/]],
    ['ecdsa', ['-groups', 'P-256'], [/TLSv1\.3/, /prime256v1/]],
    ['ecdsa', ['-tls1_2'], [/TLSv1\.2/, /ECDHE-ECDSA-AES\d+-GCM/, /Verification: OK/]],
    ['rsa', ['-sigalgs', 'rsa_pss_rsae_sha256'], [/TLSv1\.3/, /RSA-PSS/, /Verification: OK/]],
    [
      'rsa',
      ['-tls1_2', '-cipher', 'aRSA', '-sigalgs', 'RSA+SHA256'],
      [/TLSv1\.2/, /ECDHE-RSA-AES\d+-GCM/, /Verification: OK/],
    ],
  ]
  for (const [which, args, expected] of asks) {
    kind = which
    const said = await sClient(port, '-verify_hostname', 'a.example', ...args)
    for (const pattern of expected) t.regex(said, pattern, args.join(' '))
  }
})

test('what is weak is not agreed on', async t => {
  const port = await gateway(t, contextsWith(), () => ['a.example', 'ecdsa'])
  for (const args of [
    ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'],
    ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'],
    ['-tls1_2', '-cipher', 'AES128-GCM-SHA256'],
    ['-groups', 'P-521'],
    ['-sigalgs', 'rsa_pss_rsae_sha256'],
  ])
    t.notRegex(await sClient(port, ...args), /CONNECTION ESTABLISHED/, args.join(' '))
})

test('suites in our order, but for a client that wants ChaCha20 most', async t => {
  const port = await gateway(t, contextsWith(), () => ['a.example', 'ecdsa'])
  const [aes128, aes256, chacha] = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'].map(
    name => `ECDHE-ECDSA-${name}`,
  )
  for (const [list, chosen] of [
    [[aes256, chacha, aes128], aes128],
    [[aes256, chacha], aes256],
    [[chacha, aes128], chacha],
  ] as const)
    t.regex(await sClient(port, '-tls1_2', '-cipher', list.join(':')), new RegExp(`Ciphersuite: ${chosen}`))
  const said = await sClient(port, '-ciphersuites', 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256')
  t.regex(said, /Ciphersuite: TLS_AES_128_GCM_SHA256/)
})

test('post-quantum key exchange, also when it is all the client offers', async t => {
  const port = await gateway(t, contextsWith(), () => ['a.example', 'ecdsa'])
  const only = tls.createSecureContext({ ca: ca.public.certPem, ecdhCurve: 'X25519MLKEM768' })
  t.is((await visit(port, 'a.example', { secureContext: only })).group, 'X25519MLKEM768')
})

test('certificates take turns, those that come back get a context of their own, and every connection shows its own', async t => {
  let turn = 0
  const port = await gateway(t, contextsWith(), () => [`h${turn++ % 5}.example`, 'ecdsa'])
  // The order in which connections arrive is the order in which they were begun
  for (let round = 0; round < 8; round++) {
    const visits = await Promise.all(Array.from({ length: 10 }, (_, n) => visit(port, `h${n % 5}.example`)))
    t.deepEqual(
      visits.map(({ names }) => names),
      visits.map((_, n) => `DNS:h${n % 5}.example`),
    )
  }
})

test('a socket keeps the certificate it was made with, whatever is shown meanwhile', async t => {
  const contexts = contextsWith()
  const server = net.createServer(raw => {
    const socket = new tls.TLSSocket(raw, { isServer: true, secureContext: leafOf(contexts, 'first.example') })
    socket.on('error', () => {})
    // Before the first octet of the handshake is read
    void leafOf(contexts, 'second.example').context
    socket.on('secure', () => socket.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  t.is((await visit((server.address() as net.AddressInfo).port, 'first.example')).names, 'DNS:first.example')
})

test('contexts of their own are few, and end with the keys of tickets', t => {
  const contexts = contextsWith()
  const leaves = Array.from({ length: 600 }, (_, n) => leafOf(contexts, `h${n}.example`))
  const shown = () => new Set(leaves.map(leaf => leaf.context))
  for (let turn = 1; turn < 4; turn++) t.is(shown().size, 1)
  t.is(shown().size, 600)
  const last = () => leaves.slice(-500).map(leaf => leaf.context)
  const kept = last()
  t.true(last().every((context, n) => context === kept[n]))
  t.true(leaves[0]!.context === leaves[1]!.context, 'the displaced take turns again')
  contexts.rotate(freshKeys())
  t.false(last().some(context => kept.includes(context)))
})

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${maxVersion}: a ticket opens at another worker, after one rotation, and not after two`, async t => {
    const [first, second, third] = [freshKeys(), freshKeys(), freshKeys()]
    const one = contextsWith(first)
    const two = contextsWith(first)
    const [portOne, portTwo] = [
      await gateway(t, one, () => ['a.example', 'ecdsa']),
      await gateway(t, two, () => ['a.example', 'ecdsa']),
    ]
    const options = { maxVersion }
    const { session } = await visit(portOne, 'a.example', options)
    t.true((await visit(portTwo, 'a.example', { ...options, session })).reused)

    two.rotate(Buffer.concat([second, first]))
    const renewed = await visit(portTwo, 'a.example', { ...options, session })
    t.true(renewed.reused)
    t.true(renewed.session.length > 0, 'a ticket under the new key')

    two.rotate(second)
    t.true((await visit(portTwo, 'a.example', { ...options, session: renewed.session })).reused)
    const { session: sealed } = await visit(portTwo, 'a.example', options)

    two.rotate(Buffer.concat([third, second]))
    t.true((await visit(portTwo, 'a.example', { ...options, session: sealed })).reused)
    t.false((await visit(portTwo, 'a.example', { ...options, session })).reused)
    t.true((await visit(portTwo, 'a.example', { ...options, session: renewed.session })).reused)
  })
}

test('a ticket opens nothing under another name', async t => {
  let name = 'a.example'
  const port = await gateway(t, contextsWith(), () => [name, 'ecdsa'])
  const { session } = await visit(port, 'a.example')
  t.true((await visit(port, 'a.example', { session })).reused)
  name = 'b.example'
  // The client still says a.example: only our side can tell
  const other = await visit(port, 'a.example', { session, rejectUnauthorized: false })
  t.false(other.reused)
  t.is(other.names, 'DNS:b.example')
})

test('keys of a wrong length are refused', t => {
  const contexts = contextsWith()
  for (const length of [0, 47, 49]) t.throws(() => contexts.rotate(Buffer.alloc(length)), { instanceOf: RangeError })
})
