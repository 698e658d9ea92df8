import type { ChainLink } from './tls-policy.ts'

/** Whose fault a failure is: decides the page, the status and the log level. */
export type Fault = 'client' | 'origin' | 'policy' | 'self'

interface ErrorKind {
  fault: Fault
  /** Status of the answer when one can still be given. */
  status: number
  /** May the same request be sent again: never, always, or only if it failed on a reused connection. */
  retry: 'never' | 'always' | 'reused'
  /** One sentence for the page and the log. */
  text: string
}

/** The closed list of what can go wrong. A new failure is a new line here, nowhere else. */
export const ERRORS = {
  // client
  'client-bad-request': { fault: 'client', status: 400, retry: 'never', text: 'The request is not valid HTTP.' },
  'client-head-too-large': { fault: 'client', status: 431, retry: 'never', text: 'The request header is too large.' },
  'client-target-too-long': { fault: 'client', status: 414, retry: 'never', text: 'The address is too long.' },
  'client-misdirected': {
    fault: 'client',
    status: 421,
    retry: 'never',
    text: 'The request names another host than the connection was made for.',
  },
  'client-version': { fault: 'client', status: 505, retry: 'never', text: 'This HTTP version is not supported.' },
  'client-timeout': {
    fault: 'client',
    status: 408,
    retry: 'never',
    text: 'The client took too long to send its request.',
  },
  'client-gone': {
    fault: 'client',
    status: 499,
    retry: 'never',
    text: 'The client closed the connection before the answer was complete.',
  },
  'client-slow-reader': {
    fault: 'client',
    status: 499,
    retry: 'never',
    text: 'The client stopped reading the answer.',
  },
  'client-tls': { fault: 'client', status: 0, retry: 'never', text: 'The TLS handshake with the client failed.' },
  'client-tls-distrust': {
    fault: 'client',
    status: 0,
    retry: 'never',
    text: 'The client does not trust the certificate of this gateway.',
  },
  'client-tls-old': {
    fault: 'client',
    status: 0,
    retry: 'never',
    text: 'The client can only speak versions of TLS that are no longer safe.',
  },
  'client-tls-name': {
    fault: 'client',
    status: 0,
    retry: 'never',
    text: 'The client asked for a server name that is not a host name.',
  },
  // origin
  'origin-unreachable': { fault: 'origin', status: 502, retry: 'never', text: 'The web server could not be reached.' },
  'origin-refused': { fault: 'origin', status: 502, retry: 'never', text: 'The web server refused the connection.' },
  'origin-connect-timeout': {
    fault: 'origin',
    status: 504,
    retry: 'never',
    text: 'The web server did not answer in time.',
  },
  'origin-reset': {
    fault: 'origin',
    status: 502,
    retry: 'reused',
    text: 'The web server closed the connection before it answered.',
  },
  'origin-timeout': { fault: 'origin', status: 504, retry: 'never', text: 'The web server did not answer in time.' },
  'origin-bad-response': {
    fault: 'origin',
    status: 502,
    retry: 'never',
    text: 'The web server sent an answer that is not valid HTTP.',
  },
  'origin-cut-off': {
    fault: 'origin',
    status: 502,
    retry: 'never',
    text: 'The web server closed the connection in the middle of its answer.',
  },
  'origin-tls': {
    fault: 'origin',
    status: 502,
    retry: 'never',
    text: 'No secure connection to the web server could be made.',
  },
  'origin-cert-expired': {
    fault: 'origin',
    status: 526,
    retry: 'never',
    text: 'The certificate of the web server has expired or is not valid yet.',
  },
  'origin-cert-name': {
    fault: 'origin',
    status: 526,
    retry: 'never',
    text: 'The certificate of the web server was issued for another name.',
  },
  'origin-cert-untrusted': {
    fault: 'origin',
    status: 526,
    retry: 'never',
    text: 'The certificate of the web server was not issued by a trusted authority.',
  },
  'origin-cert-weak': {
    fault: 'origin',
    status: 526,
    retry: 'never',
    text: 'The certificate of the web server uses a key or signature that is too weak.',
  },
  'origin-cert-invalid': {
    fault: 'origin',
    status: 526,
    retry: 'never',
    text: 'The certificate of the web server is not valid.',
  },
  'origin-cert-revoked': {
    fault: 'origin',
    status: 526,
    retry: 'never',
    text: 'The certificate of the web server has been revoked.',
  },
  'origin-cert-status': {
    fault: 'origin',
    status: 526,
    retry: 'never',
    text: 'It could not be proved that the certificate of the web server has not been revoked.',
  },
  'origin-cert-signature': {
    fault: 'origin',
    status: 526,
    retry: 'never',
    text: 'The certificate of the web server is wrongly signed.',
  },
  'origin-client-cert': {
    fault: 'origin',
    status: 502,
    retry: 'never',
    text: 'The web server wants a certificate from the client, which the gateway cannot give.',
  },
  // policy
  'policy-blocked': {
    fault: 'policy',
    status: 403,
    retry: 'never',
    text: 'The policy of this network does not allow this address.',
  },
  'policy-loop': { fault: 'policy', status: 508, retry: 'never', text: 'The connection leads back to this gateway.' },
  // self
  'self-overloaded': { fault: 'self', status: 503, retry: 'never', text: 'The gateway is busy.' },
  'self-mint': {
    fault: 'self',
    status: 500,
    retry: 'never',
    text: 'The gateway could not make a certificate for this name.',
  },
  'self-internal': { fault: 'self', status: 500, retry: 'never', text: 'The gateway made a mistake.' },
  'self-draining': { fault: 'self', status: 503, retry: 'always', text: 'The gateway is shutting down.' },
  'idle-timeout': { fault: 'client', status: 0, retry: 'never', text: 'Nothing was sent for too long.' },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** A failure as data. `detail` is for the log and the page (already free of secrets); `cause` is for the developer. */
export class WeirError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  /** The certificates it is about, leaf first, for the page; null when it is about none. */
  chain: readonly ChainLink[] | null = null
  constructor(code: ErrorCode, detail = '', cause?: unknown) {
    super(
      detail === '' ? ERRORS[code].text : `${ERRORS[code].text} ${detail}`,
      cause === undefined ? undefined : { cause },
    )
    this.name = 'WeirError'
    this.code = code
    this.detail = detail
  }
  get fault(): Fault {
    return ERRORS[this.code].fault
  }
  get status(): number {
    return ERRORS[this.code].status
  }
}

/** RFC 8446 §6.2: certificate_required exists for nothing else. */
const CERTIFICATE_REQUIRED = 116
/** handshake_failure, bad_certificate, certificate_unknown: what servers say before TLS 1.3, and some (Go) still in it. */
const NO_CERTIFICATE_ALERTS = new Set([40, 42, 46])

/**
 * Does this failure of a TLS connection to an origin say that a client certificate was missing? The ambiguous alerts count
 * only once the server has shown its own certificate: before that they are about versions and suites. On TLS 1.3 the
 * alert comes after the handshake, in place of an answer.
 */
export function wantsClientCertificate(cause: unknown, sawCertificate: boolean): boolean {
  if (!(cause instanceof Error)) return false
  const alert = Number(/SSL alert number (\d+)/.exec(cause.message)?.[1] ?? -1)
  return alert === CERTIFICATE_REQUIRED || (sawCertificate && NO_CERTIFICATE_ALERTS.has(alert))
}

/** One sentence for a person: what is refused and what to do next. Printed on stderr without a stack trace. */
export class UserError extends Error {
  override name = 'UserError'
}
