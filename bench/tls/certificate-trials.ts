import { CASES, type Case, INTER, isServable, NAME, ROOT, type World } from '../../test/pki/cases/index.ts'
import type { Cert } from '../../test/pki/certificate.ts'
import type { Trial } from './trial.ts'

/** The certificates of the unit tests, as far as they can be shown over TLS by a server that OpenSSL runs. */

export interface CertificateTrials {
  trials: Trial[]
  /** What clients and gateways trust, each once. */
  roots: Cert[]
  /** Cases that only a verifier by itself can be asked about. */
  left: number
}

/** Everybody trusts the same roots, so those of one case must not make another one's chain good. */
function isShared({ roots = [] }: World): boolean {
  return roots.includes(INTER)
}

/** Exceptions, fetched issuers and Weir's own CA are not what all three can be asked about. */
function isPlain(one: Case, world: World): boolean {
  const { allow, extra, own, nowMs, isPublic } = world
  return [allow, extra, own, nowMs, isPublic].every(each => each === undefined) && isServable(one, world)
}

export function certificateTrials(
  canServe: (leaf: Buffer, certPem: string, keyPem: string) => boolean,
): CertificateTrials {
  const trials: Trial[] = []
  const roots = new Set([ROOT])
  const taken = new Set<string>()
  for (const one of CASES) {
    const world = one.build()
    const name = world.name ?? NAME
    const address = /^[\d.]+$/.test(name) ? name : undefined
    const certPem = world.presented.map(cert => cert.pem).join('')
    const { keyPem } = world.presented[0]!
    // An address can only have one server here, and IPv6 is left to the unit tests.
    const hasPlace = !name.includes(':') && (address === undefined || !taken.has(address))
    if (!isPlain(one, world) || isShared(world) || !hasPlace || !canServe(world.presented[0]!.der, certPem, keyPem))
      continue
    if (address !== undefined) taken.add(address)
    for (const root of world.roots ?? []) roots.add(root)
    trials.push({
      class: one.class,
      title: one.title,
      expect: one.expect === null ? 'served' : 'refused',
      name,
      site: { certPem, keyPem },
      client: { kind: 'page' },
      ...(address !== undefined && { address }),
    })
  }
  return { trials, roots: [...roots], left: CASES.length - trials.length }
}
