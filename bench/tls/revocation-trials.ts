import { ca, DAY, INTER, NAME, NOW, ROOT, server } from '../../test/pki/cases/index.ts'
import { type Cert, type CertSpec, leaf, OCSP_SIGNING } from '../../test/pki/certificate.ts'
import { authorityInfo, crlPoints, ocspNoCheck, tlsFeature } from '../../test/pki/extensions.ts'
import { crlOf, type OcspSpec, ocspAnswer } from '../../test/unit/tls/revocation/answers.ts'
import type { WebFile } from './origin.ts'
import type { Site, Trial, TrialClass } from './trial.ts'

/** Origins whose certificates are revoked, or whose chains have to be completed, and the web servers of their authorities. */

export interface FetchTrials {
  trials: Trial[]
  files: Record<string, WebFile>
  /** What the gateway's own loopback would give, base64 by path. */
  inside: Record<string, string>
}

const STATUS_REQUEST = 5
const CLOSED_PORT = 81
const HOUR = 3600_000
/** RFC 6960 appendix C.2. */
const OCSP_RESPONSE = 'application/ocsp-response'

type Answer = Buffer | (Partial<WebFile> & { body: string })

/** Collects trials; every one has a web host of its own, for a host that is down is not asked again for a while. */
class Collection implements FetchTrials {
  readonly trials: Trial[] = []
  readonly files: Record<string, WebFile> = {}
  readonly inside: Record<string, string> = {}
  #hosts = 0

  /** `http://…/N/`, where the trial's files are. */
  host(): string {
    return `http://198.18.200.${++this.#hosts}/${this.#hosts}/`
  }

  put(url: string, type: string, answer: Answer): void {
    const file = Buffer.isBuffer(answer) ? { body: answer.toString('base64') } : answer
    this.files[new URL(url).pathname] = { type, ...file }
  }

  add(kind: TrialClass, title: string, expect: Trial['expect'], chain: Cert[], more: Partial<Site> = {}): void {
    const site = { certPem: chain.map(cert => cert.pem).join(''), keyPem: chain[0]!.keyPem, ...more }
    this.trials.push({ class: kind, title, expect, name: NAME, site, client: { kind: 'page' } })
  }
}

export function fetchTrials(): FetchTrials {
  const all = new Collection()
  staples(all)
  responders(all)
  lists(all)
  authorities(all)
  issuers(all)
  return all
}

type StapleSpec = Omit<OcspSpec, 'cert' | 'issuer'>

function staples(all: Collection): void {
  const add = (title: string, expect: Trial['expect'], staple: StapleSpec | null, spec: CertSpec = {}) => {
    const cert = server(INTER, spec)
    const text = staple && ocspAnswer({ cert, issuer: INTER, ...staple }).toString('base64')
    all.add('revocation', title, expect, [cert, INTER], text === null ? {} : { staple: text })
  }
  const mustStaple = { extra: [tlsFeature(STATUS_REQUEST)] }
  const delegate = (spec: CertSpec = {}) =>
    leaf(INTER, {
      subject: 'Responder',
      extKeyUsage: [OCSP_SIGNING],
      extra: [ocspNoCheck()],
      notAfter: NOW + DAY,
      ...spec,
    })
  const signedBy = (signer: Cert) => ({ signer, certs: [signer] })
  const expired = { thisUpdate: NOW - 9 * DAY, nextUpdate: NOW - DAY }
  add('stapled: good (RFC 6066 §8)', 'served', {})
  add('stapled: revoked', 'refused', { status: 'revoked' })
  add('stapled: revoked, the answer has expired', 'refused', { status: 'revoked', ...expired })
  add('stapled: good, by a responder that the authority made (RFC 6960 §4.2.2.2)', 'served', signedBy(delegate()))
  add('stapled: revoked, by such a responder', 'refused', { status: 'revoked', ...signedBy(delegate()) })
  add('stapled: signed by a certificate that may not answer', 'refused', signedBy(delegate({ extKeyUsage: null })))
  add('stapled: good, but expired (RFC 6960 §3.2)', 'refused', expired)
  add('stapled: good, but not valid yet', 'refused', { thisUpdate: NOW + DAY, nextUpdate: NOW + 2 * DAY })
  add('stapled: signed by a stranger', 'refused', { signer: ca('Stranger') })
  add('stapled: the signature is wrong', 'refused', { signature: Buffer.alloc(70, 1) })
  add('stapled: about another certificate', 'refused', { cert: server(INTER) } as StapleSpec)
  add('stapled: the authority does not know it', 'refused', { status: 'unknown' })
  add('must-staple (RFC 7633), and a good staple', 'served', {}, mustStaple)
  add('must-staple, and none', 'refused', null, mustStaple)
  add('must-staple, and an expired one', 'refused', expired, mustStaple)
  add('must-staple, and "try later"', 'refused', { responseStatus: 3 }, mustStaple)
}

