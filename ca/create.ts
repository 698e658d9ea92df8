import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { CaPublic } from '../src/core/ca.ts'
import { UserError } from '../src/core/errors.ts'
import { buildCaCertificate } from './certificate.ts'

export interface CaOptions {
  /** Stands in the CA's name, so that people can tell two boxes apart. Default: this machine's. */
  hostname?: string
  nowMs?: number
}

export interface Ca {
  public: CaPublic
  key: KeyObject
}

/** No key or certificate of ours is near it; reading is bounded all the same. */
const MAX_FILE_BYTES = 64 * 1024

/**
 * The CA of this box from `<dir>/ca.key` and `<dir>/ca.pem`, made when the folder does not exist or is empty.
 * Every other state (one file missing, unreadable, readable by others, not belonging together, expired) is a UserError:
 * a CA replaced in silence would cut off every client that trusts the old one.
 */
export function loadOrCreateCa(dir: string, options: CaOptions = {}): Ca {
  const nowMs = options.nowMs ?? Date.now()
  const found = listFolder(dir)
  if (found === null || found.length === 0) create(dir, options.hostname ?? os.hostname(), nowMs)
  else if (!found.includes('ca.key') && !found.includes('ca.pem'))
    throw new UserError(
      `${dir} holds other files but no CA. Restore ca.key and ca.pem from a backup, or empty the folder to make a new CA.`,
    )
  return load(dir, nowMs)
}

function listFolder(dir: string): string[] | null {
  try {
    return fs.readdirSync(dir)
  } catch (error) {
    if (errno(error) === 'ENOENT') return null
    throw new UserError(`The CA folder ${dir} cannot be read (${errno(error)}).`)
  }
}

/** Both files appear in one rename of the folder, so a crash leaves a whole CA or none. */
function create(dir: string, hostname: string, nowMs: number): void {
  const fresh = `${dir}.new-${randomBytes(6).toString('hex')}`
  try {
    fs.mkdirSync(path.dirname(dir), { recursive: true, mode: 0o700 })
    fs.mkdirSync(fresh, { mode: 0o700 })
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const certPem = buildCaCertificate(
      pair,
      `Weir CA ${plainHostname(hostname)} ${randomBytes(3).toString('hex')}`,
      nowMs,
    )
    writeSynced(path.join(fresh, 'ca.key'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, 0o600)
    writeSynced(path.join(fresh, 'ca.pem'), certPem, 0o644)
    syncFolder(fresh)
    fs.renameSync(fresh, dir)
    syncFolder(path.dirname(dir))
  } catch (error) {
    fs.rmSync(fresh, { recursive: true, force: true })
    // Another process was first: its CA is as good.
    if (errno(error) === 'ENOTEMPTY' || errno(error) === 'EEXIST') return
    throw new UserError(
      `The CA could not be written to ${dir} (${errno(error)}). Check the folder's owner and free space.`,
    )
  }
}

function writeSynced(file: string, text: string, mode: number): void {
  const fd = fs.openSync(file, 'wx', mode)
  try {
    // The mode given to open() is narrowed by the umask; the certificate must stay readable.
    fs.fchmodSync(fd, mode)
    fs.writeFileSync(fd, text)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function syncFolder(dir: string): void {
  const fd = fs.openSync(dir, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function load(dir: string, nowMs: number): Ca {
  const keyFile = path.join(dir, 'ca.key')
  const certFile = path.join(dir, 'ca.pem')
  const restore =
    'Restore both files from a backup, or move the folder away to make a new CA (every client must then trust the new one).'
  if ((fs.statSync(dir).mode & 0o022) !== 0)
    throw new UserError(`The CA folder ${dir} can be written by other users. Run: chmod 700 ${dir}`)
  const keyPem = readBounded(keyFile, true, restore)
  const certPem = readBounded(certFile, false, restore)
  let key: KeyObject
  try {
    key = createPrivateKey(keyPem)
  } catch {
    // OpenSSL's message says nothing more to a person, and nothing from a key file belongs into a message.
    throw new UserError(`${keyFile} is not a usable private key. ${restore}`)
  }
  const cert = readCertificate(certPem)
  if (cert === null) throw new UserError(`${certFile} is not a usable certificate. ${restore}`)
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new UserError(`${keyFile} is not an ECDSA P-256 key, the only kind this version mints with. ${restore}`)
  if (!cert.checkPrivateKey(key)) throw new UserError(`${keyFile} and ${certFile} do not belong together. ${restore}`)
  if (!cert.ca) throw new UserError(`${certFile} is not the certificate of a certificate authority. ${restore}`)
  const pub = publicSide(cert)
  if (pub.notAfter <= nowMs)
    throw new UserError(
      `The CA certificate ${certFile} expired on ${day(pub.notAfter)}. Move the folder ${dir} away to make a new CA, and install it on every client.`,
    )
  if (pub.notBefore > nowMs)
    throw new UserError(
      `The CA certificate ${certFile} is valid only from ${day(pub.notBefore)}, and the clock says ${day(nowMs)}. Set the clock.`,
    )
  return { public: pub, key }
}

function readBounded(file: string, secret: boolean, restore: string): string {
  let fd: number
  try {
    fd = fs.openSync(file, 'r')
  } catch (error) {
    const why = errno(error) === 'ENOENT' ? 'is missing' : `cannot be read (${errno(error)})`
    throw new UserError(`${file} ${why}. ${restore}`)
  }
  try {
    // Asked of the open file, so that it cannot be exchanged between the question and the reading.
    const stat = fs.fstatSync(fd)
    if (!stat.isFile() || stat.size > MAX_FILE_BYTES)
      throw new UserError(`${file} is not a key or certificate file. ${restore}`)
    if (secret && (stat.mode & 0o077) !== 0)
      throw new UserError(
        `The CA key ${file} can be read by other users. Run: chmod 600 ${file} — and if anyone may have copied it, make a new CA.`,
      )
    if (secret && stat.uid !== 0 && stat.uid !== process.getuid?.())
      throw new UserError(`The CA key ${file} belongs to another user. Run: chown ${process.getuid?.()} ${file}`)
    return fs.readFileSync(fd, 'latin1')
  } finally {
    fs.closeSync(fd)
  }
}

function readCertificate(text: string): X509Certificate | null {
  try {
    return new X509Certificate(text)
  } catch {
    return null
  }
}

function publicSide(cert: X509Certificate): CaPublic {
  return {
    certPem: cert.toString(),
    certDer: Buffer.from(cert.raw),
    sha256: createHash('sha256').update(cert.raw).digest('hex'),
    subject: /(?:^|\n)CN=([^\n]*)/.exec(cert.subject)?.[1] ?? cert.subject.replaceAll('\n', ', '),
    notBefore: cert.validFromDate.getTime(),
    notAfter: cert.validToDate.getTime(),
  }
}

/** The public key that belongs to a private one, as SubjectPublicKeyInfo DER. */
export function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}

/** A common name has at most 64 characters (RFC 5280, ub-common-name): "Weir CA ", a space and six hex digits are 15 of them. */
function plainHostname(hostname: string): string {
  return hostname.replace(/[^A-Za-z0-9.-]/g, '').slice(0, 40) || 'box'
}

function errno(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error'
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
