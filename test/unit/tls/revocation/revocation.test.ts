import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { readRevocationList } from '../../../../src/tls/revocation/lists.ts'
import { Revocation, type RevocationDeps, type RevocationResult } from '../../../../src/tls/revocation/revocation.ts'
import { authority, type Cert, type CertSpec, DAY, leaf } from '../../../pki/certificate.ts'
import { authorityInfo, crlPoints, tlsFeature } from '../../../pki/extensions.ts'
import { crlOf, facts, type OcspSpec, ocspAnswer, patientFetch, type Web, web } from './answers.ts'

const now = Date.now()
const root = authority('Root')
const plainInter = authority('Inter', root)

/** What the web server of a test's authority hands out; a missing part is a 404. */
interface Pki {
  site: Web
  ocsp: ((request: { method: string; path: string; body: Buffer }) => Buffer | null) | null
  crl: Record<string, Buffer>
}

async function pki(t: ExecutionContext): Promise<Pki> {
  const it: Pki = { site: await web(), ocsp: null, crl: {} }
  it.site.answer = (request, response, body) => {
    const path = request.url ?? ''
    const answer = path.startsWith('/ocsp') ? it.ocsp?.({ method: request.method ?? '', path, body }) : it.crl[path]
    if (answer) response.end(answer)
    else response.writeHead(404).end()
  }
  t.teardown(it.site.close)
  return it
}

const withOcsp = (at: Pki, spec: CertSpec = {}, issuer = plainInter): Cert =>
  leaf(issuer, {
    san: ['dns:www.a.example'],
    ...spec,
    extra: [authorityInfo({ ocsp: [at.site.url('/ocsp')] }), ...(spec.extra ?? [])],
  })

const withCrl = (at: Pki, spec: CertSpec = {}, issuer = plainInter): Cert =>
  leaf(issuer, { san: ['dns:www.a.example'], ...spec, extra: [crlPoints(at.site.url('/a.crl'))] })

const plain = leaf(plainInter, { san: ['dns:www.a.example'] })
const mustStaple = leaf(plainInter, { san: ['dns:www.a.example'], extra: [tlsFeature(5)] })

function revocation(deps: Partial<RevocationDeps> = {}): Revocation {
  return new Revocation({ fetch: patientFetch(), lists: [], waitMs: PATIENT, ...deps })
}

interface Ask {
  chain?: Cert[]
  staple?: Buffer | null
  mode?: 'soft' | 'hard'
  nowMs?: number
}

function check(it: Revocation, cert: Cert, ask: Ask = {}): Promise<RevocationResult> {
  const path = [cert, ...(ask.chain ?? [plainInter, root])].map(facts)
  return new Promise(resolve => {
    it.check({ path, staple: ask.staple ?? null, nowMs: ask.nowMs ?? Date.now(), mode: ask.mode ?? 'soft' }, resolve)
  })
}

const stapleOf = (cert: Cert, spec: Partial<OcspSpec> = {}) => ocspAnswer({ cert, issuer: plainInter, ...spec })
const brief = ({ error, source }: RevocationResult) => [error?.code ?? null, source]
const good = null
const revoked = 'origin-cert-revoked'
const noStatus = 'origin-cert-status'
/** Of tests that are not about waiting. */
const PATIENT = { soft: 60_000, hard: 60_000 }
const past = { thisUpdate: now - 3 * DAY, nextUpdate: now - DAY }

test('a certificate that names no place to ask: soft goes on, hard refuses', async t => {
  t.deepEqual(brief(await check(revocation(), plain)), [good, 'none'])
  const { error } = await check(revocation(), plain, { mode: 'hard' })
  t.is(error?.code, noStatus)
  t.regex(error!.detail, /names no place to ask/)
})

test('hard: an authority that names no place is excused, one that names a dead one is not', async t => {
  const at = await pki(t)
  t.deepEqual(brief(await check(revocation(), plain, { mode: 'hard', staple: stapleOf(plain) })), [good, 'staple'])
  const inter = authority('Inter', root, { extra: [crlPoints(at.site.url('/none.crl'))] })
  const cert = leaf(inter)
  const ask: Ask = { mode: 'hard', staple: ocspAnswer({ cert, issuer: inter }), chain: [inter, root] }
  const { error } = await check(revocation(), cert, ask)
  t.is(error?.code, noStatus)
  t.regex(error!.detail, /authority above it/)
})

