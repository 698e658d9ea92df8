import test from 'ava'
import type { Allowance } from '../../../../src/core/tls-policy.ts'
import { RootStore } from '../../../../src/tls/roots.ts'
import { type ChainVerdict, chainLinks, verifyChain } from '../../../../src/tls/verify/chain.ts'
import { isJudged, signatureIsGood, verifySigned } from '../../../../src/tls/verify/signature.ts'
import { type CertificateFacts, parseCertificate } from '../../../../src/tls/x509.ts'
import { ca, DAY, INTER, NAME, NOW, ROOT, server } from '../../../pki/cases/index.ts'
import { algorithmOf, type Cert, signed } from '../../../pki/certificate.ts'
import { spkiOf, testKey } from '../../../pki/keys.ts'

const facts = (cert: Cert): CertificateFacts => parseCertificate(cert.der)!

function judge(presented: Cert[], more: { roots?: Cert[]; allow?: Allowance[]; name?: string } = {}): ChainVerdict {
  return verifyChain({
    presented: presented.map(facts),
    extra: [],
    roots: new RootStore(
      (more.roots ?? [ROOT]).map(root => root.pem),
      [],
      new Set(),
    ),
    name: more.name ?? NAME,
    nowMs: NOW,
    allow: new Set(more.allow),
  })
}

test('a good verdict has the path from leaf to root and its first end of life', t => {
  const inter = ca('Short', ROOT, { notAfter: NOW + 2 * DAY })
  const own = server(inter)
  const verdict = judge([own, ca('Stranger'), inter])
  t.is(verdict.error, null)
  t.deepEqual(
    verdict.path.map(one => one.der),
    [own.der, inter.der, ROOT.der],
  )
  t.is(verdict.validUntil, NOW + 2 * DAY)
  t.deepEqual(verdict.missing, [])
})

test('what had to be overlooked is not relied on for long', t => {
  const verdict = judge([server(INTER, { notAfter: NOW - DAY }), INTER], { allow: ['expired'] })
  t.is(verdict.error, null)
  t.true(verdict.validUntil > NOW && verdict.validUntil <= NOW + 3600_000)
})

test('the error says in one line which certificate and which rule, and the chain marks the culprit', t => {
  const inter = ca('Weak Intermediate', ROOT, { keys: testKey('rsa:1024') })
  const { error, validUntil } = judge([server(inter), inter])
  t.is(error?.code, 'origin-cert-weak')
  t.is(error?.detail, 'The certificate above it, “Weak Intermediate”: its RSA key has only 1024 bits.')
  t.is(validUntil, 0)
  const chain = error!.chain!
  t.deepEqual(
    chain.map(link => link.subject),
    ['CN=leaf', 'CN=Weak Intermediate', 'CN=Good Root'],
  )
  t.deepEqual(
    chain.map(link => link.fault),
    ['', 'its RSA key has only 1024 bits', ''],
  )
  t.deepEqual(
    chain.map(link => link.key),
    ['ECDSA P-256', 'RSA 1024', 'ECDSA P-256'],
  )
  t.is(chain[0]!.signature, 'SHA-256 with RSA')
  t.deepEqual(chain[0]!.names, [NAME])
  t.is(chain[0]!.fingerprint.length, 64)
})

test('of several broken rules the one that no exception helps against is told', t => {
  const own = server(null, { notAfter: NOW - DAY, san: ['dns:b.example'], keys: testKey('rsa:1024') })
  t.is(judge([own]).error?.code, 'origin-cert-weak')
  t.is(judge([own], { allow: ['weak'] }).error?.code, 'origin-cert-untrusted')
  t.is(judge([own], { allow: ['weak', 'untrusted'] }).error?.code, 'origin-cert-name')
  t.is(judge([own], { allow: ['weak', 'untrusted', 'name'] }).error?.code, 'origin-cert-expired')
  const all = judge([own], { allow: ['weak', 'untrusted', 'name', 'expired'] })
  t.is(all.error, null)
  t.deepEqual([...all.used].sort(), ['expired', 'name', 'untrusted', 'weak'])
})

test('certificates whose issuer is not at hand are told, each once', t => {
  const missing = ca('Missing', ROOT)
  const lower = ca('Lower', missing)
  const verdict = judge([server(lower), lower, lower])
  t.is(verdict.error?.code, 'origin-cert-untrusted')
  t.deepEqual(
    verdict.missing.map(one => one.der),
    [lower.der],
  )
})

