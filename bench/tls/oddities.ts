import fs from 'node:fs'
import { INTER, NAME, server } from '../../test/pki/cases/index.ts'
import { type Hello, hello, serverNames } from './hello.ts'
import type { Site, Trial } from './trial.ts'

/** Odd beginnings of connections. `shape` alters the hello of a real TLS client, which then asks for the page; `raw` is sent as it is. */
export interface Oddity {
  id: string
  title: string
  expect: Trial['expect']
  site?: Partial<Site>
  name?: string
  address?: string
  /** How the client's first flight is written. */
  shape?: 'octets' | 'records'
  /** Options of tls.connect. */
  tls?: { servername?: string; alpn?: string[] | 'huge'; ecdhCurve?: string; maxVersion?: 'TLSv1.2' }
  /** Sent as it is; a ServerHello, or whatever `answer` says, counts as served. */
  raw?: () => Buffer
  answer?: RegExp
  /** The client trusts origins too, so that it is served by a gateway that lets it through. */
  trustsBoth?: boolean
  /** An origin that answers such a hello harms nobody; a gateway makes a certificate for it. */
  gatewaysOnly?: boolean
}

const ADDRESS = '198.51.100.77'
const ADDRESS_SAN = 'ip:c633644d'

const named =
  (name: string | Buffer): (() => Buffer) =>
  () =>
    hello({ names: serverNames(name) })
const built =
  (more: Hello): (() => Buffer) =>
  () =>
    hello({ names: serverNames(NAME), ...more })
const good = (id: string, title: string, more: Partial<Oddity>): Oddity => ({ id, title, expect: 'served', ...more })
const badName = (id: string, title: string, name: string | Buffer): Oddity => ({
  ...bad(id, title, named(name)),
  gatewaysOnly: true,
})
const bad = (id: string, title: string, raw: () => Buffer): Oddity => ({ id, title, expect: 'refused', raw })

function addressSite(): Partial<Site> {
  const cert = server(INTER, { san: [ADDRESS_SAN] })
  return { certPem: cert.pem + INTER.pem, keyPem: cert.keyPem }
}

/** What Debian's chromium sends, with GREASE, a share for ML-KEM and GREASE ECH. */
const chromium = () =>
  Buffer.from(
    fs.readFileSync(new URL('../../test/unit/peek/fixtures/chromium.base64', import.meta.url), 'utf8'),
    'base64',
  )

const wrapped = (...parts: Buffer[]) => Buffer.concat(parts)