test('a good staple is enough, and nobody else is asked', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  const result = await check(revocation(), cert, { staple: stapleOf(cert) })
  t.deepEqual(brief(result), [good, 'staple'])
  t.deepEqual(at.site.seen, [])
  t.true(result.validUntil > now && result.validUntil <= Date.now() + 3_600_000)
})

test('validUntil ends with the answer', async t => {
  const nextUpdate = Math.floor(now / 1000) * 1000 + 600_000
  t.is((await check(revocation(), plain, { staple: stapleOf(plain, { nextUpdate }) })).validUntil, nextUpdate)
})

test('a revoked staple is refused, with day and reason, and remembered without it', async t => {
  const it = revocation()
  const staple = stapleOf(plain, { status: 'revoked', reason: 1, revokedAt: Date.UTC(2026, 9, 1) })
  const { error } = await check(it, plain, { staple })
  t.is(error?.code, revoked)
  t.regex(error!.detail, /revoked on 2026-10-01: its key was stolen/)
  t.is((await check(it, plain)).error?.code, revoked)
  t.is((await check(it, plain, { staple: stapleOf(plain) })).error?.code, revoked, 'an older good one does not help')
})

test('a false or stale staple: others are asked; if nobody knows it is refused, also when soft', async t => {
  const other = leaf(plainInter)
  const staples = {
    expired: (cert: Cert) => stapleOf(cert, past),
    another: () => stapleOf(other),
    stranger: (cert: Cert) => stapleOf(cert, { signer: authority('Inter'), responder: plainInter }),
    site: (cert: Cert) => stapleOf(cert, { signer: cert, certs: [cert] }),
    unknown: (cert: Cert) => stapleOf(cert, { status: 'unknown' }),
    junk: () => Buffer.from('junk'),
  }
  const at = await pki(t)
  for (const [name, staple] of Object.entries(staples)) {
    at.ocsp = null
    t.is((await check(revocation(), plain, { staple: staple(plain) })).error?.code, noStatus, name)
    const cert = withOcsp(at)
    t.is((await check(revocation(), cert, { staple: staple(cert) })).error?.code, noStatus, name)
    at.ocsp = () => stapleOf(cert)
    t.deepEqual(brief(await check(revocation(), cert, { staple: staple(cert) })), [good, 'ocsp'], name)
    at.ocsp = () => stapleOf(cert, { status: 'revoked' })
    t.is((await check(revocation(), cert, { staple: staple(cert) })).error?.code, revoked, name)
  }
})

test('a staple that says "try later" is as none', async t => {
  const staple = stapleOf(plain, { responseStatus: 3 })
  t.deepEqual(brief(await check(revocation(), plain, { staple })), [good, 'none'])
  t.deepEqual(brief(await check(revocation(), plain, { staple: Buffer.alloc(0) })), [good, 'none'])
})

test('must-staple: only a good staple will do', async t => {
  const at = await pki(t)
  const fetched = withOcsp(at, { extra: [tlsFeature(5)] })
  at.ocsp = () => stapleOf(fetched)
  t.deepEqual(brief(await check(revocation(), mustStaple, { staple: stapleOf(mustStaple) })), [good, 'staple'])
  const error = async (cert: Cert, staple: Buffer | null) => (await check(revocation(), cert, { staple })).error?.code
  t.is(await error(mustStaple, null), noStatus)
  t.is(await error(mustStaple, stapleOf(mustStaple, past)), noStatus)
  t.is(await error(mustStaple, stapleOf(mustStaple, { responseStatus: 3 })), noStatus)
  t.is(await error(mustStaple, stapleOf(plain)), noStatus)
  t.is(await error(mustStaple, stapleOf(mustStaple, { status: 'revoked' })), revoked)
  t.is(await error(fetched, null), noStatus, 'a fetched answer is no staple')
  t.deepEqual(at.site.seen, [])
})

test('must-staple is not met by a good answer remembered from elsewhere', async t => {
  const it = revocation()
  t.is((await check(it, mustStaple, { staple: stapleOf(mustStaple) })).error, null)
  t.is((await check(it, mustStaple)).error?.code, noStatus)
})

test('OCSP is asked by GET, once, and remembered for the certificate', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  at.ocsp = () => stapleOf(cert)
  const it = revocation()
  t.deepEqual(brief(await check(it, cert)), [good, 'ocsp'])
  t.deepEqual(brief(await check(it, cert, { mode: 'hard', chain: [root] })), [good, 'ocsp'])
  t.is(at.site.seen.length, 1)
  t.regex(at.site.seen[0]!, /^GET \/ocsp\/M/)
})

