import { KEY_USAGE } from '../extensions.ts'
import type { CertificateFacts } from '../x509.ts'
import { readAlgorithm } from './algorithm.ts'
import { type Fault, invalid } from './fault.ts'
import { plain } from './links.ts'
import { keyWeakness } from './strength.ts'

/** The rules that one certificate keeps or breaks by itself, by its place in the chain. */

export interface Circumstances {
  /** Lower case without final dot, or an address. */
  name: string
  /** The leaf speaks for that name. */
  isCovered: boolean
  nowMs: number
  /** Old suites are allowed, in some of which the key encrypts and does not sign. */
  oldTls: boolean
  /** The chain ends at a root that browsers ship, so their rules for public authorities hold. */
  isPublic: boolean
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
const MAX_SERIAL_OCTETS = 20
const EMPTY_NAME_OCTETS = 2
const DAY = 24 * 3600_000
/** CA/B Baseline Requirements §6.3.2 as Chrome, Safari and Firefox enforce it on what was issued since. */
const MAX_PUBLIC_LIFE = 398 * DAY
const MAX_PUBLIC_LIFE_SINCE = Date.UTC(2020, 8, 1)

/** `asRoot`: it is trusted by itself, so what an issuer would vouch for does not count. */
export function leafFaults(cert: CertificateFacts, at: Circumstances, asRoot: boolean): Fault[] {
  const faults: Fault[] = []
  if (!at.isCovered) faults.push(nameFault(cert, at.name))
  if (asRoot) understood(cert, faults)
  else {
    common(cert, faults)
    // Firefox: an authority's certificate is not a server's (RFC 5280 §4.2.1.9 keeps the two apart).
    if (cert.isCa) faults.push(invalid(cert, 'it is the certificate of an authority, not of a server'))
    // RFC 5280 §4.2.1.3 and §4.2.1.10: both stand in certificates of authorities only.
    else if (cert.nameConstraints !== null || (cert.keyUsage >= 0 && cert.keyUsage & KEY_USAGE.keyCertSign))
      faults.push(invalid(cert, 'it claims the powers of an authority without being one'))
  }
  const usage = cert.keyUsage
  // RFC 8446 §4.4.2.2: if the extension is there, digitalSignature is set; only static RSA enciphers.
  const wanted = KEY_USAGE.digitalSignature | (at.oldTls ? KEY_USAGE.keyEncipherment : 0)
  if (usage >= 0 && (usage & wanted) === 0 && !asRoot)
    faults.push(invalid(cert, 'its key may not sign a TLS handshake'))
  // Firefox and CA/B §7.1.2.7.10: the purpose is named; anyExtendedKeyUsage is not enough for a server.
  const purposes = cert.extKeyUsage
  if (purposes !== null && !purposes.includes(SERVER_AUTH))
    faults.push(invalid(cert, 'it was not issued for web servers'))
  // Firefox: who answers for revocation is no server, otherwise a server could answer for itself.
  if (purposes?.includes(OCSP_SIGNING)) faults.push(invalid(cert, 'it was issued to sign answers about revocation'))
  time(cert, at.nowMs, faults)
  key(cert, faults)
  if (at.isPublic && cert.notBefore >= MAX_PUBLIC_LIFE_SINCE && cert.notAfter - cert.notBefore > MAX_PUBLIC_LIFE)
    faults.push(invalid(cert, 'it is valid for more than the 398 days that browsers take'))
  return faults
}

/** Between leaf and root. */
export function intermediateFaults(cert: CertificateFacts, at: Circumstances): Fault[] {
  const faults: Fault[] = []
  common(cert, faults)
  if (!cert.isCa) faults.push(invalid(cert, 'it is not the certificate of an authority, but stands above another'))
  authority(cert, faults)
  time(cert, at.nowMs, faults)
  key(cert, faults)
  return faults
}

/**
 * A root is trusted as it stands: neither its signature nor its version or serial number is looked at (RFC 5280 §6.1.1 (d)
 * takes from it the name and the key). But what it says of its own limits is kept (RFC 5937 §3), critical extensions are
 * understood (Firefox, OpenSSL), and its time counts: Firefox and OpenSSL check it always, Chrome for roots that were not
 * shipped with it.
 */
export function rootFaults(cert: CertificateFacts, at: Circumstances): Fault[] {
  const faults: Fault[] = []
  if (cert.hasBasicConstraints && !cert.isCa) faults.push(invalid(cert, 'it is not the certificate of an authority'))
  understood(cert, faults)
  authority(cert, faults)
  time(cert, at.nowMs, faults)
  key(cert, faults)
  return faults
}

/** What holds for every certificate that another one signed. */
function common(cert: CertificateFacts, faults: Fault[]): void {
  if (cert.version !== 3) faults.push(invalid(cert, 'it is not of version 3'))
  // RFC 5280 §4.1.2.4: the issuer has a name. An empty one would tie together all that have none.
  if (cert.issuerDer.length <= EMPTY_NAME_OCTETS) faults.push(invalid(cert, 'its issuer has no name'))
  const serial = serialFault(cert.serial)
  if (serial !== '') faults.push(invalid(cert, serial))
  understood(cert, faults)
  const algorithm = readAlgorithm(cert.signatureAlgorithmDer)
  if (algorithm === null) faults.push(invalid(cert, 'it is signed by an algorithm that browsers do not take'))
  else if (algorithm.strength !== 'modern') {
    const allowance = algorithm.strength === 'legacy' ? 'weak' : null
    faults.push({ code: 'origin-cert-weak', cert, words: `it is signed with ${algorithm.label}`, allowance })
  }
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets. */
function serialFault(serial: Buffer): string {
  if (serial.length > MAX_SERIAL_OCTETS) return 'its serial number is longer than 20 octets'
  return serial[0]! >= 0x80 || (serial.length === 1 && serial[0] === 0) ? 'its serial number is not positive' : ''
}

/** RFC 5280 §4.2: whoever does not understand a critical extension refuses. */
function understood(cert: CertificateFacts, faults: Fault[]): void {
  const unknown = cert.unknownCritical[0]
  if (unknown !== undefined)
    faults.push(invalid(cert, `it has a critical extension (${plain(unknown)}) that is unknown`))
}

/** What holds for whoever signs others. */
function authority(cert: CertificateFacts, faults: Fault[]): void {
  // RFC 5280 §6.1.4 (n).
  if (cert.keyUsage >= 0 && (cert.keyUsage & KEY_USAGE.keyCertSign) === 0)
    faults.push(invalid(cert, 'its key may not sign certificates'))
  // CA/B §7.1.2.10.6 and every browser: an authority's purposes limit what it issues. Firefox and OpenSSL, unlike Chrome,
  // want this purpose named here too.
  if (cert.extKeyUsage !== null && !cert.extKeyUsage.includes(SERVER_AUTH))
    faults.push(invalid(cert, 'it may not issue for web servers'))
}

/** RFC 5280 §4.1.2.5: both ends belong to the validity. */
function time(cert: CertificateFacts, nowMs: number, faults: Fault[]): void {
  const { notBefore, notAfter } = cert
  if (notAfter < notBefore) {
    faults.push(invalid(cert, 'its validity ends before it begins'))
    return
  }
  if (nowMs >= notBefore && nowMs <= notAfter) return
  const words = nowMs > notAfter ? `it expired on ${day(notAfter)}` : `it is not valid before ${day(notBefore)}`
  faults.push({ code: 'origin-cert-expired', cert, words, allowance: 'expired' })
}

function key(cert: CertificateFacts, faults: Fault[]): void {
  const { fault, weak } = cert.key
  if (fault !== '') {
    faults.push({ code: weak ? 'origin-cert-weak' : 'origin-cert-invalid', cert, words: fault, allowance: null })
    return
  }
  const words = keyWeakness(cert.key, 'modern')
  if (words === '') return
  const allowance = keyWeakness(cert.key, 'legacy') === '' ? 'weak' : null
  faults.push({ code: 'origin-cert-weak', cert, words, allowance })
}

function nameFault(cert: CertificateFacts, name: string): Fault {
  const names = [...cert.dnsNames.slice(0, 3).map(plain), ...(cert.ipAddrs.length > 0 ? ['addresses'] : [])]
  const more = Math.max(0, cert.dnsNames.length - 3)
  const whom = names.length === 0 ? 'no name at all' : names.join(', ') + (more > 0 ? ` and ${more} more` : '')
  return {
    code: 'origin-cert-name',
    cert,
    words: `it was issued for ${whom}, not for ${plain(name)}`,
    allowance: 'name',
  }
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
