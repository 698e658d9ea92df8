import type { KeyObject, X509Certificate } from 'node:crypto'
import type { Ca, CaPublic } from '../src/core/ca.ts'
import { UserError } from '../src/core/errors.ts'
import { type CaFolder, RESTORE, readCaFolder, type StoredCa } from './folder.ts'
import { issuersOf, whatIsWrong } from './judge.ts'
import { signatureAlgorithmOf } from './kinds.ts'
import { configuredPassphrase } from './passphrase.ts'
import { isEncrypted, openKey } from './protect.ts'
import { isSelfSigned, pemOf, publicSide, readCertificates, wasImported } from './read.ts'

/** Time enough to reach every device. */
const SOON_MS = 90 * 24 * 3600_000

/** The CA that signs, the one being rolled out, and those that clients may still trust. */
export interface Cas<Current = Ca> {
  current: Current
  next: CaPublic | null
  previous: CaPublic[]
  /**
   * Sentences for the log and for people: the CA ends soon; what is wrong with `next` or `previous`, which are left out then
   * while signing goes on.
   */
  warnings: string[]
}

export interface LoadOptions {
  /** `tls.ca.passphraseFile`; null: the service's credential, if there is one. */
  passphraseFile?: string | null
  /** Passphrases to try before that one, typed or from elsewhere; a new key is put under the first of them. */
  passphrases?: readonly string[]
  nowMs?: number
}

/**
 * Reads and checks what lies in the CA's folder; changes nothing, so it may be called at any time, also while a command
 * rotates. Throws UserError when the current CA may not be used.
 */
export function loadCas(dir: string, options: LoadOptions = {}): Cas {
  const folder = readCaFolder(dir)
  const nowMs = options.nowMs ?? Date.now()
  const cas = publicSides(folder, nowMs)
  const wrong = whatIsWrongWith(folder.current, nowMs)
  if (wrong !== null) throw new UserError(wrong)
  const key = unlock(folder.current, options)
  return { ...cas, current: { public: cas.current, key, signatureAlgorithm: signatureAlgorithmOf(key)! } }
}

/** The same without the key, which may be locked; a current CA that may not be used is a warning only. */
export function readCas(dir: string, nowMs = Date.now()): Cas<CaPublic> & { encrypted: boolean } {
  const folder = readCaFolder(dir)
  return { ...publicSides(folder, nowMs), encrypted: isEncrypted(folder.current.keyPem) }
}

/** The stored key, opened and found to belong to its certificate. Throws UserError. */
export function unlock(stored: StoredCa, options: LoadOptions): KeyObject {
  const { keyFile, keyPem, certFile } = stored
  const passphrases = [...(options.passphrases ?? [])]
  if (isEncrypted(keyPem)) {
    const configured = configuredPassphrase(options.passphraseFile ?? null)
    if (configured !== null) passphrases.push(configured)
  }
  const key = openKey(keyPem, passphrases)
  if (key === 'locked')
    throw new UserError(
      `${keyFile} is encrypted and no passphrase is given. Set tls.ca.passphraseFile, or the service's credential weir-ca-passphrase.`,
    )
  if (key === 'wrong') throw new UserError(`The passphrase does not open ${keyFile}.`)
  if (key === 'unusable') throw new UserError(`${keyFile} is not a usable private key. ${RESTORE}`)
  if (!certificateIn(stored).checkPrivateKey(key))
    throw new UserError(`${keyFile} and ${certFile} do not belong together. ${RESTORE}`)
  return key
}

function publicSides(folder: CaFolder, nowMs: number): Cas<CaPublic> {
  const warnings: string[] = []
  const orWarn = (read: () => CaPublic): CaPublic | null => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      warnings.push(error.message)
      return null
    }
  }
  const { next, previous } = folder
  const current = storedPublic(folder.current, next?.crossPem ?? '', nowMs)
  const wrong = whatIsWrongWith(folder.current, nowMs)
  if (wrong !== null) warnings.push(wrong)
  else if (current.notAfter - nowMs < SOON_MS)
    warnings.push(
      `The CA ends on ${new Date(current.notAfter).toISOString().slice(0, 10)}. Roll out another with "weir ca rotate".`,
    )
  return {
    current,
    next: next === null ? null : orWarn(() => usablePublic(next, nowMs)),
    previous: previous
      .map(each => orWarn(() => earlierPublic(each)))
      // One that came back from a backup is no longer a previous one.
      .filter(each => each !== null && each.sha256 !== current.sha256) as CaPublic[],
    warnings,
  }
}

/** Why nothing may be signed with it, as sentences, or null. */
function whatIsWrongWith(stored: StoredCa, nowMs: number): string | null {
  const wrong = whatIsWrong(pathOf(stored), nowMs)
  if (wrong === null) return null
  const advice = wrong.includes('expired on')
    ? 'Make another one with "weir ca rotate" and "weir ca rotate --finish", and install it on every client.'
    : RESTORE
  return `The CA certificate ${stored.certFile} cannot be used: ${wrong}. ${advice}`
}

/** The public side of the next CA. Throws UserError when nothing could be signed with it. */
export function usablePublic(stored: StoredCa, nowMs: number): CaPublic {
  const wrong = whatIsWrongWith(stored, nowMs)
  if (wrong !== null) throw new UserError(wrong)
  return storedPublic(stored, '', nowMs)
}

/** `crossPem`: the same CA, certified by another. */
function storedPublic(stored: StoredCa, crossPem: string, nowMs: number): CaPublic {
  const path = pathOf(stored)
  const cert = path[0]!
  const crossed = certificatesOr('cross.pem', `${stored.chainPem}\n${crossPem}`).filter(other =>
    isCrossOf(other, cert, nowMs),
  )
  return sideOf(stored.certFile, path, [...path.slice(0, -1), ...crossed], stored.chainPem)
}

/** A certificate by someone else for the very same name and key: useful to clients only while it is valid. */
function isCrossOf(other: X509Certificate, cert: X509Certificate, nowMs: number): boolean {
  return (
    isSelfSigned(cert) &&
    !isSelfSigned(other) &&
    other.subject === cert.subject &&
    other.publicKey.equals(cert.publicKey) &&
    other.validToDate.getTime() > nowMs
  )
}

/** The certificate, then its issuers as far as they are there. */
function pathOf(stored: StoredCa): X509Certificate[] {
  const cert = certificateIn(stored)
  const others = certificatesOr(`${stored.certFile} or the chain beside it`, `${stored.certPem}\n${stored.chainPem}`)
  return [cert, ...issuersOf(cert, others)]
}

function earlierPublic({ file, text }: { file: string; text: string }): CaPublic {
  const [cert, ...others] = certificatesOr(file, text)
  if (cert === undefined) throw new UserError(`${file} holds no certificate.`)
  return sideOf(file, [cert, ...issuersOf(cert, others)], [], text)
}

function sideOf(file: string, path: X509Certificate[], sent: X509Certificate[], origin: string): CaPublic {
  try {
    return publicSide(path, sent.map(pemOf).join(''), wasImported(origin))
  } catch {
    throw new UserError(`${file} is not a usable certificate. ${RESTORE}`)
  }
}

function certificateIn(stored: StoredCa): X509Certificate {
  const cert = certificatesOr(stored.certFile, stored.certPem)[0]
  if (cert === undefined) throw new UserError(`${stored.certFile} is not a usable certificate. ${RESTORE}`)
  return cert
}

function certificatesOr(what: string, text: string): X509Certificate[] {
  try {
    return readCertificates(text)
  } catch {
    throw new UserError(`${what} is not a usable certificate. ${RESTORE}`)
  }
}
