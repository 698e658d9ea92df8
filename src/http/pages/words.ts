import { ERRORS, type ErrorCode, type Fault } from '../../core/errors.ts'

/** What a page says: a title, one or two sentences, whose matter it is, what to do next, and what an admin may do. */
export interface Words {
  title: string
  text: string
  whose: string
  next: string
  /** '' when there is nothing that only an admin can do. */
  admin: string
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

const CERTIFICATE_WHOSE =
  'The cause lies with the web site, not with this device or this network. What is described here is the certificate that the ' +
  'web site sent to the gateway; the one your browser shows for this page is the gateway’s own.'

const CERTIFICATE_NEXT =
  'Do not enter anything there until it is mended. The people who run the web site can mend it; if you know the site is fine, ' +
  'tell the people who look after this network, with the reference below.'

const DANGER_NEXT =
  'Stay away from this site until its owners have put it right. Someone else may be answering in its place. Nothing was sent there.'

const NEXT_OF: Partial<Record<ErrorCode, string>> = {
  'origin-cert-revoked': DANGER_NEXT,
  'origin-cert-signature': DANGER_NEXT,
  'origin-cert-status':
    'Try again in a few minutes: the authority may just be out of reach. If it stays so, tell the people who look after this ' +
    'network, with the reference below.',
  'origin-client-cert':
    'Try again. From the second time on the gateway leaves connections to this site closed, and your browser can show it the ' +
    'certificate of this device.',
}

const EXCEPTION =
  'If the site is known to you and cannot be mended soon, this part of the policy document overlooks the fault, for this host ' +
  'and the names under it, until that day. Every use is shown in the log.'
const NEVER = 'No exception is possible for this: no careful browser would go there either.'

/** What the admin may do about an origin's certificate. */
const ADMIN: Partial<Record<ErrorCode, string>> = {
  'origin-cert-expired': EXCEPTION,
  'origin-cert-name': EXCEPTION,
  'origin-cert-untrusted': `If it is a server of your own, add the certificate of its authority to tls.originRoots. ${EXCEPTION}`,
  'origin-cert-weak': EXCEPTION,
  'origin-cert-invalid': NEVER,
  'origin-cert-revoked': NEVER,
  'origin-cert-signature': NEVER,
  'origin-cert-status':
    'With “tls: { revocation: soft }” in the policy document such sites are let through, but for those whose certificate itself ' +
    'demands the proof (must-staple).',
  'origin-tls':
    'If the server can speak only TLS 1.0 or 1.1, or the cipher suites of their time, this part of the policy document lets it, for ' +
    'this host and the names under it, until that day. Every use is shown in the log.',
  'origin-client-cert':
    'A certificate for this host can be put under tls.clientCertificates of the configuration. A rule with “tier: names” for ' +
    'this host keeps its connections closed from the first one on.',
}

/** Where the one sentence of the log says too little to somebody who does not know certificates. */
const TEXTS: Partial<Record<ErrorCode, string>> = {
  'origin-cert-expired':
    'A certificate proves who a web site is, for a limited time. The time of this one is over or has not begun, so it proves nothing.',
  'origin-cert-name':
    'A certificate proves who a web site is. The one that was shown here belongs to another name: this may be another server than ' +
    'the one you asked for.',
  'origin-cert-untrusted':
    'A certificate proves who a web site is, if an authority that browsers trust has issued it. Nobody such has issued this one: ' +
    'anybody could have made it.',
  'origin-cert-weak':
    'A certificate proves who a web site is. This one has a key or a signature that can be forged today, so it proves too little.',
  'origin-cert-invalid':
    'A certificate proves who a web site is. This one breaks the rules for certificates of web sites, so nothing may rest on it.',
  'origin-cert-revoked':
    'The authority that issued the certificate of this web site has taken it back, as is done when its key was stolen.',
  'origin-cert-status':
    'Authorities take certificates back when they were stolen. For the certificate of this web site it could not be learned whether ' +
    'that has happened.',
  'origin-cert-signature':
    'The certificate of this web site carries a signature that is not the one of its authority. It was forged or damaged.',
  'origin-client-cert':
    'This web site lets in only devices that show a certificate of their own. The gateway has none, and cannot use the one of this device.',
}

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
  'origin-cert-revoked': 'The certificate of this web site was taken back',
  'origin-cert-status': 'Nobody vouches for the certificate of this web site',
  'origin-cert-signature': 'The certificate of this web site is wrongly signed',
  'origin-client-cert': 'This web site wants to see a certificate of this device',
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
    const ofCertificate = code.startsWith('origin-cert-')
    const next = NEXT_OF[code] ?? (ofCertificate ? CERTIFICATE_NEXT : NEXT[fault])
    const whose = ofCertificate ? CERTIFICATE_WHOSE : WHOSE[fault]
    return [code, { title, text: TEXTS[code] ?? text, whose, next, admin: ADMIN[code] ?? '' }]
  }),
)

export function wordsFor(code: ErrorCode): Words {
  return WORDS.get(code)!
}

export function retryAfter(code: ErrorCode): number | null {
  return RETRY_AFTER[code] ?? null
}
