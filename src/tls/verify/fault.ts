import { type ErrorCode, WeirError } from '../../core/errors.ts'
import type { Allowance } from '../../core/tls-policy.ts'
import type { CertificateFacts } from '../x509.ts'
import { callName, chainLinks } from './links.ts'

/** One broken rule of one certificate. */
export interface Fault {
  code: ErrorCode
  cert: CertificateFacts
  /** In plain words, after the certificate's name: `it expired on 2026-01-01`. */
  words: string
  /** The exception under which it may be overlooked; null: none. */
  allowance: Allowance | null
}

/** The worst first: what no exception helps against is told before what one would help against. */
const RANKS: ErrorCode[] = [
  'origin-cert-signature',
  'origin-cert-invalid',
  'origin-cert-weak',
  'origin-cert-untrusted',
  'origin-cert-name',
  'origin-cert-expired',
]

/** Bigger is worse; 0 for none. */
export function severity(fault: Fault | null): number {
  if (fault === null) return 0
  return (RANKS.length - RANKS.indexOf(fault.code)) * 2 + (fault.allowance === null ? 1 : 0)
}

export function invalid(cert: CertificateFacts, words: string): Fault {
  return { code: 'origin-cert-invalid', cert, words, allowance: null }
}

/** The error with the whole chain to look at; the detail is one line that says which certificate and which rule. */
export function toError(fault: Fault, chain: readonly CertificateFacts[]): WeirError {
  const place = chain[0] === fault.cert ? 'Its own certificate' : 'The certificate above it,'
  const error = new WeirError(fault.code, `${place} “${callName(fault.cert)}”: ${fault.words}.`)
  error.chain = chainLinks(chain, fault)
  return error
}
