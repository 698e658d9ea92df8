/** The public side of the interception CA. */
export interface CaPublic {
  certPem: string
  certDer: Buffer
  /** Lower-case hex of the SHA-256 over the DER. */
  sha256: string
  subject: string
  /** Milliseconds since the epoch. */
  notBefore: number
  notAfter: number
}

/** A minted leaf: its key stays in the worker that asked. */
export interface LeafCertificate {
  name: string
  certPem: string
  notBefore: number
  notAfter: number
}
