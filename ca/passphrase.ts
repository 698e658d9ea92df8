import fs from 'node:fs'
import path from 'node:path'
import { UserError } from '../src/core/errors.ts'
import { readBounded } from './files.ts'
import { MAX_PASSPHRASE } from './protect.ts'

/** LoadCredential=weir-ca-passphrase:… or LoadCredentialEncrypted=… in the unit puts it there (systemd.exec(5)). */
const CREDENTIAL = 'weir-ca-passphrase'

/**
 * The passphrase that this installation keeps its CA key under, or null when it keeps the key in the clear: `tls.ca.passphraseFile`,
 * else the service's credential. Throws UserError when what is named cannot be used.
 */
export function configuredPassphrase(file: string | null, env: NodeJS.ProcessEnv = process.env): string | null {
  if (file !== null) return passphraseFromFile(file)
  const credential = path.join(env.CREDENTIALS_DIRECTORY ?? '', CREDENTIAL)
  if (!env.CREDENTIALS_DIRECTORY || !fs.existsSync(credential)) return null
  // systemd keeps it in memory, in a folder for this service alone; the group bits it shows there are an ACL's mask.
  return usable(readBounded(credential, 'public', ''), credential)
}

/** The file must be as private as the key itself. */
export function passphraseFromFile(file: string): string {
  return usable(readBounded(file, 'secret', ''), file)
}

export function passphraseFromEnv(name: string, env: NodeJS.ProcessEnv = process.env): string {
  const value = env[name]
  if (value === undefined) throw new UserError(`The environment variable ${name} is not set.`)
  return checked(value, `The environment variable ${name}`)
}

function usable(latin1: string, file: string): string {
  return checked(
    Buffer.from(latin1, 'latin1')
      .toString('utf8')
      .replace(/\r?\n$/, ''),
    file,
  )
}

/** Any text on one line; an editor's final line break is not part of it. */
function checked(value: string, where: string): string {
  if (value === '') throw new UserError(`${where} holds no passphrase.`)
  if (/[\r\n\0]/.test(value)) throw new UserError(`${where} holds more than one line; a passphrase is one line.`)
  if (Buffer.byteLength(value) > MAX_PASSPHRASE)
    throw new UserError(`The passphrase in ${where} is longer than ${MAX_PASSPHRASE} bytes.`)
  return value
}

const MIN_NEW = 12

/** A new one protects a key that can read a whole network's traffic, from somebody who has the file and all the time. */
export function checkNewPassphrase(value: string): void {
  if ([...value].length < MIN_NEW)
    throw new UserError(`The passphrase is too short: at least ${MIN_NEW} characters, better some random words.`)
}
