import { INTER, NAME, server } from '../../test/pki/cases/index.ts'
import { nameOf } from '../../test/pki/certificate.ts'
import { ODDITIES } from './oddities.ts'
import { MODERN } from './protocol-trials.ts'
import type { Client, Lane, Site, Trial } from './trial.ts'

/** Clients old, rare and odd before a good, modern origin: what is seen is the side of the gateway that faces clients. */

const GATEWAYS: readonly Lane[] = ['squid', 'weir']
/** Text that must not come through. */
const STRANGE = '<script>alert(1)</script>'

const openssl = (...args: string[]): Client => ({ kind: 'openssl', args })
const shell = (script: string): Client => ({ kind: 'shell', script })

/** `openssl s_client` with everything the lane says; the request stands on its stdin. */
const S_CLIENT =
  'openssl s_client -connect $ADDRESS:443 -bind $SOURCE:0 -servername $NAME -CAfile $CA -no-CApath -no-CAstore'
const ASK = `printf 'GET / HTTP/1.0\\r\\nHost: %s\\r\\nUser-Agent: %s\\r\\n\\r\\n' $NAME $LANE`
const LEAF = `${S_CLIENT} </dev/null 2>/dev/null | openssl x509 -outform PEM >$WORK/leaf.pem`
const YES = 'echo the page of the origin'

export function clientTrials(): Trial[] {
  const trials: Trial[] = []
  const add = (title: string, expect: Trial['expect'], client: Client, more: Partial<Trial> = {}) =>
    trials.push({ class: 'client side', title, expect, name: NAME, site: MODERN, client, ...more })
  offers(add)
  sessions(add)
  leaves(add)
  requests(add)
  return trials
}

type Add = (title: string, expect: Trial['expect'], client: Client, more?: Partial<Trial>) => void

function offers(add: Add): void {
  const tls12 = (ciphers: string, ...more: string[]) => openssl('-tls1_2', '-cipher', ciphers, ...more)
  add('TLS 1.3 only', 'served', openssl('-tls1_3'))
  add('TLS 1.2 only', 'served', openssl('-tls1_2'))
  add('TLS 1.1 only (RFC 8996)', 'refused', openssl('-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'))
  add('TLS 1.0 only', 'refused', openssl('-tls1', '-cipher', 'ALL:@SECLEVEL=0'))
  add('TLS 1.2 by fall-back, although both can do more (RFC 7507)', 'refused', openssl('-tls1_2', '-fallback_scsv'))
  add('ECDSA only', 'served', tls12('ECDHE-ECDSA-AES128-GCM-SHA256', '-sigalgs', 'ECDSA+SHA256'))
  add('RSA only, TLS 1.2', 'served', tls12('ECDHE-RSA-AES128-GCM-SHA256', '-sigalgs', 'RSA+SHA256:RSA-PSS+SHA256'))
  add('RSA only, TLS 1.3', 'served', openssl('-tls1_3', '-sigalgs', 'RSA-PSS+SHA256:RSA+SHA256'))
  add('AES-256-GCM only', 'served', tls12('ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384'))
  add('ChaCha20-Poly1305 only, TLS 1.2', 'served', tls12('ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305'))
  add('ChaCha20-Poly1305 only, TLS 1.3', 'served', openssl('-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256'))
  for (const group of ['X25519', 'P-256', 'P-384']) add(`${group} only`, 'served', openssl('-groups', group))
  add('P-256 only, TLS 1.2', 'served', openssl('-tls1_2', '-groups', 'P-256'))
  add(
    'CBC only, ECDHE (RFC 9325 §4.1)',
    'refused',
    tls12('ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA'),
  )
  add('static RSA only, GCM', 'refused', tls12('AES128-GCM-SHA256'))
  add('static RSA only, CBC', 'refused', tls12('AES128-SHA'))
  add('no encryption: NULL', 'refused', tls12('NULL-SHA256:ECDHE-RSA-NULL-SHA:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0'))
  add('no authentication: anonymous', 'refused', tls12('aNULL:@SECLEVEL=0'))
  add('signatures with SHA-1 only (RFC 9155)', 'refused', tls12('ALL:@SECLEVEL=0', '-sigalgs', 'ECDSA+SHA1:RSA+SHA1'))
}