test('a responder that only knows POST gets one', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  at.ocsp = ({ method, body }) => (method === 'POST' && body.length > 50 ? stapleOf(cert) : null)
  t.deepEqual(brief(await check(revocation(), cert)), [good, 'ocsp'])
  t.deepEqual(
    at.site.seen.map(line => line.slice(0, 5)),
    ['GET /', 'POST '],
  )
})

test('a revoked leaf is refused, soft and hard', async t => {
  const at = await pki(t)
  for (const mode of ['soft', 'hard'] as const) {
    const cert = withOcsp(at)
    at.ocsp = () => stapleOf(cert, { status: 'revoked' })
    t.is((await check(revocation(), cert, { mode })).error?.code, revoked)
    const listed = withCrl(at)
    at.crl['/a.crl'] = crlOf({ issuer: plainInter, entries: [listed] })
    t.is((await check(revocation(), listed, { mode })).error?.code, revoked)
  }
})

test('an authority says it does not know the certificate: refused, soft and hard', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  at.ocsp = () => stapleOf(cert, { status: 'unknown' })
  for (const mode of ['soft', 'hard'] as const) {
    const { error } = await check(revocation(), cert, { mode })
    t.is(error?.code, noStatus)
    t.regex(error!.detail, /does not know it/)
  }
})

test('an expired certificate, there by an exception: its authority may have forgotten it, not its revocation', async t => {
  const at = await pki(t)
  const cert = withOcsp(at, { notBefore: now - 400 * DAY, notAfter: now - DAY })
  at.ocsp = () => stapleOf(cert, { status: 'unknown' })
  t.is((await check(revocation(), cert)).error, null)
  t.is((await check(revocation(), cert, { staple: stapleOf(cert, past) })).error, null)
  t.is((await check(revocation(), cert, { mode: 'hard' })).error?.code, noStatus)
  at.ocsp = () => stapleOf(cert, { status: 'revoked' })
  t.is((await check(revocation(), cert)).error?.code, revoked)
})

test('a revoked intermediate is refused, by OCSP or by CRL, whatever the staple says', async t => {
  const at = await pki(t)
  for (const extra of [authorityInfo({ ocsp: [at.site.url('/ocsp')] }), crlPoints(at.site.url('/root.crl'))]) {
    const inter = authority('Inter', root, { extra: [extra] })
    const cert = leaf(inter)
    at.ocsp = () => ocspAnswer({ cert: inter, issuer: root, status: 'revoked' })
    at.crl['/root.crl'] = crlOf({ issuer: root, entries: [inter] })
    const staple = ocspAnswer({ cert, issuer: inter })
    const { error } = await check(revocation(), cert, { staple, chain: [inter, root] })
    t.is(error?.code, revoked)
    t.regex(error!.detail, /authority above it/)
  }
})

test('a dead responder: soft goes on and remembers for a minute, hard refuses', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  let clock = now
  const it = revocation({ now: () => clock, fetch: patientFetch({ now: () => clock }) })
  t.deepEqual(brief(await check(it, cert, { nowMs: clock })), [good, 'none'])
  const { error } = await check(it, cert, { nowMs: clock, mode: 'hard', chain: [root] })
  t.is(error?.code, noStatus)
  t.regex(error!.detail, /could not be asked: status 404/)
  const before = at.site.seen.length
  t.deepEqual(brief(await check(it, cert, { nowMs: clock })), [good, 'none'])
  t.is(at.site.seen.length, before, 'not asked again at once')
  at.ocsp = () => stapleOf(cert)
  clock += 61_000
  t.deepEqual(brief(await check(it, cert, { nowMs: clock })), [good, 'ocsp'])
})

test('nothing listens at the responder', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  at.site.close()
  t.deepEqual(brief(await check(revocation(), cert)), [good, 'none'])
  t.is((await check(revocation(), cert, { mode: 'hard' })).error?.code, noStatus)
})

test('answers from the wire that prove nothing are as none', async t => {
  const at = await pki(t)
  for (const spec of [
    past,
    { signer: authority('Inter'), responder: plainInter },
    { responseStatus: 3 },
    { cert: plain },
  ]) {
    const cert = withOcsp(at)
    at.ocsp = () => stapleOf(cert, spec)
    t.deepEqual(brief(await check(revocation(), cert)), [good, 'none'])
    t.is((await check(revocation(), cert, { mode: 'hard' })).error?.code, noStatus)
  }
})

