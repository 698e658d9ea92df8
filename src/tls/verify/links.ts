import type { ChainLink } from '../../core/tls-policy.ts'
import { attributesOf, attributeText } from '../directory-name.ts'
import { ipText } from '../general-name.ts'
import type { CertificateFacts } from '../x509.ts'
import { algorithmLabel } from './algorithm.ts'

const MAX_TEXT = 80
const MAX_LINKS = 20
const MAX_NAMES = 50

const ATTRIBUTES: Record<string, string> = { '2.5.4.3': 'CN', '2.5.4.10': 'O', '2.5.4.11': 'OU', '2.5.4.6': 'C' }

/** The certificates for pages, log and API, in the order given; `culprit` is the one to blame, with the reason. */
export function chainLinks(
  certs: readonly CertificateFacts[],
  culprit: { cert: CertificateFacts; words: string } | null,
): ChainLink[] {
  return certs.slice(0, MAX_LINKS).map(cert => ({
    subject: nameText(cert.subjectDer),
    issuer: nameText(cert.issuerDer),
    names: [...cert.dnsNames.slice(0, MAX_NAMES).map(plain), ...cert.ipAddrs.slice(0, MAX_NAMES).map(ipText)],
    notBefore: cert.notBefore,
    notAfter: cert.notAfter,
    serial: cert.serial.subarray(0, 32).toString('hex'),
    key: cert.key.label,
    signature: algorithmLabel(cert.signatureAlgorithmDer),
    fingerprint: cert.fingerprint,
    fault: culprit?.cert === cert ? culprit.words : '',
  }))
}

/** What people call the holder: the common name, else organisation, else the first DNS name. Harmless text. */
export function callName(cert: CertificateFacts): string {
  const found = attributes(cert.subjectDer)
  const pick = found.find(([type]) => type === 'CN') ?? found.find(([type]) => type === 'O') ?? found[0]
  return plain(pick?.[1] ?? cert.dnsNames[0] ?? 'without a name')
}

/** `CN=…, O=…`, most particular first. */
function nameText(nameDer: Buffer): string {
  const parts = attributes(nameDer).map(([type, value]) => `${type}=${plain(value)}`)
  return parts.reverse().slice(0, 8).join(', ')
}

/** What it is called and the text of every attribute of a Name, in its order. */
function attributes(nameDer: Buffer): [string, string][] {
  const all = attributesOf(nameDer)?.flat() ?? []
  return all.map(({ oid, value }) => [ATTRIBUTES[oid] ?? oid.slice(0, 40), attributeText(nameDer, value)])
}

/**
 * Bounded, one line, Latin letters and printable ASCII without markup: no line breaks for logs, no direction marks and no
 * tags for pages. Everything in a certificate may be hostile text.
 */
export function plain(value: string): string {
  const start = value.slice(0, MAX_TEXT + 1).normalize('NFC')
  const clean = start.replace(/[^ -~\p{Script=Latin}]|[<>"`&]/gu, '?')
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}…` : clean
}
