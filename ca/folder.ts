import fs from 'node:fs'
import path from 'node:path'
import { UserError } from '../src/core/errors.ts'
import { errno, moveIfThere, readBounded, syncFolder } from './files.ts'

/**
 * What lies in `<stateDir>/ca`:
 *
 *   ca.key  ca.pem  chain.pem        the CA that signs; chain.pem: issuers of an intermediate, or its cross certificates
 *   next/ca.key ca.pem chain.pem     the one being rolled out, complete before it gets its name
 *   next/cross.pem                   the current one, certified by the next
 *   previous/<sha256>.pem            certificates of earlier ones; their keys are gone
 *
 * The switch to `next` has one decisive step, the renaming of next/ca.key to ca.key. From there on the files still in
 * `next` are the right ones and those beside ca.key are old: read so by readCaFolder(), put right by settle().
 */
export interface StoredCa {
  keyFile: string
  keyPem: string
  certFile: string
  certPem: string
  /** '' when there is none. */
  chainPem: string
}

export interface CaFolder {
  current: StoredCa
  next: (StoredCa & { crossPem: string }) | null
  /** PEM, the certificate first and its chain after it. */
  previous: { file: string; text: string }[]
}

export const RESTORE =
  'Restore both files from a backup, or move the folder away to make a new CA (every client must then trust the new one).'

/** A rename between two of our reads makes them disagree; a switch is a handful of them. */
const MAX_TRIES = 50

/** One state of the folder, never half of two, while other processes may change it. Throws UserError. */
export function readCaFolder(dir: string): CaFolder {
  const { mode, uid } = statFolder(dir)
  if ((mode & 0o022) !== 0)
    throw new UserError(`The CA folder ${dir} can be written by other users. Run: chmod 700 ${dir}`)
  if (uid !== 0 && uid !== process.getuid!() && process.getuid!() !== 0)
    throw new UserError(`The CA folder ${dir} belongs to another user. Run this as the user that runs Weir.`)
  for (let left = MAX_TRIES; ; left--) {
    const before = stamp(dir)
    try {
      const folder = readOnce(dir)
      if (stamp(dir) === before) return folder
    } catch (error) {
      if (stamp(dir) === before) throw error
    }
    if (left === 0) throw new UserError(`${dir} is being changed all the time. Try again.`)
  }
}

function statFolder(dir: string): fs.Stats {
  try {
    fs.accessSync(dir, fs.constants.R_OK | fs.constants.X_OK)
    return fs.statSync(dir)
  } catch (error) {
    if (errno(error) === 'ENOENT') throw new UserError(`There is no CA in ${dir}. Make one with "weir ca create".`)
    throw new UserError(`The CA folder ${dir} cannot be read (${errno(error)}). Run this as the user that runs Weir.`)
  }
}

function readOnce(dir: string): CaFolder {
  const next = path.join(dir, 'next')
  const switched = isSwitched(dir)
  const pick = (name: string) =>
    switched && fs.existsSync(path.join(next, name)) ? path.join(next, name) : path.join(dir, name)
  return {
    current: readStored(path.join(dir, 'ca.key'), pick('ca.pem'), pick('chain.pem')),
    next:
      switched || !fs.existsSync(next)
        ? null
        : {
            ...readStored(path.join(next, 'ca.key'), path.join(next, 'ca.pem'), path.join(next, 'chain.pem')),
            crossPem: readOptional(path.join(next, 'cross.pem')),
          },
    previous: listOrNone(path.join(dir, 'previous'))
      .filter(name => /^[0-9a-f]{64}\.pem$/.test(name))
      .map(name => path.join(dir, 'previous', name))
      .map(file => ({ file, text: readBounded(file, 'public', '') })),
  }
}

function readStored(keyFile: string, certFile: string, chainFile: string): StoredCa {
  return {
    keyFile,
    keyPem: readBounded(keyFile, 'secret', RESTORE),
    certFile,
    certPem: readBounded(certFile, 'public', RESTORE),
    chainPem: readOptional(chainFile),
  }
}

function readOptional(file: string): string {
  return fs.existsSync(file) ? readBounded(file, 'public', '') : ''
}

/** The decisive step was taken, and what follows it was not completed. */
function isSwitched(dir: string): boolean {
  return fs.existsSync(path.join(dir, 'next')) && !fs.existsSync(path.join(dir, 'next/ca.key'))
}

/** Inodes say whether a file was exchanged; times would be too coarse. */
function stamp(dir: string): string {
  const names = [
    'ca.key',
    'ca.pem',
    'chain.pem',
    'next',
    'next/ca.key',
    'next/ca.pem',
    'next/chain.pem',
    'next/cross.pem',
  ]
  return names
    .map(name => {
      const stat = fs.lstatSync(path.join(dir, name), { throwIfNoEntry: false, bigint: true })
      return stat === undefined ? '-' : `${stat.ino}.${stat.mtimeNs}`
    })
    .join(' ')
}

/** The decisive step and what follows. To be called with the lock held. */
export function switchToNext(dir: string): void {
  fs.renameSync(path.join(dir, 'next/ca.key'), path.join(dir, 'ca.key'))
  syncFolder(path.join(dir, 'next'))
  syncFolder(dir)
  settle(dir)
}

/** Completes a switch that was cut short and removes what a crash left over. To be called with the lock held. */
export function settle(dir: string): void {
  if (!fs.existsSync(dir)) return
  if (isSwitched(dir)) {
    for (const name of ['chain.pem', 'ca.pem']) moveIfThere(path.join(dir, 'next', name), path.join(dir, name))
    syncFolder(dir)
    fs.rmSync(path.join(dir, 'next'), { recursive: true, force: true })
  }
  for (const name of listOrNone(dir)) {
    if (/\.(?:new|gone)-[0-9a-f]{12}$/.test(name)) fs.rmSync(path.join(dir, name), { recursive: true, force: true })
  }
  syncFolder(dir)
}

function listOrNone(dir: string): string[] {
  try {
    return fs.readdirSync(dir)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw new UserError(`${dir} cannot be read (${errno(error)}).`)
  }
}