export const ODDITIES: readonly Oddity[] = [
  good('ml-kem', 'X25519MLKEM768 alone', { tls: { ecdhCurve: 'X25519MLKEM768' } }),
  good('octets', 'every octet in a segment of its own', { shape: 'octets' }),
  good('records', 'in records of 40 octets (RFC 8446 §5.1)', { shape: 'records' }),
  good('huge', '60 KiB of it', { tls: { alpn: 'huge' } }),
  good('upper', 'the server name in upper case (RFC 6066 §3)', { tls: { servername: NAME.toUpperCase() } }),
  good('dot', 'the server name with a final dot (RFC 6066 §3: without)', { tls: { servername: `${NAME}.` } }),
  good('no-alpn', 'no ALPN', { tls: { alpn: [] } }),
  good('other-alpn', 'another protocol that the origin knows (ALPN postgresql)', {
    tls: { alpn: ['postgresql'] },
    trustsBoth: true,
    site: { alpn: ['postgresql'] },
  }),
  good('other-version', 'TLS 1.2, no extension for versions', { tls: { maxVersion: 'TLSv1.2' } }),
  good('chromium', 'GREASE, ML-KEM share and GREASE ECH as Chromium sends them (RFC 8701, RFC 9849 §6.2)', {
    raw: chromium,
  }),
  good('no-name', 'no server name: the certificate is for the address', {
    name: ADDRESS,
    address: ADDRESS,
    site: addressSite(),
    tls: {},
  }),
  good('address', 'the destination’s address as server name (RFC 6066 §3: no)', {
    raw: named('198.51.100.78'),
    name: NAME,
    address: '198.51.100.78',
  }),
  good('http', 'plain HTTP on port 443', {
    raw: () => Buffer.from(`GET / HTTP/1.1\r\nHost: ${NAME}\r\nConnection: close\r\n\r\n`),
    answer: /^HTTP\/1\.[01] 200/,
    site: { behaviour: 'http' },
  }),
  good('ssh', 'SSH on port 443: the server speaks first', {
    raw: () => Buffer.alloc(0),
    answer: /^SSH-2\.0/,
    site: { behaviour: 'ssh' },
  }),
  good('session-id', 'a session identifier of 32 octets', { raw: built({ sessionId: 32 }) }),
  good('grease', 'unknown suites, groups, extensions', {
    raw: built({
      suites: [0x1a1a, 0x1301, 0xfafa],
      groups: [0x2a2a, 29],
      extra: [{ id: 0x3a3a, body: Buffer.alloc(1) }],
    }),
  }),
  badName('foreign-address', 'another address as server name', '198.51.100.99'),
  {
    id: 'unknown-alpn',
    title: 'a protocol that the origin does not know (ALPN acme-tls/1)',
    expect: 'refused',
    tls: { alpn: ['acme-tls/1'] },
  },
  badName('nul', 'a NUL in the server name', `${NAME}\0.b.example`),
  badName('star', '* as server name', '*'),
  badName('wildcard', 'a wildcard as server name', '*.a.example'),
  badName('slash', 'a slash in the server name', 'www.a.example/x'),
  badName('parent', '../ in the server name', '../../etc/passwd'),
  badName('space', 'a space in the server name', 'www a.example'),
  badName('line', 'a line break in the server name', 'www.a.example\r\nx'),
  badName('colon', 'a port in the server name', 'www.a.example:443'),
  badName('quote', 'markup in the server name', '<b>.a.example'),
  badName('latin', 'a server name in Latin-1', Buffer.from('b\u00fccher.example', 'latin1')),
  badName('utf8', 'a server name in UTF-8', 'bücher.example'),
  badName('label', 'a label of 64 octets', `${'a'.repeat(64)}.example`),
  badName('long', 'a server name of 255 octets', `${'abc.'.repeat(63)}abc`),
  badName('longer', 'a server name of 16,000 octets', 'a'.repeat(16_000)),
  badName('empty-label', 'an empty label', 'www..example'),
  badName('empty', 'an empty server name', ''),
  badName('only-dot', 'a dot as server name', '.'),
  bad('two-names', 'two server names in one list (RFC 6066 §3)', () =>
    hello({ names: wrapped(serverNames(NAME), serverNames('b.example')) }),
  ),
  bad(
    'twice',
    'the server name extension twice (RFC 8446 §4.2)',
    built({ extra: [{ id: 0, body: nameBody('b.example') }] }),
  ),
  bad('no-list', 'a server name extension without a list', () => hello({ nameBody: Buffer.alloc(0) })),
  bad('trailing', 'octets behind the list of extensions', built({ tail: Buffer.alloc(3) })),
  bad('cut', 'an extension longer than the list', () => hello({ names: serverNames(NAME), cutBy: 2 })),
  bad('ssl2', 'a hello of SSL 2.0', () => sslv2()),
  bad('ssl3', 'SSL 3.0 (RFC 7568)', built({ version: 0x0300, suites: [0x002f, 0x0035], bare: true })),
  bad('rc4', 'RC4 only (RFC 7465)', built({ suites: [0x0005, 0x0004, 0xc011], only12: true })),
  bad('3des', '3DES only (Sweet32)', built({ suites: [0x000a, 0xc012], only12: true })),
  bad('export', 'export grade only (FREAK)', built({ suites: [0x0003, 0x0006, 0x0008], only12: true })),
  bad('no-group', 'no group in common', built({ groups: [0x0013, 0x0019 - 3] })),
  bad(
    'too-large',
    '128 KiB of it',
    built({ extra: [0, 1, 2].map(i => ({ id: 0x5a50 + i, body: Buffer.alloc(43_000) })) }),
  ),
  bad('empty-record', 'a record without octets', () => Buffer.from('1603010000', 'hex')),
  bad('alert', 'an alert instead of it', () => Buffer.from('15030100020228', 'hex')),
  bad('server-hello', 'a ServerHello instead of it', () => {
    const bytes = hello({ names: serverNames(NAME) })
    bytes[5] = 2
    return bytes
  }),
  bad('half', 'half of it, and then nothing', () => hello({ names: serverNames(NAME) }).subarray(0, 60)),
  bad('silent', 'not an octet', () => Buffer.alloc(0)),
]

function nameBody(name: string): Buffer {
  const list = serverNames(name)
  return Buffer.concat([Buffer.from([list.length >> 8, list.length & 255]), list])
}

/** CLIENT-HELLO of the SSL 2.0 draft, offering TLS 1.2 as clients did that could do either. */
function sslv2(): Buffer {
  const body = Buffer.concat([Buffer.from('0103030009000000100700c000002f000035', 'hex'), Buffer.alloc(16, 7)])
  return Buffer.concat([Buffer.from([0x80 | (body.length >> 8), body.length & 255]), body])
}