test('hostile text in a certificate stays one short printable line', t => {
  const evil = ca(`<script>\u202e\r\nSet-Cookie: x${'A'.repeat(300)}`)
  const own = server(evil, {
    san: ['dns:a\r\nb<i>.example', `dns:${'x'.repeat(3000)}`],
    subject: '“\u0000\u2028& Müller',
  })
  for (const name of [NAME, 'a"b<c>\r\n']) {
    const { error } = judge([own, evil], { name, allow: ['untrusted'] })
    t.is(error?.code, 'origin-cert-name')
    const everything = JSON.stringify(error!.chain) + error!.detail
    t.notRegex(error!.detail, /[\0-\x1f<>&\u202e\u2028]/)
    t.notRegex(everything.replaceAll('\\"', ''), /[\0-\x1f<>&\u202e\u2028]/)
    t.true(error!.detail.length < 600, error!.detail)
    t.regex(error!.detail, /Müller/)
  }
})

test('a chain to look at is bounded', t => {
  const names = Array.from({ length: 500 }, (_, i) => `dns:n${i}.example`)
  const big = facts(server(INTER, { san: names }))
  const links = chainLinks(
    Array.from({ length: 100 }, () => big),
    { cert: big, words: 'why' },
  )
  t.is(links.length, 20)
  t.is(links[0]!.names.length, 50)
})

test('signatures: remembered verdicts are those of the octets, not of the names', t => {
  const [one, two] = [ca('Same'), ca('Same')]
  const own = facts(server(one))
  t.true(signatureIsGood(own, facts(one)))
  t.false(signatureIsGood(own, facts(two)))
  t.true(signatureIsGood(own, facts(one)))
  t.true(signatureIsGood(own, parseCertificate(one.der)!))
})

test('signatures of any kind of piece: SHA-1 and small keys are weak unless an exception lowers the floor', t => {
  const piece = Buffer.from('an OCSP answer')
  const verdict = (kind: 'rsa:1024' | 'rsa:2048' | 'p256', digest: 'sha1' | 'sha256' | 'md5', floor?: 'legacy') => {
    const keys = testKey(kind)
    const algorithm = algorithmOf(keys, { digest })
    return verifySigned(piece, algorithm, signed(piece, keys, { digest }), spkiOf(keys), floor)
  }
  t.is(verdict('p256', 'sha256'), 'good')
  t.is(verdict('rsa:2048', 'sha256'), 'good')
  t.is(verdict('rsa:2048', 'sha1'), 'weak')
  t.is(verdict('rsa:1024', 'sha256'), 'weak')
  t.is(verdict('rsa:2048', 'sha1', 'legacy'), 'good')
  t.is(verdict('rsa:1024', 'sha256', 'legacy'), 'good')
  t.is(verdict('rsa:2048', 'md5', 'legacy'), 'weak')
  const keys = testKey('p256')
  const signature = signed(piece, keys)
  t.is(verifySigned(Buffer.from('another'), algorithmOf(keys, {}), signature, spkiOf(keys)), 'bad')
  t.is(verifySigned(piece, algorithmOf(keys, {}), signature, spkiOf(testKey('rsa:2048'))), 'bad')
  t.is(verifySigned(piece, Buffer.alloc(0), signature, spkiOf(keys)), 'unsupported')
  t.is(verifySigned(piece, algorithmOf(keys, {}), signature, Buffer.alloc(0)), 'unsupported')
  t.is(verifySigned(piece, algorithmOf(keys, {}), Buffer.alloc(0), spkiOf(keys)), 'bad')
})

test('at most 32 signatures are computed for one chain, whatever the server sends', t => {
  // 19 issuers of the right name, none of which made the signature, above each of which there is nothing
  const impostors = Array.from({ length: 19 }, () => ca('Impostor', null, { without: ['2.5.29.14', '2.5.29.35'] }))
  const own = server(ca('Impostor'), { without: ['2.5.29.35'] })
  t.is(judge([own, ...impostors]).error?.code, 'origin-cert-signature')
  // Six names in a ring, each certified by every other: paths without number
  const ring = Array.from({ length: 6 }, (_, i) => ca(`Ring ${i}`))
  const certify = (to: Cert, from: Cert) => ca(String(to.spec.subject), from, { keys: to.keys })
  const knot = ring.flatMap(to => ring.filter(from => from !== to).map(from => certify(to, from)))
  const presented = [server(ring[0]!), ...knot]
  t.truthy(judge(presented).error)
  const all = presented.map(facts)
  const computed = all.flatMap(child => all.filter(issuer => isJudged(child, issuer, 'legacy')))
  t.true(computed.length > 5 && computed.length <= 32, String(computed.length))
})
