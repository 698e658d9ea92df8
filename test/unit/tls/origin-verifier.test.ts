import test from 'ava'
import type { OriginHandshake, OriginVerdict } from '../../../src/core/origin.ts'
import type { Allowance, TlsException } from '../../../src/core/tls-policy.ts'
import type { Fetch } from '../../../src/tls/fetch/fetch.ts'
import { OriginVerifier } from '../../../src/tls/origin-verifier.ts'
import { IssuerFetch } from '../../../src/tls/revocation/issuers.ts'
import { Revocation } from '../../../src/tls/revocation/revocation.ts'
import { RootStore } from '../../../src/tls/roots.ts'
import { parseCertificate } from '../../../src/tls/x509.ts'
import { authority, type Cert, DAY, leaf } from '../../pki/certificate.ts'
import { authorityInfo } from '../../pki/extensions.ts'

const NAME = 'www.a.example'
const SAN = [`dns:${NAME}`, 'dns:api.a.example']
const root = authority('Root')
const inter = authority('Intermediate', root)
const server = leaf(inter, { san: SAN })

/** What lies under an address; anything else cannot be had. */
function verifierWith(files: Record<string, Buffer> = {}, asked: string[] = []): OriginVerifier {
  const fetch: Fetch = ({ url }, done) => {
    asked.push(url)
    process.nextTick(() => done(files[url] === undefined ? 'not there' : null, files[url] ?? null))
    return () => {}
  }
  return new OriginVerifier({
    roots: new RootStore([root.pem]),
    issuers: new IssuerFetch(fetch),
    revocation: new Revocation({ fetch, lists: [] }),
    revocationMode: () => 'soft',
    now: Date.now,
  })
}

function handshake(chain: Cert[], more: Partial<OriginHandshake> = {}): OriginHandshake {
  return { chain: chain.map(cert => cert.der), staple: null, name: NAME, opensslError: null, exception: null, ...more }
}

function judged(verifier: OriginVerifier, shown: OriginHandshake): Promise<OriginVerdict> {
  return new Promise(resolve => verifier.verify(shown, resolve))
}

function exception(allow: Allowance[], only: TlsException['only'] = null): TlsException {
  return { host: NAME, allow: new Set(allow), until: Date.now() + DAY, reason: 'a scale', line: 7, only }
}

test('a good chain: at once, and for every name of the certificate', t => {
  let verdict: OriginVerdict | null = null
  verifierWith().verify(handshake([server, inter]), given => (verdict = given))
  t.like(verdict, { error: null, exception: '', revocation: 'none' })
  const { covers, validUntil } = verdict as unknown as OriginVerdict
  t.deepEqual([NAME, 'api.a.example', 'b.example'].map(covers), [true, true, false])
  t.true(validUntil > Date.now())
})

test('an intermediate that was left out is fetched, also two of them, and asked for once', async t => {
  const asked: string[] = []
  const files: Record<string, Buffer> = { 'http://a.test/inter': inter.der }
  const low = authority('Lower', inter, { extra: [authorityInfo({ issuers: ['http://a.test/inter'] })] })
  files['http://a.test/low'] = low.der
  const bare = leaf(low, { san: SAN, extra: [authorityInfo({ issuers: ['http://a.test/low'] })] })
  const verifier = verifierWith(files, asked)
  const opensslError = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
  t.is((await judged(verifier, handshake([bare], { opensslError }))).error, null)
  t.is((await judged(verifier, handshake([bare], { opensslError }))).error, null)
  t.deepEqual(asked, ['http://a.test/low', 'http://a.test/inter'])
})

test('what nobody waits for any more is fetched no further', async t => {
  const running = new Set<string>()
  const ends = new Map<string, () => void>()
  const fetch: Fetch = ({ url }, done) => {
    if (url.endsWith('down')) {
      done('it failed a short while ago', null)
      return () => {}
    }
    running.add(url)
    ends.set(url, () => running.delete(url) && done('not there', null))
    return () => running.delete(url)
  }
  const revocation = new Revocation({ fetch, lists: [] })
  const roots = new RootStore([root.pem])
  const issuers = new IssuerFetch(fetch)
  const verifier = new OriginVerifier({ roots, issuers, revocation, revocationMode: () => 'soft', now: Date.now })
  const urls = ['http://a.test/down', 'http://a.test/1', 'http://a.test/2']
  const bare = leaf(inter, { san: SAN, extra: [authorityInfo({ issuers: urls })] })
  const verdicts: OriginVerdict[] = []
  const shown = handshake([bare])
  verifier.verify(shown, verdict => verdicts.push(verdict))
  t.deepEqual([...running], ['http://a.test/1'])
  ends.get('http://a.test/1')!()
  t.deepEqual([...running], ['http://a.test/2'])
  shown.onAbandoned!()
  t.deepEqual([...running], [])
  t.is(verdicts.length, 0)

  const waited = handshake([bare])
  verifier.verify(waited, verdict => verdicts.push(verdict))
  for (const url of urls.slice(1)) ends.get(url)!()
  t.is(verdicts.length, 1)
  t.is(waited.onAbandoned, null)
})

