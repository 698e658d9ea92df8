import type { Decision } from './decision.ts'
import type { HandshakeOutcome } from './tls-policy.ts'

export type Protocol = 'tls' | 'h1' | 'h2' | 'other' | 'none'

/** What the ClientHello told, for policy, log and upstream ALPN. */
export interface HelloFacts {
  /** Lower case, no final dot; null when the client named none (or only ECH's outer name counts: see `ech`). */
  sni: string | null
  alpn: string[]
  /** Highest version offered, e.g. 0x0304. */
  maxVersion: number
  /** An encrypted_client_hello extension was there (GREASE looks the same). */
  ech: boolean
  /** Signature schemes offered include ECDSA with P-256. */
  ecdsa: boolean
  /** A server name was sent that is no host name (NUL, `*`, a slash, over-long): nothing is minted for it. */
  badName: boolean
  /** An address was sent where a name belongs (RFC 6066 §3), as sent: good only if it is the destination; null. */
  sniAddress: string | null
  /** Fingerprints of the hello: 32 hex digits; `t13d1516h2_8daaf6152771_b186095e22b6`. */
  ja3: string
  ja4: string
}

/** State of one client connection: the only place for it, so nothing is hung on sockets. */
export class Conn {
  /** Unique in the database: worker start time and counter make it so (`<base36>-<n>`). */
  readonly id: string
  readonly clientAddr: string
  readonly clientPort: number
  /** Original destination: where the client wanted to go. */
  readonly dstAddr: string
  readonly dstPort: number
  /** Which way in: `tproxy`. */
  readonly ingress: string
  readonly startedAt: number
  readonly startedMono: number
  protocol: Protocol = 'none'
  hello: HelloFacts | null = null
  /** SNI, or Host on plain HTTP: what the first bytes named; null when they named nothing. */
  host: string | null = null
  decision: Decision | null = null
  /** After the client's handshake with us, e.g. `TLSv1.3`. */
  clientTlsVersion = ''
  clientCipher = ''
  clientAlpn = ''
  /** Of the latest connection to the origin, e.g. `TLSv1.3`; '' when there was none. */
  originTlsVersion = ''
  /** Spliced bytes from client to origin, and back. */
  bytesUp = 0
  bytesDown = 0
  /** Exchanges carried. */
  exchanges = 0
  /** An origin may take connections made for this one for a certain user's: nobody else's requests go over them. */
  userBound = false
  /** How the handshake with the client ended, once that is known; '' before, and without one. */
  outcome: HandshakeOutcome | '' = ''
  /** The TLS exception in use towards the origin, in words for the log; ''. */
  exception = ''
  /** By what the origin's certificate is known not to be revoked: `staple`, `ocsp`, `crl`, `list`, `none`; ''. */
  revocation = ''

  constructor(init: {
    id: string
    clientAddr: string
    clientPort: number
    dstAddr: string
    dstPort: number
    ingress: string
    startedAt: number
    startedMono: number
  }) {
    this.id = init.id
    this.clientAddr = init.clientAddr
    this.clientPort = init.clientPort
    this.dstAddr = init.dstAddr
    this.dstPort = init.dstPort
    this.ingress = init.ingress
    this.startedAt = init.startedAt
    this.startedMono = init.startedMono
  }
}
