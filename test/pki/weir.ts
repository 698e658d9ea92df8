import { RootStore } from '../../src/tls/roots.ts'
import { type ChainVerdict, verifyChain } from '../../src/tls/verify/chain.ts'
import { readPresented } from '../../src/tls/verify/presented.ts'
import { parseCertificate } from '../../src/tls/x509.ts'
import { NAME, NOW, ROOT, type World } from './cases/case.ts'

/** What Weir's verifier says of a chain. */
export function weirVerdict(world: World): Pick<ChainVerdict, 'error' | 'used'> {
  const { presented, error } = readPresented(world.presented.map(cert => cert.der))
  if (error !== null) return { error, used: [] }
  const roots = world.roots ?? [ROOT]
  const fingerprints = roots.map(root => parseCertificate(root.der)?.fingerprint ?? '')
  return verifyChain({
    presented,
    extra: (world.extra ?? []).map(cert => parseCertificate(cert.der)!),
    roots: new RootStore(
      roots.map(root => root.pem),
      (world.own ?? []).map(own => ({ certPem: own.pem })),
      new Set(world.isPublic ? fingerprints : []),
    ),
    name: world.name ?? NAME,
    nowMs: world.nowMs ?? NOW,
    allow: new Set(world.allow),
  })
}
