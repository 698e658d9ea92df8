import test from 'ava'
import { WeirError } from '../../../../src/core/errors.ts'
import { RootStore } from '../../../../src/tls/roots.ts'
import { type ChainVerdict, verifyChain } from '../../../../src/tls/verify/chain.ts'
import { readPresented } from '../../../../src/tls/verify/presented.ts'
import { parseCertificate } from '../../../../src/tls/x509.ts'
import { CASES, NAME, NOW, ROOT, type World } from '../../../pki/cases/index.ts'

function judge(world: World): Pick<ChainVerdict, 'error' | 'used'> {
  const { presented, error } = readPresented(world.presented.map(cert => cert.der))
  if (error !== null) return { error, used: [] }
  const roots = world.roots ?? [ROOT]
  const fingerprints = roots.map(root => parseCertificate(root.der)!.fingerprint)
  const store = new RootStore(
    roots.map(root => root.pem),
    (world.own ?? []).map(own => ({ certPem: own.pem })),
    new Set(world.isPublic ? fingerprints : []),
  )
  return verifyChain({
    presented,
    extra: (world.extra ?? []).map(cert => parseCertificate(cert.der)!),
    roots: store,
    name: world.name ?? NAME,
    nowMs: world.nowMs ?? NOW,
    allow: new Set(world.allow),
  })
}

for (const { class: kind, title, expect, build, words, used } of CASES) {
  test(`${kind}: ${title}`, t => {
    const verdict = judge(build())
    t.is(verdict.error?.code ?? null, expect, verdict.error?.detail)
    if (words) t.regex(verdict.error?.detail ?? '', words)
    if (used) t.deepEqual(verdict.used, used)
    if (verdict.error === null) return
    t.true(verdict.error instanceof WeirError)
    // One line for the log; nothing from a certificate can break out of it.
    t.regex(verdict.error.detail, /^[ -~“”’\p{Script=Latin}]+$/u)
  })
}

test('no two cases have the same title', t => {
  t.is(new Set(CASES.map(one => `${one.class} ${one.title}`)).size, CASES.length)
  t.true(CASES.length > 250)
})
