import { once } from 'node:events'
import type net from 'node:net'
import tls, { type SecureVersion } from 'node:tls'
import test from 'ava'
import fc from 'fast-check'
import type { ErrorCode } from '../../../src/core/errors.ts'
import { certificateCovers } from '../../../src/tls/match.ts'
import { originContext, systemRoots } from '../../../src/tls/roots.ts'
import { checkOrigin, type OriginVerdict } from '../../../src/tls/verify.ts'
import { type CertificateFacts, parseCertificate } from '../../../src/tls/x509.ts'
import { type Cert, CLIENT_AUTH, DAY, ecKeys, makeCert, rsaKeys } from './pki.ts'

const NAME = 'www.a.example'
const SAN = [`dns:${NAME}`]
const now = Date.now()
const root = makeCert({ commonName: 'Good Root', ca: true, notBefore: now - 100 * DAY, notAfter: now + 100 * DAY })
const rsaRoot = makeCert({ commonName: 'RSA Root', ca: true, keys: rsaKeys(2048) })
const context = originContext([root.pem, rsaRoot.pem])

/** A handshake with an origin that shows the chain; its TLS is as permissive as OpenSSL lets a server be. */
async function judge(
  chain: Cert[],
  name = NAME,
  options: { version?: SecureVersion; context?: tls.SecureContext; nowMs?: number } = {},
): Promise<OriginVerdict | Error> {
  const server = tls.createServer({
    key: chain[0]!.keyPem,
    cert: chain.map(cert => cert.pem).join(''),
    ciphers: 'DEFAULT@SECLEVEL=0',
    ...(options.version && { maxVersion: options.version, minVersion: options.version }),
  })
  server.on('secureConnection', socket => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = tls.connect({
    port: (server.address() as net.AddressInfo).port,
    host: '127.0.0.1',
    servername: NAME,
    secureContext: options.context ?? context,
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  })
  try {
    await once(socket, 'secureConnect')
    return checkOrigin(socket, name, options.nowMs ?? Date.now())
  } catch (error) {
    return error as Error
  } finally {
    socket.destroy()
    server.close()
  }
}

async function codeOf(chain: Cert[], name?: string, options?: Parameters<typeof judge>[2]): Promise<ErrorCode | null> {
  const verdict = await judge(chain, name, options)
  if (verdict instanceof Error) throw verdict
  return verdict.error?.code ?? null
}

test('good certificates pass, with ECDSA and RSA, with an intermediate, over both versions', async t => {
  const inter = makeCert({ commonName: 'Inter', ca: true, issuer: root, notAfter: now + 5 * DAY })
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    t.is(await codeOf([makeCert({ issuer: root, san: SAN })], NAME, { version }), null)
    t.is(await codeOf([makeCert({ issuer: rsaRoot, san: SAN, keys: rsaKeys(2048) })], NAME, { version }), null)
  }
  const verdict = (await judge([makeCert({ issuer: inter, san: SAN }), inter])) as OriginVerdict
  t.is(verdict.error, null)
  t.is(verdict.validUntil, Math.floor((now + 5 * DAY) / 1000) * 1000)
})

const rsaWeakInter = makeCert({ commonName: 'Weak Inter', ca: true, issuer: root, keys: rsaKeys(1024) })
const sha1Inter = makeCert({ commonName: 'SHA-1 Inter', ca: true, issuer: rsaRoot, digest: 'sha1' })
const expiredInter = makeCert({
  commonName: 'Old Inter',
  ca: true,
  issuer: root,
  notBefore: now - 9 * DAY,
  notAfter: now - DAY,
})
const notCa = makeCert({ commonName: 'Not a CA', issuer: root, san: ['dns:b.example'] })
const stranger = makeCert({ commonName: 'Stranger', ca: true })

