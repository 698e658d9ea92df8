import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { UserError } from '../src/core/errors.ts'
import { caFiles, placeCa } from './create.ts'
import { issuersOf, whatIsWrong } from './judge.ts'
import type { LoadOptions } from './load.ts'
import { readPkcs12 } from './pkcs12-read.ts'
import { isEncrypted, openKey } from './protect.ts'
import { hasKnownKey, IMPORTED, isSelfSigned, pemOf, readCertificates } from './read.ts'
import { offerNext } from './rotate.ts'

export interface ImportedFile {
  /** For messages. */
  name: string
  bytes: Buffer
}

interface Found {
  keys: KeyObject[]
  certs: X509Certificate[]
}

/** Does any of these files open only with a passphrase? */
export function needsPassphrase(files: readonly ImportedFile[]): boolean {
  return files.some(file => readFile(file, null) === 'locked')
}

/**
 * A CA made elsewhere, from PEM, DER or PKCS#12 files with its certificate, its key and, for an intermediate, every
 * certificate up to its root. It becomes the CA of the empty folder `dir`, or (`asNext`) the one being rolled out there.
 * `passphrase` opens the files, `options` says how the key is kept here. Throws UserError; then nothing was changed.
 */
export function importCa(
  dir: string,
  files: readonly ImportedFile[],
  passphrase: string | null,
  options: LoadOptions & { asNext?: boolean },
): void {
  const found: Found = { keys: [], certs: [] }
  for (const file of files) {
    const part = readFile(file, passphrase)
    if (part === 'locked') throw new UserError(`${file.name} is encrypted, and no passphrase is given.`)
    if (part === 'wrong') throw new UserError(`The passphrase does not open ${file.name}.`)
    found.keys.push(...part.keys)
    found.certs.push(...part.certs)
    if (!part.certs.every(hasKnownKey))
      throw new UserError(`${file.name} holds a certificate with a key of an unknown kind.`)
  }
  const key = onlyKey(found.keys)
  const [cert, ...above] = bestPath(key, found.certs, options.nowMs ?? Date.now())
  const crossed = found.certs.filter(
    other => other.checkPrivateKey(key) && other.subject === cert!.subject && !isSelfSigned(other),
  )
  const chain = isSelfSigned(cert!) ? crossed : above
  const chainPem = `${IMPORTED}\n${chain.map(pemOf).join('')}`
  const ready = caFiles({ key, certPem: pemOf(cert!) }, chainPem, options)
  if (options.asNext === true) offerNext(dir, ready)
  else if (!placeCa(dir, ready))
    throw new UserError(
      `${dir} already holds a CA. Import with --next to roll this one out beside it, or move the folder away first.`,
    )
}

function onlyKey(keys: readonly KeyObject[]): KeyObject {
  const [key, ...others] = keys
  if (key === undefined) throw new UserError('There is no private key in these files. Name its file with --key.')
  if (others.some(other => !other.equals(key)))
    throw new UserError('There are several private keys in these files. Name only the one of the CA.')
  return key
}

/** The certificate of the key with its issuers; of several certificates the first with which everything is right. */
function bestPath(key: KeyObject, certs: readonly X509Certificate[], nowMs: number): X509Certificate[] {
  const candidates = certs.filter(cert => cert.checkPrivateKey(key))
  if (certs.length === 0) throw new UserError('There is no certificate in these files.')
  if (candidates.length === 0)
    throw new UserError('The private key belongs to none of the certificates in these files.')
  const problems: string[] = []
  // A root needs no help from above.
  for (const cert of [...candidates.filter(isSelfSigned), ...candidates.filter(each => !isSelfSigned(each))]) {
    const path = [cert, ...issuersOf(cert, certs)]
    const wrong = whatIsWrong(path, nowMs)
    if (wrong === null) return path
    problems.push(wrong)
  }
  throw new UserError(`This cannot be the CA: ${problems[0]}.`)
}

function readFile({ name, bytes }: ImportedFile, passphrase: string | null): Found | 'locked' | 'wrong' {
  const text = bytes.toString('latin1')
  if (text.includes('-----BEGIN ')) return readPem(name, text, passphrase)
  try {
    return { keys: [], certs: [new X509Certificate(bytes)] }
  } catch {}
  try {
    return { keys: [createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' })], certs: [] }
  } catch {}
  try {
    const contents = readPkcs12(bytes, passphrase ?? '')
    return contents === 'wrong' && passphrase === null ? 'locked' : contents
  } catch (error) {
    throw new UserError(`${name} is not PEM, and cannot be read as PKCS#12: ${short(error)}.`)
  }
}

function readPem(name: string, text: string, passphrase: string | null): Found | 'locked' | 'wrong' {
  const keys: KeyObject[] = []
  for (const [block] of text.matchAll(/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/g)) {
    const key = openKey(block, passphrase === null || !isEncrypted(block) ? [] : [passphrase])
    if (key === 'locked' || key === 'wrong') return key
    if (key === 'unusable') throw new UserError(`${name} holds a private key that cannot be read.`)
    keys.push(key)
  }
  try {
    return { keys, certs: readCertificates(text) }
  } catch {
    throw new UserError(`${name} holds a certificate that cannot be read.`)
  }
}

/** Only our own reader's sentences; what OpenSSL or forge say helps nobody. */
function short(error: unknown): string {
  const message = (error as Error).message
  return message.startsWith('its ') || message.startsWith('it ') ? message : 'it is damaged or something else'
}
