import { hash } from 'node:crypto'
import { verifySigned } from '../verify/signature.ts'
import type { CertificateFacts } from '../x509.ts'
import { type CrlFacts, crlCoverageFault, readCrl } from './crl.ts'
import { CrlIndex } from './crl-index.ts'
import { revoked } from './standing.ts'

/*
 * A list file (`tls.revocationLists` in weir.yaml) is a CRL in DER, CRLs in PEM, or text:
 *
 *   # stolen in May; colons and capitals as openssl prints them are fine
 *   sha256 AB:CD:…                       this certificate (openssl x509 -fingerprint -sha256)
 *   spki   9f86d0…                       every certificate with this key (SHA-256 of its SubjectPublicKeyInfo)
 *   serial 2c26b4… 04:7f:…               this serial number of the authority with this certificate (SHA-256 of it),
 *                                        or of this name (SHA-256 of the subject as DER)
 */

/** Of one file. */
export const MAX_LIST_BYTES = 32 * 1024 * 1024
const MAX_ENTRIES = 200_000
const MAX_FAULTS = 50
const MAX_CRLS = 64
const MAX_ISSUERS = 64

/** A file of revoked certificates that the admin imported. What it names is refused always and everywhere. */
export class RevocationList {
  readonly name: string
  /** `sha256 …` and `spki …` and `serial …` lines in one spelling. */
  readonly #entries: ReadonlySet<string>
  readonly #crls: readonly ImportedCrl[]

  constructor(name: string, entries: ReadonlySet<string>, crls: readonly ImportedCrl[]) {
    this.name = name
    this.#entries = entries
    this.#crls = crls
  }

  get size(): number {
    return this.#crls.reduce((sum, crl) => sum + crl.index.count, this.#entries.size)
  }

  /** Why `cert` is refused, for people; null: it is not named. `issuer` is null for a root or when unknown. */
  find(cert: CertificateFacts, issuer: CertificateFacts | null): string | null {
    if (this.#entries.size > 0 && this.#isNamed(cert, issuer))
      return `It is named in the revocation list ${this.name} of this network.`
    if (issuer === null) return null
    for (const crl of this.#crls) {
      const entry = crl.speaksFor(issuer) ? crl.index.find(cert.serial) : null
      if (entry !== null) return revoked(entry.at, entry.reason, 0).why
    }
    return null
  }

  /** An imported CRL that is current and says that `cert` is not revoked: until when (ms), or 0. */
  clears(cert: CertificateFacts, issuer: CertificateFacts, nowMs: number): number {
    for (const { crl, index, speaksFor } of this.#crls)
      if (speaksFor(issuer) && index.find(cert.serial) === null && crlCoverageFault(crl, cert, nowMs) === '')
        return crl.nextUpdate
    return 0
  }

  #isNamed(cert: CertificateFacts, issuer: CertificateFacts | null): boolean {
    const entries = this.#entries
    if (entries.has(`sha256 ${cert.fingerprint}`) || entries.has(`spki ${hash('sha256', cert.spkiDer)}`)) return true
    const serial = plainSerial(cert.serial.toString('hex'))
    if (entries.has(`serial ${hash('sha256', cert.issuerDer)} ${serial}`)) return true
    return issuer !== null && entries.has(`serial ${issuer.fingerprint} ${serial}`)
  }
}

/** A CRL of a file, with its entries read. */
export class ImportedCrl {
  readonly crl: CrlFacts
  readonly index: CrlIndex
  readonly #issuers = new Map<string, boolean>()

  constructor(crl: CrlFacts, index: CrlIndex) {
    this.crl = crl
    this.index = index
  }

