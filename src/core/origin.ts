import type { WeirError } from './errors.ts'
import type { TlsException } from './tls-policy.ts'

/** A finished full handshake with an origin, before a byte of a request was sent: what a verdict is made on. */
export interface OriginHandshake {
  /** DER, as the server sent them, its own first. */
  chain: Buffer[]
  /** The OCSP response stapled to it (RFC 6066 §8), or null. */
  staple: Buffer | null
  /** Lower case without final dot, or an address. */
  name: string
  /** What OpenSSL found wrong with the chain (`CERT_HAS_EXPIRED`), or null. */
  opensslError: string | null
  exception: TlsException | null
  /** Set by the judge as long as he fetches what the server left out: to be called when nobody waits for the verdict. */
  onAbandoned?: (() => void) | null
}

/** About one certificate seen on one connection; never about a name. */
export interface OriginVerdict {
  /** null: the certificate proves the name. */
  error: WeirError | null
  /** Until when a resumed session may rest on it (ms). */
  validUntil: number
  /** The exception it needed, in words for the log; ''. */
  exception: string
  /** What says that it is not revoked: `staple`, `ocsp`, `crl`, `list`, `none`. */
  revocation: string
  /** Does the certificate speak for that host too? */
  covers: (host: string) => boolean
}