test('a silent responder is not waited for when soft; the answer is there for the next', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  let release: () => void = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  at.site.answer = async (_request, response) => {
    await released
    response.end(stapleOf(cert))
  }
  const it = revocation({ waitMs: { soft: 50, hard: 60_000 } })
  const first = await check(it, cert)
  t.deepEqual(brief(first), [good, 'none'])
  t.true(first.validUntil <= Date.now() + 300_000)
  let told = false
  const path = [cert, root].map(facts)
  it.check({ path, staple: null, nowMs: Date.now(), mode: 'soft' }, () => {
    told = true
  })
  t.true(told, 'who comes while the first has waited in vain does not wait')
  const hard = check(it, cert, { mode: 'hard', chain: [root] })
  release()
  t.deepEqual(brief(await hard), [good, 'none'].fill('ocsp', 1))
  t.deepEqual(brief(await check(it, cert)), [good, 'ocsp'])
  t.is(at.site.seen.length, 1)
})

test('hard waits so long and no longer', async t => {
  const at = await pki(t)
  at.site.answer = () => {}
  const it = revocation({ waitMs: { soft: 10, hard: 30 } })
  t.is((await check(it, withOcsp(at), { mode: 'hard' })).error?.code, noStatus)
})

test('CRLs: alone, or where OCSP gave nothing; one fetch for all certificates of the list', async t => {
  const at = await pki(t)
  const a = withCrl(at)
  const b = withCrl(at)
  at.crl['/a.crl'] = crlOf({ issuer: plainInter, entries: [b] })
  const it = revocation()
  const results = await Promise.all([check(it, a, { mode: 'soft' }), check(it, b)])
  t.deepEqual(results.map(brief), [
    [good, 'crl'],
    [revoked, 'crl'],
  ])
  t.is(at.site.seen.length, 1)
  const both = withOcsp(at, { extra: [crlPoints(at.site.url('/a.crl'))] })
  t.deepEqual(brief(await check(it, both)), [good, 'crl'])
})

test('a CRL that is expired, by somebody else or damaged is no answer', async t => {
  const at = await pki(t)
  const damaged = crlOf({ issuer: plainInter, entries: [plain] })
  damaged[damaged.length - 1]! ^= 1
  for (const crl of [crlOf({ issuer: plainInter, ...past }), crlOf({ issuer: root }), damaged, Buffer.from('junk')]) {
    const cert = withCrl(at)
    at.crl['/a.crl'] = crl
    t.deepEqual(brief(await check(revocation(), cert)), [good, 'none'])
    t.is((await check(revocation(), cert, { mode: 'hard' })).error?.code, noStatus)
  }
})

test('a short-lived certificate needs no answer, but a revocation counts', async t => {
  const at = await pki(t)
  const days = (count: number) => ({ notBefore: now - DAY, notAfter: now - DAY + count * DAY - 1000 })
  const hard = async (spec: CertSpec) =>
    (await check(revocation(), leaf(root, spec), { mode: 'hard', chain: [root] })).error?.code
  t.is(await hard(days(7)), undefined)
  t.is(await hard(days(7.1)), noStatus)
  const before = Date.UTC(2026, 2, 14)
  t.is(await hard({ notBefore: before, notAfter: before + 10 * DAY - 1000 }), undefined)
  t.is(await hard({ notBefore: before, notAfter: before + 10 * DAY }), noStatus)
  const cert = withOcsp(at, days(6), root)
  at.ocsp = () => ocspAnswer({ cert, issuer: root, status: 'revoked' })
  t.is((await check(revocation(), cert, { chain: [root] })).error?.code, revoked)
})

test('what the admin lists is refused first: leaf, authority or root, with a good staple or not', async t => {
  const staple = stapleOf(plain)
  for (const [i, cert] of [plain, plainInter, root].entries()) {
    const { list } = readRevocationList('bad.txt', Buffer.from(`sha256 ${facts(cert).fingerprint}`))
    const { error, source } = await check(revocation({ lists: [list!] }), plain, { staple })
    t.deepEqual([error?.code, source], [revoked, 'list'])
    t.is(/authority above it/.test(error!.detail), i > 0)
  }
})

test('lists can be replaced while connections come', async t => {
  const it = revocation()
  t.is((await check(it, plain)).error, null)
  it.replaceLists([readRevocationList('bad.txt', Buffer.from(`sha256 ${facts(plain).fingerprint}`)).list!])
  t.is((await check(it, plain)).error?.code, revoked)
})

