import { canonicalName, emailsIn, isWithin } from '../directory-name.ts'
import { type GeneralNames, KIND } from '../general-name.ts'
import type { CertificateFacts } from '../x509.ts'
import { type Fault, invalid } from './fault.ts'

/** Names times subtrees, over all paths of a verdict; real chains need some hundreds. 20 ms at worst. */
export const MAX_COMPARISONS = 1 << 16
/** Reading a directory name costs as much as so many comparisons. */
const DIRECTORY_PRICE = 16
const SUPPORTED = (1 << KIND.dns) | (1 << KIND.ip) | (1 << KIND.email) | (1 << KIND.uri) | (1 << KIND.directory)

/**
 * Name constraints (RFC 5280 §4.2.1.10, §6.1.3 (b), (c)) and path lengths (§6.1.4 (l), (m)) of a path, leaf first.
 * Every authority binds all certificates below it, but for those that an authority issued to itself. `budget` is used up.
 */
export function constraintFault(path: readonly CertificateFacts[], budget: { comparisons: number }): Fault | null {
  let authoritiesBelow = 0
  for (let i = 1; i < path.length; i++) {
    const issuer = path[i]!
    if (issuer.pathLen >= 0 && authoritiesBelow > issuer.pathLen)
      return invalid(issuer, `it allows ${issuer.pathLen} authorities below it, but there are ${authoritiesBelow}`)
    if (!isSelfIssued(issuer)) authoritiesBelow++
    const limits = issuer.nameConstraints
    if (limits === null) continue
    for (let below = 0; below < i; below++) {
      const cert = path[below]!
      if (below > 0 && isSelfIssued(cert)) continue
      budget.comparisons -= price(cert, limits.permitted, limits.excluded)
      if (budget.comparisons < 0) return invalid(issuer, 'its name constraints are too many')
      const words = brokenLimit(cert, limits)
      if (words !== '') return invalid(cert, words)
    }
  }
  return null
}

function isSelfIssued(cert: CertificateFacts): boolean {
  return cert.subjectDer.equals(cert.issuerDer)
}

function price(cert: CertificateFacts, permitted: GeneralNames, excluded: GeneralNames): number {
  const names = cert.altNames === null ? 0 : count(cert.altNames)
  return (count(permitted) + count(excluded)) * (1 + names)
}

function count({ dns, ip, email, uri, directory }: GeneralNames): number {
  return dns.length + ip.length + email.length + uri.length + directory.length * DIRECTORY_PRICE
}

function brokenLimit(cert: CertificateFacts, limits: NonNullable<CertificateFacts['nameConstraints']>): string {
  const { permitted, excluded } = limits
  const names = cert.altNames
  // RFC 5280 §4.2.1.10: a limit on a kind of name that is not understood here refuses every certificate with such a name.
  if (((permitted.kinds | excluded.kinds) & (names?.kinds ?? 0) & ~SUPPORTED) !== 0)
    return 'it has a name of a kind that an authority above it limits in a way unknown here'
  return (
    judge(names?.dns ?? [], permitted.dns, excluded.dns, permitted.kinds, KIND.dns, dnsWithin) ||
    judge(names?.ip ?? [], permitted.ip, excluded.ip, permitted.kinds, KIND.ip, ipWithin) ||
    judge(emails(cert, limits), permitted.email, excluded.email, permitted.kinds, KIND.email, emailWithin) ||
    judge(names?.uri ?? [], permitted.uri, excluded.uri, permitted.kinds, KIND.uri, uriWithin) ||
    judgeDirectory(cert, permitted, excluded)
  )
}

type Within<T> = (name: T, subtree: T, excluding: boolean) => boolean

function judge<T>(names: T[], inside: T[], outside: T[], kinds: number, kind: number, within: Within<T>): string {
  const limited = (kinds & (1 << kind)) !== 0
  for (const name of names) {
    if (outside.some(subtree => within(name, subtree, true))) return 'an authority above it may not issue for its name'
    if (limited && !inside.some(subtree => within(name, subtree, false)))
      return 'an authority above it may issue for other names only'
  }
  return ''
}

