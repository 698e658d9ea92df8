import type { KeyObject } from 'node:crypto'
import type { NameLimits } from './name-limits.ts'

/** The public side of the interception CA. */
export interface CaPublic {
  certPem: string
  certDer: Buffer
  /** Lower-case hex of the SHA-256 over the DER. */
  sha256: string
  subject: string
  /**
   * Milliseconds since the epoch. Of an intermediate: the time in which its whole chain is valid, because nothing that it
   * signs is accepted outside of that.
   */
  notBefore: number
  notAfter: number
  /** What clients are sent after the leaf, in this order; '' when they need nothing more than their own copy of a root. */
  chainPem: string
  /** What devices must trust: the certificate itself, or the root above an imported intermediate. */
  rootPem: string
  /** Brought in by the admin, not made on this box. */
  imported: boolean
  /** Of the certificate and everything above it: a name must be inside each of them. */
  limits: NameLimits[]
}

export type CaSignatureAlgorithm = 'ecdsa-sha256' | 'ecdsa-sha384' | 'rsa-sha256'

/** The CA with its key: only ever in the supervisor and in commands typed by the admin. */
export interface Ca {
  public: CaPublic
  key: KeyObject
  /** The one that belongs to the key. */
  signatureAlgorithm: CaSignatureAlgorithm
}

/** A minted leaf: its key stays in the worker that asked. */
export interface LeafCertificate {
  name: string
  certPem: string
  notBefore: number
  notAfter: number
}
