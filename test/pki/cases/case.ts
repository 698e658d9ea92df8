import type { ErrorCode } from '../../../src/core/errors.ts'
import type { Allowance } from '../../../src/core/tls-policy.ts'
import { authority, type Cert, type CertSpec, leaf } from '../certificate.ts'

/** What a verifier is given; everything but the certificates has a default. */
export interface World {
  /** In the server's order, its own first. */
  presented: Cert[]
  /** ROOT when missing. */
  roots?: Cert[]
  /** Fetched intermediates: only Weir's verifier knows of them. */
  extra?: Cert[]
  /** Weir's own CA. */
  own?: Cert[]
  /** Browsers ship the roots. */
  isPublic?: boolean
  name?: string
  nowMs?: number
  allow?: Allowance[]
}

export interface Case {
  class: 'chain' | 'name' | 'time' | 'usage' | 'constraints' | 'form' | 'signature' | 'key'
  /** With the clause of the rule. */
  title: string
  /** null: it is good. */
  expect: ErrorCode | null
  build: () => World
  /** Part of the detail, where it matters that this very rule was the reason. */
  words?: RegExp
  /** What had to be overlooked. */
  used?: Allowance[]
  /** Only for verifiers that can be told what time it is. */
  timed?: boolean
}

export const NAME = 'www.a.example'
export const SAN = [`dns:${NAME}`]
/** A whole second, as certificates have them; the certificates are valid for some days around it, so they can be served too. */
export const NOW = Math.floor(Date.now() / 1000) * 1000
export const DAY = 24 * 3600_000

/** Valid around NOW; certificates made by these functions are too. */
const VALID = { notBefore: NOW - 10 * DAY, notAfter: NOW + 30 * DAY }
export const ca = (subject: string, issuer: Cert | null = null, spec: CertSpec = {}): Cert =>
  authority(subject, issuer, { ...VALID, ...spec })
export const server = (issuer: Cert | null, spec: CertSpec = {}): Cert => leaf(issuer, { ...VALID, san: SAN, ...spec })

export const ROOT = ca('Good Root')
export const INTER = ca('Good Intermediate', ROOT)

/** The usual chain with something changed in the leaf. */
export const withLeaf = (spec: CertSpec) => (): World => ({ presented: [server(INTER, spec), INTER] })

/** The usual chain with something changed in the intermediate. */
export const withInter =
  (spec: CertSpec, leafSpec: CertSpec = {}) =>
  (): World => {
    const inter = ca('Intermediate', ROOT, spec)
    return { presented: [server(inter, leafSpec), inter] }
  }

/** A leaf below a root with something changed in the root. */
export const withRoot =
  (spec: CertSpec, leafSpec: CertSpec = {}) =>
  (): World => {
    const root = ca('Other Root', null, spec)
    return { presented: [server(root, leafSpec)], roots: [root] }
  }