function sessions(add: Add): void {
  const twice = (version: string, more = '') => `
(${ASK}; sleep 1) | timeout 10 ${S_CLIENT} ${version} -ign_eof -sess_out $WORK/session >$WORK/first 2>&1
(${ASK}; sleep 1) | timeout 10 ${S_CLIENT} ${version} -ign_eof -sess_in $WORK/session ${more} >$WORK/second 2>&1`
  const resumed = (version: string) =>
    shell(`${twice(version)}\ngrep -q '^Reused' $WORK/second && cat $WORK/second || echo not resumed >&2`)
  add('resumption, TLS 1.2', 'served', resumed('-tls1_2'))
  add('resumption, TLS 1.3', 'served', resumed('-tls1_3'))
  add(
    '0-RTT: a request before the handshake is over (RFC 8470)',
    'refused',
    shell(`${ASK} >$WORK/early${twice('-tls1_3', '-early_data $WORK/early')}
grep -q 'Early data was accepted' $WORK/second && ${YES}; grep -o 'Early data was.*' $WORK/second | head -1 >&2`),
    { mayReach: true },
  )
  add(
    'a client that asks for a second handshake (RFC 9325 §3.5)',
    'refused',
    shell(`(sleep 1; echo R; sleep 1; ${ASK}; sleep 1) | timeout 10 ${S_CLIENT} -tls1_2 >$WORK/out 2>&1
grep -q RENEGOTIATING $WORK/out && test $(grep -c 'verify return:1' $WORK/out) -gt 3 && ${YES}
grep -o 'no renegotiation\\|unexpected eof.*' $WORK/out | head -1 >&2`),
    { mayReach: true },
  )
  add('X25519MLKEM768 only', 'served', { kind: 'odd', oddity: 'ml-kem' })
}

function leaves(add: Add): void {
  const strange = server(INTER, { subject: nameOf(STRANGE) })
  const site: Site = { certPem: strange.pem + INTER.pem, keyPem: strange.keyPem }
  const leaf = (title: string, script: string) =>
    add(`the leaf made for the client ${title}`, 'served', shell(`${LEAF}\n${script}`), { lanes: GATEWAYS, site })
  leaf(
    'passes X509_STRICT',
    `openssl verify -x509_strict -purpose sslserver -verify_hostname $NAME -no-CApath -no-CAstore -CAfile $CA $WORK/leaf.pem >$WORK/out 2>&1 && ${YES}
sed -n 's/.*lookup: *//p' $WORK/out >&2`,
  )
  leaf(
    'has nothing of the origin’s subject',
    `openssl x509 -in $WORK/leaf.pem -noout -subject | grep -q script || ${YES}`,
  )
  leaf('lives 45 days at most', `openssl x509 -in $WORK/leaf.pem -noout -checkend ${46 * 86_400} >/dev/null || ${YES}`)
  leaf(
    'has its name in SAN',
    `openssl x509 -in $WORK/leaf.pem -noout -ext subjectAltName | grep -q "DNS:$NAME" && ${YES}`,
  )
}

/** Asked for in requests only. */
export const OTHER_HOSTS = ['also.a.example', 'www.b.example']

/** What is asked for over a connection that was right. */
function requests(add: Add): void {
  const both = server(INTER, { san: [`dns:${NAME}`, 'dns:also.a.example'] })
  const site: Site = { certPem: both.pem + INTER.pem, keyPem: both.keyPem }
  const bad = server(null)
  const curl = `curl -q -sS --http1.1 --max-time 10 --interface $SOURCE -A $LANE --cacert $CA --resolve $NAME:443:$ADDRESS https://$NAME/`
  const host = (name: string) => shell(`${curl} -H 'Host: ${name}' -w '%{stderr}status %{http_code}'`)
  add('a request for another host that the certificate names too', 'served', host('also.a.example'), { site })
  add('a request for a host that the certificate does not name (RFC 9110 §15.5.20)', 'refused', host('www.b.example'), {
    site,
    lanes: GATEWAYS,
  })
  add(
    'a second visit, and another server with another certificate has come in its place',
    'refused',
    shell(`${curl} -A first >/dev/null || exit 1; sleep 1; ${curl} -w '%{stderr}status %{http_code}'`),
    { site: { ...site, later: { certPem: bad.pem, keyPem: bad.keyPem } }, apart: true },
  )
}

/** Hellos; see oddities.ts for how each is made. */
export function helloTrials(): Trial[] {
  return ODDITIES.map(({ id, title, expect, site = {}, name = NAME, address, ...odd }) => ({
    class: 'hello',
    title,
    expect,
    name,
    site: { ...MODERN, ...site },
    client: { kind: 'odd', oddity: id, ...(odd.trustsBoth && { trust: 'both' as const }) },
    ...(odd.gatewaysOnly && { lanes: GATEWAYS }),
    ...(address !== undefined && { address }),
  }))
}