function responders(all: Collection): void {
  const add = (
    title: string,
    expect: Trial['expect'],
    answer: StapleSpec | null,
    how: Partial<WebFile> & { staple?: StapleSpec; port?: number; spec?: CertSpec } = {},
  ) => {
    const { staple, port, spec, ...file } = how
    const url = all.host()
    const at = port === undefined ? url : url.replace(/(?<=\d)\//, `:${port}/`)
    const { extra = [], ...rest } = spec ?? {}
    const cert = server(INTER, { ...rest, extra: [authorityInfo({ ocsp: [at] }), ...extra] })
    const body = answer === null ? '' : ocspAnswer({ cert, issuer: INTER, ...answer }).toString('base64')
    all.put(url, OCSP_RESPONSE, { body, ...file })
    const stapled = staple && ocspAnswer({ cert, issuer: INTER, ...staple }).toString('base64')
    all.add('revocation', title, expect, [cert, INTER], stapled === undefined ? {} : { staple: stapled })
  }
  const expired = { thisUpdate: NOW - 9 * DAY, nextUpdate: NOW - DAY }
  add('responder: good (RFC 6960)', 'served', {})
  add('responder: revoked', 'refused', { status: 'revoked' })
  add('responder: revoked, for the key was stolen', 'refused', { status: 'revoked', reason: 1 })
  add('responder: revoked, after 0.8 s', 'refused', { status: 'revoked' }, { delayMs: 800 })
  add('responder: revoked, the answer has expired', 'refused', { status: 'revoked', ...expired })
  add('responder: the authority does not know it', 'refused', { status: 'unknown' })
  add('responder: dead (browsers go on)', 'served', null, { port: CLOSED_PORT })
  add('responder: says nothing for 8 s', 'served', {}, { delayMs: 8000 })
  add('responder: "try later"', 'served', { responseStatus: 3 })
  add('responder: status 500', 'served', null, { status: 500 })
  add('responder: an answer that has expired', 'served', expired)
  add('responder: "revoked" by a stranger proves nothing', 'served', { status: 'revoked', signer: ca('Stranger') })
  add('responder: good; the staple has expired', 'served', {}, { staple: expired })
  add('responder: revoked; the staple has expired', 'refused', { status: 'revoked' }, { staple: expired })
  add('responder: good; must-staple without a staple', 'refused', {}, { spec: { extra: [tlsFeature(STATUS_REQUEST)] } })
  add(
    'responder: revoked; the certificate lives for three days',
    'refused',
    { status: 'revoked' },
    {
      spec: { notBefore: NOW - DAY, notAfter: NOW + 2 * DAY },
    },
  )
}

function lists(all: Collection): void {
  type ListSpec = Parameters<typeof crlOf>[0]
  const add = (
    title: string,
    expect: Trial['expect'],
    crl: (cert: Cert) => Partial<ListSpec> | null,
    ocspDead = false,
  ) => {
    const url = all.host()
    const dead = authorityInfo({ ocsp: [url.replace(/(?<=\d)\//, `:${CLOSED_PORT}/`)] })
    const cert = server(INTER, { extra: [crlPoints(url), ...(ocspDead ? [dead] : [])] })
    const spec = crl(cert)
    if (spec === null) all.put(url, 'text/plain', { body: '', status: 404 })
    else all.put(url, 'application/pkix-crl', crlOf({ issuer: INTER, ...spec }))
    all.add('revocation', title, expect, [cert, INTER])
  }
  const expired = { thisUpdate: NOW - 9 * DAY, nextUpdate: NOW - HOUR }
  add('CRL: not in it (RFC 5280 §6.3)', 'served', () => ({}))
  add('CRL: in it', 'refused', cert => ({ entries: [cert] }))
  add('CRL: in it, responder dead', 'refused', cert => ({ entries: [cert] }), true)
  add('CRL: in an expired one', 'refused', cert => ({ entries: [cert], ...expired }))
  add('CRL: in one that a stranger signed', 'served', cert => ({ entries: [cert], signer: ca('Stranger') }))
  add('CRL: cannot be had', 'served', () => null)
}

function authorities(all: Collection): void {
  const add = (title: string, expect: Trial['expect'], how: 'ocsp' | 'crl', isRevoked: boolean) => {
    const url = all.host()
    const place = how === 'ocsp' ? authorityInfo({ ocsp: [url] }) : crlPoints(url)
    const inter = ca(`Intermediate ${url}`, ROOT, { extra: [place] })
    if (how === 'crl') all.put(url, 'application/pkix-crl', crlOf({ issuer: ROOT, entries: isRevoked ? [inter] : [] }))
    else {
      const status = isRevoked ? 'revoked' : 'good'
      all.put(url, OCSP_RESPONSE, ocspAnswer({ cert: inter, issuer: ROOT, status }))
    }
    all.add('revocation', title, expect, [server(inter), inter])
  }
  add('intermediate: good by its responder', 'served', 'ocsp', false)
  add('intermediate: revoked by its responder', 'refused', 'ocsp', true)
  add('intermediate: not in the root’s CRL', 'served', 'crl', false)
  add('intermediate: in the root’s CRL', 'refused', 'crl', true)
}

/** Missing intermediates: class `chain`. */
function issuers(all: Collection): void {
  const add = (title: string, expect: Trial['expect'], place: string | null, answer?: (inter: Cert) => Answer) => {
    const url = all.host()
    const { pathname } = new URL(url)
    const inter = ca(`fetched${pathname.replaceAll('/', '-')}`, ROOT)
    for (const path of [pathname, `/${inter.spec.subject}`]) all.inside[path] = inter.der.toString('base64')
    all.put(url, 'application/pkix-cert', answer?.(inter) ?? inter.der)
    const at = place === null ? url : place.replace('PATH', pathname)
    all.add('chain', title, expect, [server(inter, { extra: [authorityInfo({ issuers: [at] })] })])
  }
  const redirected = (inter: Cert) => ({ body: '', status: 302, location: `http://127.0.0.1/${inter.spec.subject}` })
  add('missing, and where it is stands in the leaf (RFC 5280 §4.2.2.1)', 'served', null)
  add('missing, as PEM', 'served', null, inter => Buffer.from(inter.pem))
  add('missing, by an address that leads to the gateway’s loopback', 'refused', 'http://127.0.0.1PATH')
  add('missing, by a redirect to the gateway’s loopback', 'refused', null, redirected)
  add('missing, at a private address', 'refused', 'http://10.99.0.1PATH')
  add('missing, at the gateway’s own address', 'refused', 'http://203.0.113.1PATH')
  add('missing, where an endless answer comes from', 'refused', null, () => ({ body: '', endless: true }))
  add('missing, where another certificate is', 'refused', null, () => INTER.der)
  add('missing, where no certificate is', 'refused', null, () => Buffer.from('<html>'))
  add('missing, by ldap:', 'refused', 'ldap://198.18.200.1PATH')
}