test('what is fetched is only a candidate: a stranger, nonsense, nothing, or the same again end the search', async t => {
  const urls = ['http://a.test/1']
  const bare = leaf(inter, { san: SAN, extra: [authorityInfo({ issuers: urls })] })
  for (const file of [authority('Stranger').der, Buffer.from('no certificate'), undefined, bare.der]) {
    const asked: string[] = []
    const { error } = await judged(verifierWith(file && { 'http://a.test/1': file }, asked), handshake([bare]))
    t.is(error?.code, 'origin-cert-untrusted')
    t.true(asked.length <= 1)
    t.is(error?.chain?.length, 1, 'the page shows what there was')
  }
  let depth = 0
  const asked: string[] = []
  const endless: Fetch = (_request, done) => {
    asked.push('')
    const next = authority(`Level ${depth}`, authority(`Above ${depth}`), {
      extra: [authorityInfo({ issuers: [`http://a.test/${++depth}`] })],
    })
    done(null, next.der)
    return () => {}
  }
  const verifier = new OriginVerifier({
    roots: new RootStore([root.pem]),
    issuers: new IssuerFetch(endless),
    revocation: new Revocation({ fetch: endless, lists: [] }),
    revocationMode: () => 'soft',
    now: Date.now,
  })
  t.is((await judged(verifier, handshake([bare]))).error?.code, 'origin-cert-untrusted')
  t.true(asked.length <= 3)
})

test('what only OpenSSL objects to is refused, but not what it cannot know', async t => {
  const verifier = verifierWith()
  for (const code of [
    'CERT_SIGNATURE_FAILURE',
    'INVALID_PURPOSE',
    'UNSPECIFIED',
    'HOSTNAME_MISMATCH',
    'CERT_REVOKED',
  ]) {
    const { error } = await judged(verifier, handshake([server, inter], { opensslError: code }))
    t.is(error?.code, 'origin-cert-invalid', code)
    t.true(error!.detail.includes(code))
  }
  for (const code of ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN'])
    t.is((await judged(verifier, handshake([server, inter], { opensslError: code }))).error, null, code)
})

test('no certificate, a malformed one, malformed ones above a good one', async t => {
  const verifier = verifierWith()
  t.is((await judged(verifier, handshake([]))).error?.code, 'origin-cert-invalid')
  const broken = { ...handshake([server, inter]), chain: [server.der.subarray(0, -1), inter.der] }
  t.is((await judged(verifier, broken)).error?.code, 'origin-cert-invalid')
  const mixed = { ...handshake([]), chain: [server.der, Buffer.from('nonsense'), inter.der] }
  t.is((await judged(verifier, mixed)).error, null)
})

test('an exception lets in what it names, says so, and ends the verdict with itself', async t => {
  const expired = leaf(inter, { san: SAN, notBefore: Date.now() - 9 * DAY, notAfter: Date.now() - DAY })
  const verifier = verifierWith()
  const codeWith = async (given: TlsException | null) =>
    (await judged(verifier, handshake([expired, inter], { exception: given, opensslError: 'CERT_HAS_EXPIRED' }))).error
      ?.code ?? null
  t.is(await codeWith(null), 'origin-cert-expired')
  t.is(await codeWith(exception(['weak', 'name', 'old-tls', 'untrusted'])), 'origin-cert-expired')
  t.is(await codeWith(exception(['expired'])), null)
  const given = exception(['expired'])
  const verdict = await judged(verifier, handshake([expired, inter], { exception: given }))
  t.is(verdict.exception, 'expired (line 7: a scale)')
  t.true(verdict.validUntil <= given.until)
  t.is((await judged(verifier, handshake([server, inter], { exception: given }))).exception, '', 'not needed, not told')
})

test('a click past the warning holds for that very certificate and no other', async t => {
  const self = leaf(null, { san: SAN })
  const impostor = leaf(null, { san: SAN, serial: 99 })
  const { fingerprint } = parseCertificate(self.der)!
  const given = exception(['untrusted'], { client: '10.0.0.1', fingerprint })
  const verifier = verifierWith()
  const verdict = await judged(verifier, handshake([self], { exception: given }))
  t.like(verdict, { error: null, exception: 'untrusted (override)' })
  t.is((await judged(verifier, handshake([impostor], { exception: given }))).error?.code, 'origin-cert-untrusted')
})

test('a root that is distrusted proves nothing from then on', async t => {
  const verifier = verifierWith()
  t.is((await judged(verifier, handshake([server, inter]))).error, null)
  verifier.replaceRoots(new RootStore([authority('Another').pem]))
  t.is((await judged(verifier, handshake([server, inter]))).error?.code, 'origin-cert-untrusted')
})

test('a mistake of ours about a certificate refuses it and ends nothing else', async t => {
  const mistake = handshake([server, inter])
  Object.defineProperty(mistake, 'name', { get: () => undefined })
  const { error, covers } = await judged(verifierWith(), mistake)
  t.is(error?.code, 'self-internal')
  t.false(covers(NAME))
})