  /**
   * Names collide and keys do not: the list counts for the authority whose key signed it. SHA-1 is enough here, as the
   * file came from the admin and not over the wire.
   */
  readonly speaksFor = (issuer: CertificateFacts): boolean => {
    const { crl } = this
    if (!crl.issuerDer.equals(issuer.subjectDer)) return false
    let known = this.#issuers.get(issuer.fingerprint)
    if (known === undefined) {
      known = verifySigned(crl.tbsDer, crl.algorithmDer, crl.signature, issuer.spkiDer, 'legacy') === 'good'
      if (this.#issuers.size < MAX_ISSUERS) this.#issuers.set(issuer.fingerprint, known)
    }
    return known
  }
}

/**
 * Reads one file: CRLs in DER or PEM, or text with a line per certificate. All mistakes come back at once, each with its
 * file and line; `list` is null when there is any.
 */
export function readRevocationList(name: string, bytes: Buffer): { list: RevocationList | null; faults: string[] } {
  if (bytes.length > MAX_LIST_BYTES) return { list: null, faults: [`${name}: the file is larger than 32 MiB.`] }
  const faults: string[] = []
  const entries = new Set<string>()
  const crls: ImportedCrl[] = []
  if (bytes[0] === 0x30) addCrl(name, bytes, crls, faults)
  else {
    const text = bytes.toString('latin1')
    if (text.includes('-----BEGIN ')) readPem(name, text, crls, faults)
    else readLines(name, text, entries, faults)
  }
  if (faults.length > MAX_FAULTS)
    faults.splice(MAX_FAULTS, Infinity, `${name}: and ${faults.length - MAX_FAULTS} more.`)
  return { list: faults.length > 0 ? null : new RevocationList(name, entries, crls), faults }
}

function readPem(name: string, text: string, crls: ImportedCrl[], faults: string[]): void {
  const block = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)(-----END \1-----)?/g
  for (const match of text.matchAll(block)) {
    const where = `${name}:${lineAt(text, match.index)}`
    if (match[1] !== 'X509 CRL') faults.push(`${where}: a CRL is expected here, not "${match[1]}".`)
    else if (match[3] === undefined) faults.push(`${where}: the CRL has no end.`)
    else if (crls.length >= MAX_CRLS) faults.push(`${where}: more than ${MAX_CRLS} CRLs in one file.`)
    else addCrl(where, Buffer.from(match[2]!, 'base64'), crls, faults)
    if (faults.length > MAX_FAULTS) return
  }
}

function lineAt(text: string, end: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) line++
  return line
}

function addCrl(where: string, der: Buffer, crls: ImportedCrl[], faults: string[]): void {
  const crl = readCrl(der)
  if (typeof crl === 'string') {
    faults.push(`${where}: the CRL cannot be used: ${crl}.`)
    return
  }
  const index = new CrlIndex(crl)
  if (index.step(Infinity) === 'done') crls.push(new ImportedCrl(crl, index))
  else faults.push(`${where}: the CRL cannot be used: an entry of it is malformed.`)
}

function readLines(name: string, text: string, entries: Set<string>, faults: string[]): void {
  let line = 0
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf('\n', start)
    if (end < 0) end = text.length
    line++
    const content = text
      .slice(start, Math.min(end, start + 400))
      .replace(/#.*/, '')
      .trim()
    start = end + 1
    if (content === '') continue
    const entry = readLine(content)
    if (entry.startsWith('!')) faults.push(`${name}:${line}: ${entry.slice(1)}`)
    else entries.add(entry)
    if (entries.size > MAX_ENTRIES) faults.push(`${name}:${line}: more than ${MAX_ENTRIES} entries; use a CRL.`)
    if (entries.size > MAX_ENTRIES || faults.length > MAX_FAULTS) return
  }
}

/** The entry in its one spelling, or `!` and what is wrong. */
function readLine(content: string): string {
  const [kind = '', first = '', second, more] = content.toLowerCase().split(/\s+/)
  if (kind !== 'sha256' && kind !== 'spki' && kind !== 'serial') return '!a line begins with sha256, spki or serial.'
  const digest = first.replaceAll(':', '')
  if (!/^[0-9a-f]{64}$/.test(digest)) return `!${kind} is followed by a SHA-256 of 64 hexadecimal digits.`
  if (kind !== 'serial')
    return second === undefined ? `${kind} ${digest}` : '!there is more than one value on this line.'
  const serial = (second ?? '').replaceAll(':', '').replace(/^0x/, '')
  if (!/^[0-9a-f]{1,64}$/.test(serial)) return '!the serial number after the issuer has 1 to 64 hexadecimal digits.'
  return more === undefined
    ? `serial ${digest} ${plainSerial(serial)}`
    : '!there is more than one serial number on this line.'
}

/** Without leading zeros: people copy serial numbers with and without them. */
function plainSerial(hex: string): string {
  return hex.replace(/^0+(?=.)/, '')
}
