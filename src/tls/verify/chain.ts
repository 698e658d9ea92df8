import type { WeirError } from '../../core/errors.ts'
import type { Allowance } from '../../core/tls-policy.ts'
import { certificateCovers } from '../match.ts'
import type { RootStore } from '../roots.ts'
import type { CertificateFacts } from '../x509.ts'
import { constraintFault, MAX_COMPARISONS } from './constraints.ts'
import { type Fault, invalid, severity, toError } from './fault.ts'
import { type PathEnd, PathSearch } from './path.ts'
import { policyFault } from './policies.ts'
import { type Circumstances, intermediateFaults, leafFaults, rootFaults } from './rules.ts'
import { judgeSignature } from './signature.ts'

export { chainLinks } from './links.ts'

export interface ChainInput {
  /** As the server sent them, its own first; at least that one. */
  presented: CertificateFacts[]
  /** Fetched or remembered intermediates. */
  extra: CertificateFacts[]
  roots: RootStore
  /** Lower case without final dot, or an address. */
  name: string
  nowMs: number
  allow: ReadonlySet<Allowance>
}

export interface ChainVerdict {
  /** null: the certificate proves the name. */
  error: WeirError | null
  /** Leaf first, root last; on error the best that was found. */
  path: CertificateFacts[]
  /** Whose issuer was not at hand: their caIssuerUrls may help. */
  missing: CertificateFacts[]
  /** The first end of life in the path (ms); of an expired one, an hour from now. */
  validUntil: number
  /** What had to be overlooked. */
  used: Allowance[]
}

const MAX_MISSING = 8
const HOUR = 3600_000

/** What is the same for every path of one verdict. */
interface Ground {
  input: ChainInput
  isCovered: boolean
  budget: { comparisons: number }
}

interface Found {
  path: CertificateFacts[]
  /** The worst fault that may not be overlooked; null: a path that holds. */
  worst: Fault | null
  used: Allowance[]
}

/**
 * Does the chain prove the name, by the rules of RFC 5280 §6 and of browsers? Pure, bounded, and it never throws. Every
 * path is judged until one has no fault at all; else one counts whose faults may all be overlooked; else the least bad
 * path's worst fault is the error.
 */
export function verifyChain(input: ChainInput): ChainVerdict {
  const leaf = input.presented[0]!
  const missing: CertificateFacts[] = []
  const ground: Ground = {
    input,
    isCovered: certificateCovers(leaf, input.name),
    budget: { comparisons: MAX_COMPARISONS },
  }
  let best: Found | null = null
  const search = new PathSearch(input.presented, input.extra, input.roots, (path, end) => {
    const top = path[path.length - 1]!
    if (end === 'missing' && missing.length < MAX_MISSING && !missing.includes(top)) missing.push(top)
    const found = judgePath(path, end, ground)
    if (best === null || isBetter(found, best)) best = found
    return found.worst === null && found.used.length === 0
  })
  search.run(leaf)
  const { path, worst, used } = best ?? judgePath([leaf], 'bounds', ground)
  if (worst !== null) {
    // The page shows what the server sent where that tells more than the path.
    const shown = path.length > 1 ? path : input.presented
    return { error: toError(worst, shown), path, missing, validUntil: 0, used: [] }
  }
  return { error: null, path, missing: [], validUntil: firstEnd(path, input.nowMs), used }
}

function isBetter(a: Found, b: Found): boolean {
  const difference = severity(a.worst) - severity(b.worst)
  return difference !== 0 ? difference < 0 : a.used.length < b.used.length
}

function judgePath(path: readonly CertificateFacts[], end: PathEnd, ground: Ground): Found {
  const { input } = ground
  const faults = faultsOf(path, end, ground)
  let worst: Fault | null = null
  const used = new Set<Allowance>()
  for (const fault of faults) {
    if (fault.allowance !== null && input.allow.has(fault.allowance)) used.add(fault.allowance)
    else if (severity(fault) > severity(worst)) worst = fault
  }
  // Nothing above may lead to trust without this: each one is signed by the next, and that was computed.
  if (worst === null) worst = unproved(path)
  return { path: [...path], worst, used: [...used] }
}

function faultsOf(path: readonly CertificateFacts[], end: PathEnd, { input, isCovered, budget }: Ground): Fault[] {
  const last = path.length - 1
  const root = path[last]!
  const isRooted = end === 'root'
  const at: Circumstances = {
    name: input.name,
    isCovered,
    nowMs: input.nowMs,
    oldTls: input.allow.has('old-tls'),
    isPublic: isRooted && input.roots.isPublic(root),
  }
  // A leaf that signed itself stands or falls by being trusted as it is: nobody else vouches for it.
  const faults = leafFaults(path[0]!, at, last === 0 && (isRooted || end === 'self'))
  for (let i = 1; i < last; i++) faults.push(...intermediateFaults(path[i]!, at))
  const standsAlone = isRooted || end === 'self' || end === 'own'
  if (last > 0) faults.push(...(standsAlone ? rootFaults(root, at) : intermediateFaults(root, at)))
  for (const cert of path) if (cert.fault !== '') faults.push(invalid(cert, cert.fault))
  const constraint = constraintFault(path, budget) ?? policyFault(path)
  if (constraint !== null) faults.push(constraint)
  // Who shows Weir's own key has stolen it.
  if (input.roots.isOwnKey(path[0]!.spkiDer)) faults.push(ownFault(path[0]!))
  const ending = endFault(root, end, last)
  if (ending !== null) faults.push(ending)
  return faults
}

function endFault(top: CertificateFacts, end: PathEnd, depth: number): Fault | null {
  const untrusted = (words: string): Fault => ({
    code: 'origin-cert-untrusted',
    cert: top,
    words,
    allowance: 'untrusted',
  })
  switch (end) {
    case 'root':
      return null
    case 'self':
      return untrusted(depth === 0 ? 'it is self-signed' : 'it is a root that is not trusted here')
    case 'missing':
      return untrusted('its issuer is not trusted here, or the server left out a certificate')
    case 'own':
      return ownFault(top)
    case 'forged':
      return { code: 'origin-cert-signature', cert: top, words: 'its signature is wrong', allowance: null }
    case 'bounds':
      return invalid(top, 'the chain above it is too long or too tangled')
  }
}

/** A device that was let past its warning would otherwise take us for the origin. */
function ownFault(cert: CertificateFacts): Fault {
  const words = 'it is the authority of this gateway, which proves nothing about a web server'
  return { code: 'origin-cert-untrusted', cert, words, allowance: null }
}

function unproved(path: readonly CertificateFacts[]): Fault | null {
  for (let i = 1; i < path.length; i++) {
    const [child, issuer] = [path[i - 1]!, path[i]!]
    if (!child.issuerDer.equals(issuer.subjectDer) || judgeSignature(child, issuer, 'legacy') !== 'good')
      return { code: 'origin-cert-signature', cert: child, words: 'its signature is not proved', allowance: null }
  }
  return null
}

function firstEnd(path: readonly CertificateFacts[], nowMs: number): number {
  const ends = path.map(cert => cert.notAfter).filter(end => end >= nowMs)
  return ends.length === path.length ? Math.min(...ends) : Math.min(nowMs + HOUR, ...ends)
}
