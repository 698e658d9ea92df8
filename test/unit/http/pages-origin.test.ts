import { createHash } from 'node:crypto'
import type net from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import type { ErrorCode } from '../../../src/core/errors.ts'
import type { Allowance } from '../../../src/core/tls-policy.ts'
import { authority, type Cert, CLIENT_AUTH, DAY, leaf, makeCert } from '../../pki/certificate.ts'
import { testKey } from '../../pki/keys.ts'
import { caPem, type Rig, type RigOptions, read, rig, until } from '../pipeline/rig.ts'

/** Origins with bad certificates behind real TLS: the page a client gets, and what a click past it could open. */

const NAME = 'www.example'
const SAN = { san: [`dns:${NAME}`] }
const root = authority('Test Root')
const stranger = authority('A stranger')
const now = Date.now()
const MARKUP = `"><script>alert(1)</script>'\r\n\u202e&lt;`

/** What is wrong, how it is told, and whether a person may pass. */
const CASES: [string, Cert, ErrorCode, boolean][] = [
  ['expired', leaf(root, { ...SAN, notBefore: now - 9 * DAY, notAfter: now - DAY }), 'origin-cert-expired', true],
  ['not yet valid', leaf(root, { ...SAN, notBefore: now + DAY, notAfter: now + 9 * DAY }), 'origin-cert-expired', true],
  ['another name', leaf(root, { san: ['dns:other.example'] }), 'origin-cert-name', true],
  ['unknown issuer', leaf(stranger, SAN), 'origin-cert-untrusted', true],
  ['self-signed', makeCert({ subject: NAME, ...SAN, issuer: null, ca: false }), 'origin-cert-untrusted', true],
  ['weak digest', leaf(root, { ...SAN, digest: 'sha1' }), 'origin-cert-weak', true],
  ['signed by another key', leaf(root, { ...SAN, signer: testKey('p256', 77) }), 'origin-cert-signature', false],
  ['damaged signature', leaf(root, { ...SAN, signature: Buffer.alloc(71, 1) }), 'origin-cert-signature', false],
  ['made for clients', leaf(root, { ...SAN, extKeyUsage: [CLIENT_AUTH] }), 'origin-cert-invalid', false],
  ['an authority', leaf(root, { ...SAN, ca: true, keyUsage: ['keyCertSign'] }), 'origin-cert-invalid', false],
  [
    'outside its issuer’s names',
    leaf(authority('Limited', root, { nameConstraints: { permitted: ['dns:other.example'] } }), SAN),
    'origin-cert-invalid',
    false,
  ],
]

function origin(cert: Cert): (socket: net.Socket) => void {
  const issuer = cert.spec.issuer
  const chain = issuer === null || issuer === undefined || issuer === root ? cert.pem : cert.pem + issuer.pem
  // OpenSSL of today would not load a SHA-1 chain to serve it
  const server = tls.createServer({ cert: chain, key: cert.keyPem, ciphers: 'DEFAULT@SECLEVEL=0' }, socket => {
    socket.on('error', () => {})
    socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'))
  })
  server.on('tlsClientError', () => {})
  return socket => void server.emit('connection', socket)
}

function behind(t: ExecutionContext, cert: Cert, options: RigOptions = {}): Promise<Rig> {
  return rig(t, origin(cert), { policy: 'version: 1\ntls: { override: allow }\n', originRoots: [root.pem], ...options })
}

async function get(r: Rig, accept = 'text/html'): Promise<string> {
  const secure: TLSSocket = tls.connect({ socket: await r.connect(), servername: NAME, ca: caPem })
  secure.on('error', () => {})
  secure.write(`GET /page HTTP/1.1\r\nHost: ${NAME}\r\nAccept: ${accept}\r\nConnection: close\r\n\r\n`)
  const text = await read(secure)
  secure.destroy()
  return Buffer.from(text, 'latin1').toString()
}

const codeOf = async (r: Rig) => (await until(() => r.rows.find(row => row.kind === 'exchange')))?.error
const fingerprint = (cert: Cert) => createHash('sha256').update(cert.der).digest('hex')

for (const [what, cert, code, passable] of CASES) {
  test(`${what}: told as ${code}, ${passable ? 'with' : 'without'} a way through`, async t => {
    const r = await behind(t, cert)
    const page = await get(r)
    t.regex(page, /^HTTP\/1\.1 526 /)
    t.is(await codeOf(r), code)
    t.true(page.includes('The chain of certificates (') && page.includes(fingerprint(cert)))
    t.true(page.includes('class="wrong"'), 'the one at fault is marked')
    t.is(page.includes('action="/.well-known/weir/override?'), passable)
    t.is(page.includes('exceptions:'), passable)
    const never = await behind(t, cert, { policy: 'version: 1\n' })
    t.false((await get(never)).includes('/override?'), 'policy does not allow it')
  })

  test(`${what}: a click opens ${passable ? 'it' : 'nothing'}`, async t => {
    const r = await behind(t, cert)
    const allow: Allowance[] = ['expired', 'weak', 'name', 'untrusted']
    const click = { kind: 'override' as const, host: NAME, allow, until: Date.now() + 60_000 }
    const status = async () => /^HTTP\/1\.1 (\d+)/.exec(await get(r))?.[1]
    r.facts.add({ ...click, client: '127.0.0.1', fingerprint: fingerprint(root) }, Date.now())
    t.is(await status(), '526', 'about another certificate')
    r.facts.add({ ...click, client: '127.0.0.2', fingerprint: fingerprint(cert) }, Date.now())
    t.is(await status(), '526', "another client's")
    r.facts.add({ ...click, client: '127.0.0.1', fingerprint: fingerprint(cert) }, Date.now())
    t.is(await status(), passable ? '200' : '526')
  })
}

test('what a stranger writes into a certificate stays text in every form', async t => {
  const hostile = makeCert({ subject: `${MARKUP}${'x'.repeat(2000)}`, ...SAN, issuer: null, ca: false })
  const html = await get(await behind(t, hostile))
  t.regex(html, /^HTTP\/1\.1 526 /)
  t.false(/<script|\u202e/.test(html))
  t.regex(html, /<td>CN=[^<>]{3,60}script[^<>]{3,300}<\/td>/)
  t.true(html.length < 20_000)
  const text = await get(await behind(t, hostile), '*/*')
  t.false(/\u202e/.test(text))
  const json = await get(await behind(t, hostile), 'application/json')
  const body = JSON.parse(json.slice(json.indexOf('\r\n\r\n')))
  t.regex(body.chain[0].subject, /^CN=[^\r\n\u202e]{10,297}$/)
})