const BAD: [string, () => Cert[], ErrorCode, RegExp][] = [
  [
    'expired',
    () => [makeCert({ issuer: root, san: SAN, notBefore: now - 9 * DAY, notAfter: now - DAY })],
    'origin-cert-expired',
    /to 20\d\d-/,
  ],
  [
    'not yet valid',
    () => [makeCert({ issuer: root, san: SAN, notBefore: now + DAY })],
    'origin-cert-expired',
    /valid from/,
  ],
  [
    'expired intermediate',
    () => [makeCert({ issuer: expiredInter, san: SAN }), expiredInter],
    'origin-cert-expired',
    /in its chain has expired/,
  ],
  ['self-signed', () => [makeCert({ san: SAN })], 'origin-cert-untrusted', /self-signed/],
  ['unknown issuer', () => [makeCert({ issuer: stranger, san: SAN })], 'origin-cert-untrusted', /Issued by “Stranger”/],
  [
    'unknown root sent along',
    () => [makeCert({ issuer: stranger, san: SAN }), stranger],
    'origin-cert-untrusted',
    /root that is not trusted/,
  ],
  [
    'signed by a leaf',
    () => [makeCert({ issuer: notCa, san: SAN }), notCa],
    'origin-cert-invalid',
    /not issued for web servers/,
  ],
  ['another name', () => [makeCert({ issuer: root, san: ['dns:b.example'] })], 'origin-cert-name', /for b\.example/],
  [
    'name only in the common name',
    () => [makeCert({ issuer: root, commonName: NAME })],
    'origin-cert-name',
    /for no name/,
  ],
  [
    'name in the common name beside another SAN',
    () => [makeCert({ issuer: root, commonName: NAME, san: ['dns:b.example'] })],
    'origin-cert-name',
    /./,
  ],
  [
    'client certificate',
    () => [makeCert({ issuer: root, san: SAN, extKeyUsage: [CLIENT_AUTH] })],
    'origin-cert-invalid',
    /web servers/,
  ],
  ['RSA 1024', () => [makeCert({ issuer: root, san: SAN, keys: rsaKeys(1024) })], 'origin-cert-weak', /./],
  ['SHA-1 signature', () => [makeCert({ issuer: rsaRoot, san: SAN, digest: 'sha1' })], 'origin-cert-weak', /./],
  ['MD5 signature', () => [makeCert({ issuer: rsaRoot, san: SAN, digest: 'md5' })], 'origin-cert-weak', /./],
  [
    'RSA 1024 intermediate',
    () => [makeCert({ issuer: rsaWeakInter, san: SAN }), rsaWeakInter],
    'origin-cert-weak',
    /authority above/,
  ],
  [
    'SHA-1 intermediate',
    () => [makeCert({ issuer: sha1Inter, san: SAN }), sha1Inter],
    'origin-cert-weak',
    /authority above/,
  ],
]

for (const [label, chain, code, detail] of BAD) {
  test(`refused: ${label}`, async t => {
    const verdict = await judge(chain())
    if (verdict instanceof Error) throw verdict
    t.is(verdict.error?.code, code)
    t.regex(verdict.error!.detail, detail)
    t.is(verdict.validUntil, 0)
  })
}

test('curves under 224 bits and unusual ones end in a failed handshake', async t => {
  for (const curve of ['secp224r1', 'secp256k1']) {
    const verdict = await judge([makeCert({ issuer: root, san: SAN, keys: ecKeys(curve) })])
    t.true(verdict instanceof Error, curve)
  }
})

test('our own clock decides the time too', async t => {
  const chain = [makeCert({ issuer: root, san: SAN })]
  t.is(await codeOf(chain, NAME, { nowMs: now + 31 * DAY }), 'origin-cert-expired')
})

test('addresses match by octets, never by text', async t => {
  const chain = [
    makeCert({ issuer: root, san: ['ip:c0000207', 'ip:20010db8000000000000000000000001', 'dns:192.0.2.9'] }),
  ]
  t.is(await codeOf(chain, '192.0.2.7'), null)
  t.is(await codeOf(chain, '2001:db8::1'), null)
  t.is(await codeOf(chain, '192.0.2.9'), 'origin-cert-name')
  t.is(await codeOf(chain, '192.0.2.8'), 'origin-cert-name')
})

