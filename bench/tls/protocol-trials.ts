import { execFileSync } from 'node:child_process'
import { INTER, NAME, server } from '../../test/pki/cases/index.ts'
import { CLIENT_AUTH, makeCert } from '../../test/pki/certificate.ts'
import { testKey } from '../../test/pki/keys.ts'
import type { Site, Trial } from './trial.ts'

/** Origins with good certificates that speak TLS in good and bad ways. */

const pair = (kind: 'p256' | 'rsa:2048') => {
  const cert = server(INTER, { keys: testKey(kind, 5) })
  return { certPem: cert.pem + INTER.pem, keyPem: cert.keyPem }
}
const ECDSA = pair('p256')
const RSA = pair('rsa:2048')
/** Chooses the leaf by what the client can do. */
export const MODERN: Site = { ...ECDSA, other: RSA }

const weak = (ciphers: string) => `${ciphers}:@SECLEVEL=0`
const only = (version: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') => ({ minVersion: version, maxVersion: version })
const tls12 = (ciphers: string): NonNullable<Site['tls']> => ({ ...only('TLSv1.2'), ciphers: weak(ciphers) })

/** Of a size that nobody takes any more; made anew, for a second. */
const smallDh = () =>
  execFileSync('openssl', ['dhparam', '-dsaparam', '1024'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

/** Whom the origins that demand a certificate know. */
export const PERSON = makeCert({ subject: 'A person', extKeyUsage: [CLIENT_AUTH] })

type Rest = Pick<Trial, 'client' | 'attempts' | 'name'>

/** A good certificate for that name. */
export const originOf = (name: string): Pick<Site, 'certPem' | 'keyPem'> => {
  const cert = server(INTER, { san: [`dns:${name}`] })
  return { certPem: cert.pem + INTER.pem, keyPem: cert.keyPem }
}

export function protocolTrials(): Trial[] {
  const trials: Trial[] = []
  const add = (title: string, expect: Trial['expect'], site: Partial<Site>, rest: Partial<Rest> = {}) => {
    const whole: Site = { ...MODERN, ...site }
    if (site.certPem !== undefined) delete whole.other
    trials.push({ class: 'protocol', title, expect, name: NAME, site: whole, client: { kind: 'page' }, ...rest })
  }
  versions(add)
  suites(add)
  groups(add)
  handshakes(add)
  clientCertificates(add)
  notTls(add)
  return trials
}

type Add = (title: string, expect: Trial['expect'], site: Partial<Site>, rest?: Partial<Rest>) => void

function versions(add: Add): void {
  add('TLS 1.3 only (RFC 8446)', 'served', { tls: only('TLSv1.3') })
  add('TLS 1.2 only', 'served', { tls: only('TLSv1.2') })
  add('TLS 1.1 only (RFC 8996)', 'refused', { tls: { ...only('TLSv1.1'), ciphers: weak('ALL') } })
  add('TLS 1.0 only', 'refused', { tls: { ...only('TLSv1'), ciphers: weak('ALL') } })
  add('SSL 3.0 only (RFC 7568)', 'refused', chosen(0x0300, 0x002f))
}

const chosen = (version: number, suite: number, compression = 0): Partial<Site> => ({
  behaviour: { serverHello: { version, suite, compression } },
})

function suites(add: Add): void {
  for (const suite of ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'])
    for (const [kind, site] of [
      ['ECDSA', ECDSA],
      ['RSA', RSA],
    ] as const)
      add(`ECDHE-${kind}-${suite} only`, 'served', { ...site, tls: tls12(`ECDHE-${kind}-${suite}`) })
  for (const suite of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])
    add(`${suite} only`, 'served', { tls: { ...only('TLSv1.3'), ciphers: suite } })
  add('CBC only, ECDHE (RFC 9325 §4.1)', 'refused', { tls: tls12('ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA') })
  add('static RSA only, GCM (RFC 9325 §4.1)', 'refused', { ...RSA, tls: tls12('AES128-GCM-SHA256') })
  add('static RSA only, CBC', 'refused', { ...RSA, tls: tls12('AES128-SHA') })
  add('DHE of 1024 bits (Logjam)', 'refused', {
    ...RSA,
    tls: { ...tls12('DHE-RSA-AES128-GCM-SHA256'), dhparam: smallDh() },
  })
  add('no encryption: NULL', 'refused', { ...RSA, tls: tls12('NULL-SHA256:ECDHE-RSA-NULL-SHA') })
  add('no authentication: anonymous', 'refused', { ...RSA, tls: tls12('ADH-AES128-GCM-SHA256:AECDH-AES128-SHA') })
  add('RC4 (RFC 7465)', 'refused', { ...RSA, ...chosen(0x0303, 0x0005) })
  add('3DES (Sweet32)', 'refused', { ...RSA, ...chosen(0x0303, 0x000a) })
  add('export grade (FREAK)', 'refused', { ...RSA, ...chosen(0x0303, 0x0003) })
  add('a suite that was not offered (RFC 5246 §7.4.1.3)', 'refused', { ...RSA, ...chosen(0x0303, 0x00ff) })
  add('compression (CRIME)', 'refused', { ...ECDSA, ...chosen(0x0303, 0xc02b, 1) })
}

function groups(add: Add): void {
  for (const group of ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'])
    add(`${group} only`, 'served', { tls: { ...only('TLSv1.3'), ecdhCurve: group } })
  add('P-256 only, TLS 1.2', 'served', { tls: { ...only('TLSv1.2'), ecdhCurve: 'P-256' } })
  add('P-224 only', 'refused', { tls: { ...tls12('ECDHE-ECDSA-AES128-GCM-SHA256'), ecdhCurve: 'secp224r1' } })
  add('secp256k1 only', 'refused', { tls: { ...tls12('ECDHE-ECDSA-AES128-GCM-SHA256'), ecdhCurve: 'secp256k1' } })
}

function handshakes(add: Add): void {
  const signs = (sigalgs: string, site: Partial<Site> = RSA): Partial<Site> => ({
    ...site,
    tls: { ...tls12('ECDHE+AESGCM'), sigalgs },
  })
  add('the handshake is signed with SHA-1, RSA (RFC 9155)', 'refused', signs('RSA+SHA1'))
  add('the handshake is signed with SHA-1, ECDSA', 'refused', signs('ECDSA+SHA1', ECDSA))
  add('the handshake is signed with SHA-224', 'refused', signs('RSA+SHA224'))
  add('the handshake is signed with RSASSA-PSS', 'served', signs('rsa_pss_rsae_sha256'))
  const again = 'renegotiates.example'
  const second: Partial<Site> = { ...originOf(again), tls: only('TLSv1.2'), behaviour: 'renegotiate' }
  add('asks for a second handshake (RFC 9325 §3.5)', 'refused', second, { name: again })
  add('does not know ALPN', 'served', { alpn: [] })
  add('HTTP/2 and HTTP/1.1', 'served', { alpn: ['h2', 'http/1.1'] })
  add('HTTP/2 without ALPN (RFC 9113 §3.3)', 'refused', { alpn: [], behaviour: 'h2' })
}

/** The client has a certificate and trusts both the origin and the gateway, so that it is served by whoever lets it through. */
const WITH_CERTIFICATE: Partial<Rest> = {
  client: { kind: 'openssl', args: ['-cert', '{DIR}/client.pem', '-key', '{DIR}/client.key'], trust: 'both' },
  attempts: 3,
}

/** Weir learns by name which origins want a client certificate: each has a name of its own. */
function clientCertificates(add: Add): void {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const label = version.replace('v', ' ')
    const digit = version.at(-1)
    const asks = (name: string, rejectUnauthorized: boolean): [Partial<Site>, Partial<Rest>] => [
      { ...originOf(name), tls: { ...only(version), requestCert: true, rejectUnauthorized, ca: PERSON.pem } },
      { name },
    ]
    const add1 = (title: string, expect: Trial['expect'], [site, rest]: [Partial<Site>, Partial<Rest>], more = {}) =>
      add(`${label}: a client certificate is ${title}`, expect, site, { ...rest, ...more })
    add1('welcome', 'served', asks(`welcome${digit}.example`, false))
    add1('demanded, and there is none', 'refused', asks(`none${digit}.example`, true))
    add1('demanded, and the client has one', 'served', asks(`has${digit}.example`, true), WITH_CERTIFICATE)
  }
}

function notTls(add: Add): void {
  add('plain HTTP', 'refused', { behaviour: 'http' })
  add('SSH', 'refused', { behaviour: 'ssh' })
  add('octets that are no TLS', 'refused', { behaviour: 'garbage' })
  add('closes after the hello', 'refused', { behaviour: 'closes' })
  add('never says a word', 'refused', { behaviour: 'mute' })
}
