import type { CertificateFacts } from '../x509.ts'
import { type Fault, invalid } from './fault.ts'

const ANY_POLICY = '2.5.29.32.0'

/**
 * RFC 5280 §6.1's policy processing, as far as it can refuse a chain: with every policy welcome at the start, it is only
 * asked whether one is left where a certificate demands one. Sets per level instead of a tree, whose size an attacker
 * could double with each certificate (RFC 9618). `path` is leaf first; its last certificate is the root.
 */
export function policyFault(path: readonly CertificateFacts[]): Fault | null {
  if (!path.some(cert => cert.requirePolicy >= 0 || cert.policyMappings.length > 0)) return null
  const state = new PolicyState(path.length)
  for (let i = path.length - 2; i >= 0; i--) {
    const cert = path[i]!
    if (cert.policyMappings.some(pair => pair.includes(ANY_POLICY)))
      return invalid(cert, 'it maps the policy that means every policy')
    state.descend(cert, i === 0)
    if (state.isMissing()) return invalid(cert, 'it was issued under no policy that the authorities above it demand')
  }
  return null
}

class PolicyState {
  /** Policies that the next certificate may claim; null: none is left. */
  #expected: Set<string> | null = new Set()
  #any = true
  #explicit: number
  #mapping: number
  #inhibitAny: number

  constructor(length: number) {
    this.#explicit = length
    this.#mapping = length
    this.#inhibitAny = length
  }

  isMissing(): boolean {
    return this.#explicit === 0 && this.#expected === null
  }

  descend(cert: CertificateFacts, isLeaf: boolean): void {
    const selfIssued = cert.subjectDer.equals(cert.issuerDer)
    this.#claim(cert, !isLeaf && selfIssued)
    // §6.1.5 (a), (b) for the leaf; §6.1.4 (b), (h)–(j) for all others.
    if (this.isMissing()) return
    if (!isLeaf) this.#map(cert)
    if (isLeaf || !selfIssued) {
      this.#explicit = Math.max(0, this.#explicit - 1)
      this.#mapping = Math.max(0, this.#mapping - 1)
      this.#inhibitAny = Math.max(0, this.#inhibitAny - 1)
    }
    if (isLeaf && cert.requirePolicy > 0) return
    if (cert.requirePolicy >= 0) this.#explicit = Math.min(this.#explicit, cert.requirePolicy)
    if (cert.inhibitMapping >= 0) this.#mapping = Math.min(this.#mapping, cert.inhibitMapping)
    if (cert.inhibitAnyPolicy >= 0) this.#inhibitAny = Math.min(this.#inhibitAny, cert.inhibitAnyPolicy)
  }

  /** §6.1.3 (d), (e). */
  #claim(cert: CertificateFacts, anyAlways: boolean): void {
    if (this.#expected === null) return
    const claimed = cert.policies ?? []
    const before = this.#expected
    const takesAny = claimed.includes(ANY_POLICY) && (this.#inhibitAny > 0 || anyAlways)
    const after = new Set(claimed.filter(policy => policy !== ANY_POLICY && (this.#any || before.has(policy))))
    if (takesAny) for (const policy of before) after.add(policy)
    this.#any &&= takesAny
    this.#expected = after.size > 0 || this.#any ? after : null
  }

  /** §6.1.4 (b). */
  #map(cert: CertificateFacts): void {
    if (this.#expected === null || cert.policyMappings.length === 0) return
    const from = new Set(cert.policyMappings.map(([issuers]) => issuers))
    const after = new Set([...this.#expected].filter(policy => !from.has(policy)))
    if (this.#mapping > 0) {
      for (const [issuers, subjects] of cert.policyMappings)
        if (this.#any || this.#expected.has(issuers)) after.add(subjects)
    }
    this.#expected = after.size > 0 || this.#any ? after : null
  }
}
