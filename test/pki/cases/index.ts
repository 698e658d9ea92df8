/**
 * Chains right and wrong, by class, each with the verdict that a careful browser would give: for Weir's own tests and for
 * comparisons with other verifiers. `build()` is called once a use and needs no clean-up; a certificate that its maker
 * could not have a private key for (an RSA modulus made up) cannot be served over TLS, see isServable().
 */
import type { Case, World } from './case.ts'
import { chainCases } from './chain.ts'
import { constraintCases } from './constraints.ts'
import { formCases } from './form.ts'
import { keyCases } from './key.ts'
import { nameCases } from './name.ts'
import { signatureCases } from './signature.ts'
import { timeCases } from './time.ts'
import { usageCases } from './usage.ts'

export * from './case.ts'

export const CASES: readonly Case[] = [
  ...chainCases,
  ...nameCases,
  ...timeCases,
  ...usageCases,
  ...constraintCases,
  ...formCases,
  ...signatureCases,
  ...keyCases,
]

/** Can a TLS server be run with it and a client be asked: is the leaf's private key at hand, and now the time? */
export function isServable({ timed }: Case, { presented }: World): boolean {
  return presented[0]!.spec.spki === undefined && timed !== true
}