test('our own CA proves nothing on the origin side, even installed among the roots', async t => {
  const own = makeCert({ commonName: 'Weir CA', ca: true })
  const pub = { certPem: own.pem, certDer: own.der, sha256: '', subject: '', notBefore: 0, notAfter: 0 }
  const chain = [makeCert({ issuer: own, san: SAN })]
  t.is(await codeOf(chain, NAME, { context: originContext([root.pem, own.pem]) }), null)
  t.is(await codeOf(chain, NAME, { context: originContext([root.pem, own.pem], pub) }), 'origin-cert-untrusted')
  t.is(await codeOf(chain, NAME, { context: originContext([root.pem + own.pem], pub) }), 'origin-cert-untrusted')
  // The same key under another certificate is still us.
  const renamed = makeCert({ commonName: 'Weir CA', ca: true, keys: own.keys })
  t.is(await codeOf(chain, NAME, { context: originContext([root.pem, renamed.pem], pub) }), 'origin-cert-untrusted')
})

test('hostile text in a certificate stays one short printable line', async t => {
  const evil = makeCert({ commonName: `<script>\u202e\r\nSet-Cookie: x${'A'.repeat(300)}`, ca: true })
  const verdict = await judge([makeCert({ issuer: evil, san: ['dns:a\r\nb<i>.example', `dns:${'x'.repeat(3000)}`] })])
  if (verdict instanceof Error) throw verdict
  const { detail } = verdict.error!
  t.notRegex(detail, /[\0-\x1f<>\u202e]/)
  t.true(detail.length < 600, detail)
})

test('wildcards: one whole left-most label, nothing wider', t => {
  const covers = (san: string[], name: string) =>
    certificateCovers(parseCertificate(makeCert({ san: san.map(s => `dns:${s}`) }).der)!, name)
  t.true(covers(['*.a.example'], 'www.a.example'))
  t.true(covers(['*.A.Example'], 'www.a.example'))
  t.true(covers(['*.github.io'], 'me.github.io'))
  t.true(covers(['x.example', 'www.a.example'], 'www.a.example'))
  const no: [string, string][] = [
    ['*.a.example', 'a.example'],
    ['*.a.example', 'x.www.a.example'],
    ['*.a.example', '.a.example'],
    ['w*.a.example', 'www.a.example'],
    ['*w.a.example', 'www.a.example'],
    ['www.*.example', 'www.a.example'],
    ['*.*.example', 'www.a.example'],
    ['*', 'localhost'],
    ['*.com', 'a.com'],
    ['*.co.uk', 'a.co.uk'],
    ['*.example', 'a.example'],
    ['www.a.example.', 'www.a.example'],
    ['www.a.example\0.evil.example', 'www.a.example'],
    [' www.a.example', 'www.a.example'],
    ['', 'www.a.example'],
  ]
  for (const [san, name] of no) t.false(covers([san], name), `${JSON.stringify(san)} for ${name}`)
})

test('no presented name but an equal one or a wildcard over its parent covers a name', t => {
  const label = fc.stringMatching(/^[a-z0-9*]{1,3}$/)
  const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))
  fc.assert(
    fc.property(domain, domain, (presented, name) => {
      const covered = certificateCovers({ dnsNames: [presented], ipAddrs: [] } as unknown as CertificateFacts, name)
      const parent = name.slice(name.indexOf('.') + 1)
      return (
        !covered || presented === name || (presented === `*.${parent}` && !name.includes('*') && parent.includes('.'))
      )
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

test('the roots: the system has some, each once; nonsense among them is said', t => {
  const roots = systemRoots()
  t.true(roots.length > 20)
  t.is(new Set(roots).size, roots.length)
  t.true(systemRoots('/nonexistent').length > 20)
  t.throws(() => originContext(['no certificate']), { message: /PEM/ })
})