test('an imported CRL answers for certificates that name no place to ask', async t => {
  const { list } = readRevocationList('own.crl', crlOf({ issuer: plainInter }))
  const { list: above } = readRevocationList('root.crl', crlOf({ issuer: root }))
  const it = revocation({ lists: [list!, above!] })
  t.deepEqual(brief(await check(it, plain, { mode: 'hard' })), [good, 'list'])
})

test('the answer belongs to the certificate: another one of the same name is asked about anew', async t => {
  const at = await pki(t)
  const a = withOcsp(at)
  const b = withOcsp(at)
  const it = revocation()
  at.ocsp = () => stapleOf(a)
  t.deepEqual(brief(await check(it, a)), [good, 'ocsp'])
  at.ocsp = () => stapleOf(b, { status: 'revoked' })
  t.is((await check(it, b)).error?.code, revoked)
})

test('an answer is refreshed at half of its life, behind the connection that notices', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  let clock = now
  const it = revocation({ now: () => clock })
  at.ocsp = () => stapleOf(cert, { thisUpdate: clock - 1000, nextUpdate: clock + 4 * 3_600_000 })
  await check(it, cert, { nowMs: clock })
  clock += 2 * 3_600_000 + 2000
  at.ocsp = () => stapleOf(cert, { status: 'revoked', thisUpdate: clock, nextUpdate: clock + 3_600_000 })
  t.deepEqual(brief(await check(it, cert, { nowMs: clock })), [good, 'ocsp'])
  while (it.counts.asking > 0) await new Promise(resolve => setTimeout(resolve, 5))
  t.is((await check(it, cert, { nowMs: clock })).error?.code, revoked)
})

test('a responder that dies takes nothing back while its answer holds', async t => {
  const at = await pki(t)
  const cert = withOcsp(at)
  let clock = now
  const it = revocation({ now: () => clock })
  at.ocsp = () => stapleOf(cert, { nextUpdate: now + 4 * 3_600_000 })
  await check(it, cert, { nowMs: clock })
  at.ocsp = null
  clock += 3 * 3_600_000
  await check(it, cert, { nowMs: clock })
  while (it.counts.asking > 0) await new Promise(resolve => setTimeout(resolve, 5))
  t.deepEqual(brief(await check(it, cert, { nowMs: clock, mode: 'hard', chain: [root] })), [good, 'ocsp'])
  clock = now + 4 * 3_600_000 + 1000
  t.is((await check(it, cert, { nowMs: clock, mode: 'hard', chain: [root] })).error?.code, noStatus)
})

test('a thousand certificates are asked about at a time, the next is not', async t => {
  const it = revocation({ fetch: () => () => {}, waitMs: { soft: 60_000, hard: 60_000 } })
  const template = facts(leaf(root, { extra: [authorityInfo({ ocsp: ['http://x.example/'] })] }))
  const issuer = facts(root)
  let told = 0
  for (let i = 0; i < 1003; i++) {
    const path = [{ ...template, fingerprint: String(i) }, issuer]
    it.check({ path, staple: null, nowMs: now, mode: 'hard' }, () => told++)
  }
  t.deepEqual([it.counts.asking, told], [1000, 3])
})

test('over real TLS: what a server staples arrives and is judged', async t => {
  const cert = leaf(plainInter, { san: ['dns:www.a.example'] })
  for (const [staple, expected] of [
    [stapleOf(cert), [good, 'staple']],
    [stapleOf(cert, { status: 'revoked' }), [revoked, 'staple']],
    [stapleOf(cert, past), [noStatus, 'none']],
    [null, [good, 'none']],
  ] as const) {
    const server = tls.createServer({ key: cert.keyPem, cert: cert.pem + plainInter.pem }, socket =>
      socket.on('error', () => {}).end(),
    )
    server.on('OCSPRequest', (_der, _issuer, done) => done(null, staple as Buffer))
    await new Promise<void>(resolve => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as AddressInfo
    const received = await new Promise<Buffer | null>((resolve, reject) => {
      let got: Buffer | null = null
      const socket = tls.connect({
        port,
        host: '127.0.0.1',
        servername: 'www.a.example',
        ca: root.pem,
        requestOCSP: true,
      })
      socket.on('OCSPResponse', bytes => {
        got = bytes
      })
      socket.on('secureConnect', () => {
        socket.destroy()
        resolve(got)
      })
      socket.on('error', reject)
    })
    server.close()
    t.deepEqual(brief(await check(revocation(), cert, { staple: received })), [...expected])
  }
})
