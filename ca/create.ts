import { type KeyObject, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import type { Ca } from '../src/core/ca.ts'
import { UserError } from '../src/core/errors.ts'
import { type CaShape, selfSigned } from './certificate.ts'
import { errno, type NewFile, placeFolder } from './files.ts'
import { type CaKind, generateCaKey } from './kinds.ts'
import { type LoadOptions, loadCas } from './load.ts'
import { configuredPassphrase } from './passphrase.ts'
import { keyPem } from './protect.ts'

export type { Ca } from '../src/core/ca.ts'

/** `tls.ca` of the configuration fits. All but the passphrase matters only when a CA is made. */
export interface CaOptions extends LoadOptions {
  kind?: CaKind
  /** The CA's common name; null or absent: made of the host's name, so that people can tell two boxes apart. */
  name?: string | null
  years?: number
  pathLength?: number | null
  permitted?: readonly string[]
  excluded?: readonly string[]
  /** Default: this machine's. */
  hostname?: string
}

/**
 * The CA of this box from `<dir>/ca.key` and `<dir>/ca.pem`, made when the folder does not exist or is empty.
 * Every other state (one file missing, unreadable, readable by others, not belonging together, expired) is a UserError:
 * a CA replaced in silence would cut off every client that trusts the old one.
 */
export function loadOrCreateCa(dir: string, options: CaOptions = {}): Ca {
  const found = listFolder(dir)
  if (found === null || found.length === 0) createCa(dir, options)
  else if (!found.includes('ca.key') && !found.includes('ca.pem'))
    throw new UserError(
      `${dir} holds other files but no CA. Restore ca.key and ca.pem from a backup, or empty the folder to make a new CA.`,
    )
  return loadCas(dir, options).current
}

/** Is there anything in the CA's folder? Throws UserError when it cannot be looked into. */
export function hasCa(dir: string): boolean {
  return (listFolder(dir) ?? []).length > 0
}

/** Makes the CA. Returns false, with nothing changed, when the folder holds something: then another process was first. */
export function createCa(dir: string, options: CaOptions): boolean {
  return placeCa(dir, caFiles(newCa(options), '', options))
}

export function placeCa(dir: string, files: readonly NewFile[]): boolean {
  try {
    placeFolder(dir, files)
    return true
  } catch (error) {
    if (errno(error) === 'ENOTEMPTY' || errno(error) === 'EEXIST') return false
    throw new UserError(
      `The CA could not be written to ${dir} (${errno(error)}). Check the folder's owner and free space.`,
    )
  }
}

/** A fresh key pair and its certificate. */
export function newCa(options: CaOptions): { key: KeyObject; certPem: string } {
  const { privateKey } = generateCaKey(options.kind ?? 'p256')
  const shape: CaShape = {
    commonName:
      options.name ?? `Weir CA ${plainHostname(options.hostname ?? os.hostname())} ${randomBytes(3).toString('hex')}`,
    years: options.years ?? 10,
    pathLength: options.pathLength === undefined ? 0 : options.pathLength,
    permitted: options.permitted ?? [],
    excluded: options.excluded ?? [],
  }
  return { key: privateKey, certPem: selfSigned(privateKey, shape, options.nowMs ?? Date.now()) }
}

/** What is to lie in the folder; the key under a passphrase when one was given or is configured. */
export function caFiles(ca: { key: KeyObject; certPem: string }, chainPem: string, options: LoadOptions): NewFile[] {
  const passphrase = options.passphrases?.[0] ?? configuredPassphrase(options.passphraseFile ?? null)
  return [
    { name: 'ca.key', text: keyPem(ca.key, passphrase), secrecy: 'secret' },
    { name: 'ca.pem', text: ca.certPem, secrecy: 'public' },
    ...(chainPem === '' ? [] : [{ name: 'chain.pem', text: chainPem, secrecy: 'public' } as const]),
  ]
}

function listFolder(dir: string): string[] | null {
  try {
    return fs.readdirSync(dir)
  } catch (error) {
    if (errno(error) === 'ENOENT') return null
    throw new UserError(`The CA folder ${dir} cannot be read (${errno(error)}).`)
  }
}

/** A common name has at most 64 characters (RFC 5280, ub-common-name): "Weir CA ", a space and six hex digits are 15 of them. */
function plainHostname(hostname: string): string {
  return hostname.replace(/[^A-Za-z0-9.-]/g, '').slice(0, 40) || 'box'
}
