import { ERRORS, type ErrorCode, type Fault } from '../../core/errors.ts'

/** What a page says: a title, one or two sentences, whose matter it is, what to do next. */
export interface Words {
  title: string
  text: string
  whose: string
  next: string
}

const WHOSE: Record<Fault, string> = {
  client: 'The cause lies in the request of this device or program.',
  origin: 'The cause lies with the web site, not with this device or this network.',
  policy: 'This is a rule of the network you are in, not a fault of the web site or of this device.',
  self: 'The cause lies with the gateway of this network, not with the web site or this device.',
}

const NEXT: Record<Fault, string> = {
  client:
    'Try again. If it happens every time, restart the program, and then ask the people who look after this network.',
  origin: 'Try again in a few minutes. If it stays so, the people who run the web site can help.',
  policy: 'If you need this page, ask the people who look after this network, and give them the reference below.',
  self: 'Try again in a moment. If it stays so, tell the people who look after this network, with the reference below.',
}

const CERTIFICATE_NEXT =
  'Do not enter anything there until it is mended. The people who run the web site can mend it; if you know the site is fine, ' +
  'tell the people who look after this network, with the reference below.'

const TITLES: Partial<Record<ErrorCode, string>> = {
  'client-bad-request': 'The request could not be understood',
  'client-head-too-large': 'The request is too large',
  'client-target-too-long': 'The address is too long',
  'client-misdirected': 'The request was for another site',
  'client-version': 'This version of HTTP is not supported',
  'client-timeout': 'The request took too long',
  'origin-unreachable': 'The web site cannot be reached',
  'origin-refused': 'The web site refused the connection',
  'origin-connect-timeout': 'The web site does not answer',
  'origin-reset': 'The web site broke the connection off',
  'origin-timeout': 'The web site does not answer',
  'origin-bad-response': 'The web site sent something that is no answer',
  'origin-cut-off': 'The answer of the web site was cut off',
  'origin-tls': 'No secure connection to the web site',
  'origin-cert-expired': 'The certificate of this web site is out of date',
  'origin-cert-name': 'The certificate belongs to another web site',
  'origin-cert-untrusted': 'The certificate of this web site is not trusted',
  'origin-cert-weak': 'The certificate of this web site is too weak',
  'origin-cert-invalid': 'The certificate of this web site is not valid',
  'policy-blocked': 'This page is blocked here',
  'policy-loop': 'This address leads back to the gateway',
  'self-overloaded': 'The gateway is busy',
  'self-draining': 'The gateway is restarting',
}

/** Seconds after which to try again, where that is known to help (RFC 9110 §10.2.3). */
const RETRY_AFTER: Partial<Record<ErrorCode, number>> = { 'self-overloaded': 5, 'self-draining': 2 }

/** Every word of every page is fixed but the detail, so each is put together once. */
const WORDS = new Map<ErrorCode, Words>(
  (Object.keys(ERRORS) as ErrorCode[]).map(code => {
    const { fault, text } = ERRORS[code]
    const title = TITLES[code] ?? 'Something went wrong'
    const next = code.startsWith('origin-cert-') ? CERTIFICATE_NEXT : NEXT[fault]
    return [code, { title, text, whose: WHOSE[fault], next }]
  }),
)

export function wordsFor(code: ErrorCode): Words {
  return WORDS.get(code)!
}

export function retryAfter(code: ErrorCode): number | null {
  return RETRY_AFTER[code] ?? null
}