/** RFC 5280 §4.2.1.10: the subject field counts as a name of this kind whenever it is not empty. */
function judgeDirectory(cert: CertificateFacts, permitted: GeneralNames, excluded: GeneralNames): string {
  if (((permitted.kinds | excluded.kinds) & (1 << KIND.directory)) === 0) return ''
  const subject = canonicalName(cert.subjectDer)
  const names = (cert.altNames?.directory ?? []).map(canonicalName)
  if (subject === null || subject.length > 0) names.push(subject)
  const inside = permitted.directory.map(canonicalName)
  const outside = excluded.directory.map(canonicalName)
  return judge(names, inside, outside, permitted.kinds, KIND.directory, (name, subtree, excluding) =>
    // What cannot be read is inside of what is forbidden and outside of what is allowed.
    name === null || subtree === null ? excluding : isWithin(name, subtree),
  )
}

/** RFC 5280 §4.2.1.10: without rfc822Names, the subject's emailAddress attributes are limited. */
function emails(cert: CertificateFacts, limits: NonNullable<CertificateFacts['nameConstraints']>): string[] {
  if (((limits.permitted.kinds | limits.excluded.kinds) & (1 << KIND.email)) === 0) return []
  return cert.altNames?.email.length ? cert.altNames.email : emailsIn(cert.subjectDer)
}

/** By labels from the right. `.a.example` means only what is below, as all browsers read it. */
function dnsWithin(name: string, subtree: string, excluding: boolean): boolean {
  const host = lower(name)
  const base = lower(subtree)
  if (base === '') return true
  // A wildcard stands for names on both sides of a subtree deeper than its own domain: `*.a.example`, `x.a.example`.
  if (
    excluding &&
    host.startsWith('*.') &&
    base.endsWith(host.slice(1)) &&
    !base.slice(0, -host.length + 1).includes('.')
  )
    return true
  return base.startsWith('.') ? host.endsWith(base) : host === base || host.endsWith(`.${base}`)
}

function lower(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}

function ipWithin(addr: Buffer, range: Buffer): boolean {
  if (range.length !== 2 * addr.length) return false
  for (let i = 0; i < addr.length; i++)
    if ((addr[i]! & range[addr.length + i]!) !== (range[i]! & range[addr.length + i]!)) return false
  return true
}

/** A mailbox, all of a host, or (with a leading dot) all below a domain. */
function emailWithin(address: string, subtree: string, excluding: boolean): boolean {
  const at = address.lastIndexOf('@')
  // Quoted local parts may hold an @: not guessed at.
  if (at < 1 || address.indexOf('@') !== at) return excluding
  if (subtree.includes('@')) {
    // The local part of a forbidden mailbox is compared without case: the mailbox is the same one for most servers.
    return excluding ? address.toLowerCase() === subtree.toLowerCase() : sameMailbox(address, subtree)
  }
  const host = lower(address.slice(at + 1))
  const base = lower(subtree)
  return base.startsWith('.') ? host.endsWith(base) : base === '' || host === base
}

function sameMailbox(a: string, b: string): boolean {
  const at = a.lastIndexOf('@')
  return a.slice(0, at) === b.slice(0, at) && b[at] === '@' && lower(a.slice(at)) === lower(b.slice(at))
}

/** The host of the URI; one without a host name (an address, none) is not allowed by any subtree (RFC 5280 §4.2.1.10). */
function uriWithin(uri: string, subtree: string, excluding: boolean): boolean {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([a-z0-9_.-]+)(?::\d*)?(?:[/?#]|$)/i.exec(uri)?.[1]
  if (host === undefined || /^[\d.]+$/.test(host)) return excluding
  const base = lower(subtree)
  return base.startsWith('.') ? lower(host).endsWith(base) : base === '' || lower(host) === base
}
