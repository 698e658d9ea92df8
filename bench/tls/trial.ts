/** What a trial is: an origin, right or wrong, and a client that asks it for one page, in three ways. */

/** Who stands between client and origin; `openssl` is a router and nothing else, with OpenSSL's own client at its end. */
export type Lane = 'openssl' | 'squid' | 'weir'

export const LANES: readonly Lane[] = ['openssl', 'squid', 'weir']

export const CLASSES = [
  'chain',
  'name',
  'time',
  'usage',
  'constraints',
  'form',
  'signature',
  'key',
  'revocation',
  'protocol',
  'client side',
  'hello',
] as const
export type TrialClass = (typeof CLASSES)[number]

/** The TLS server at an address of the origin. */
export interface Site {
  /** Chain in the server's order. */
  certPem: string
  keyPem: string
  /** A second pair, of another kind of key. */
  other?: { certPem: string; keyPem: string }
  /** What it shows from the second page on: another server has come to its address. */
  later?: { certPem: string; keyPem: string }
  /** Stapled OCSP answer, base64. */
  staple?: string
  /** Options of node:tls laid over a modern server's. */
  tls?: {
    minVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
    maxVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'
    ciphers?: string
    sigalgs?: string
    ecdhCurve?: string
    /** PEM. */
    dhparam?: string
    requestCert?: boolean
    /** Who may vouch for clients, PEM. */
    ca?: string
    rejectUnauthorized?: boolean
    honorCipherOrder?: boolean
  }
  /** Empty: the server does not know ALPN. */
  alpn?: string[]
  /** Instead of a page by HTTP/1.1. */
  behaviour?: Behaviour
}

export type Behaviour =
  | 'h2' // HTTP/2 and nothing else, whatever ALPN says
  | 'renegotiate' // the page comes only after a second handshake
  | 'mute' // accepts and says nothing
  | 'ssh' // an SSH server's greeting, then an echo
  | 'http' // plain HTTP
  | 'closes' // closes after the ClientHello
  | 'garbage' // answers a ClientHello with octets that are no TLS
  | { serverHello: { version: number; suite: number; compression: number } } // and a certificate, in clear

export type Client =
  /** Asks for the page with what the lane's client does by default. */
  | { kind: 'page' }
  /** The same by `openssl s_client` with these arguments on every lane. */
  | { kind: 'openssl'; args: string[]; trust?: 'both' }
  /** A shell script; see probe.ts for its variables. */
  | { kind: 'shell'; script: string }
  /** A TLS client in Node with an oddity; see oddities.ts. */
  | { kind: 'odd'; oddity: string; trust?: 'both' }

export interface Trial {
  class: TrialClass
  title: string
  /** May the page be seen? */
  expect: 'served' | 'refused'
  /** What the client asks for: name or address. */
  name: string
  site: Site
  client: Client
  /** Where the site has to be, when the address is the name; else it gets one. */
  address?: string
  /** Every lane has an address of its own for it, for the origin changes by being asked. */
  apart?: boolean
  /** It is the way of asking that is refused, and the request may come another way. */
  mayReach?: boolean
  /** So often is it tried until it succeeds; a gateway may learn. */
  attempts?: number
  /** Only gateways can be asked about what they mint. */
  lanes?: readonly Lane[]
}

export interface Outcome {
  result: 'served' | 'refused' | 'hung'
  /** In the words of whoever refused; for `served` what there is to say. */
  code: string
  ms: number
  /** The origin got the request: cookies and all. */
  reached?: boolean
}

export interface Row {
  trial: Trial
  outcomes: Partial<Record<Lane, Outcome>>
}

/** The body of every page. */
export const MARKER = 'the page of the origin'

/** What is to be refused neither shows its page nor sees the request. */
export const isWrong = (trial: Trial, outcome: Outcome): boolean =>
  trial.expect === 'served' ? outcome.result !== 'served' : outcome.result === 'served' || isLeak(trial, outcome)

/** Nothing was shown, and yet the request had gone out. */
export const isLeak = ({ expect, mayReach }: Trial, { result, reached }: Outcome): boolean =>
  expect === 'refused' && result !== 'served' && reached === true && mayReach !== true
