import { UserError } from '../src/core/errors.ts'
import { errno, writeSynced } from './files.ts'
import { readCaFolder } from './folder.ts'
import { type LoadOptions, unlock } from './load.ts'
import { checkNewPassphrase } from './passphrase.ts'
import { writePkcs12 } from './pkcs12.ts'
import { encryptKey, ITERATIONS, keyPem } from './protect.ts'
import { pemOf, readCertificates, subjectOf } from './read.ts'

/**
 * Key, certificate and chain in one file (0600), the key always under `passphrase`: PKCS#12, or PEM when the name ends in
 * `.pem`. `weir ca import` reads both. Never writes over a file. Throws UserError.
 */
export function backupCa(dir: string, file: string, passphrase: string, options: LoadOptions): void {
  checkNewPassphrase(passphrase)
  const { current } = readCaFolder(dir)
  const key = unlock(current, options)
  const [cert, ...chain] = readCertificates(`${current.certPem}\n${current.chainPem}`)
  const id = Buffer.from(cert!.fingerprint.replaceAll(':', ''), 'hex')
  const entry = { der: cert!.raw, name: subjectOf(cert!), trusted: false, localKeyId: id }
  const bytes = file.endsWith('.pem')
    ? Buffer.from(keyPem(key, passphrase) + [cert!, ...chain].map(pemOf).join(''))
    : writePkcs12(
        [entry, ...chain.map(each => ({ der: each.raw, name: subjectOf(each), trusted: false, localKeyId: null }))],
        [{ der: encryptKey(key, passphrase), name: entry.name, localKeyId: id }],
        passphrase,
        ITERATIONS,
      )
  try {
    writeSynced(file, bytes, 'secret')
  } catch (error) {
    if (errno(error) === 'EEXIST') throw new UserError(`${file} exists already; a backup is never written over a file.`)
    throw new UserError(`${file} cannot be written (${errno(error)}).`)
  }
}
