import { randomBytes, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { UserError } from '../src/core/errors.ts'
import { crossSigned } from './certificate.ts'
import { type CaOptions, caFiles, newCa } from './create.ts'
import { errno, makeFolder, type NewFile, placeFolder, replaceFile, syncFolder } from './files.ts'
import { readCaFolder, settle, switchToNext } from './folder.ts'
import { type LoadOptions, readCas, unlock, usablePublic } from './load.ts'
import { withCaLock } from './lock.ts'
import { IMPORTED, isSelfSigned, readCaFacts } from './read.ts'

/** Which of the two CAs stands in for the other while both are on devices. */
export interface Overlap {
  /** Devices that know only the next CA accept what the current one signs, from now on. */
  newDevices: boolean
  /** Devices that know only the current CA accept what the next one signs, after the switch. */
  oldDevices: boolean
}

/**
 * Makes the next CA beside the current one, which goes on signing. With `cross` each certifies the other, as far as path
 * lengths allow: the certified one stands between a root and leaves, so the root's must be 1 or more.
 */
export function startRotation(dir: string, options: CaOptions & { cross?: boolean }): Overlap {
  return withCaLock(dir, () => {
    settle(dir)
    const { current } = readCaFolder(dir)
    // Also without `cross`: the next key goes under the same passphrase, so it must be the right one.
    const currentKey = unlock(current, options)
    if (options.cross !== true) {
      placeNext(dir, caFiles(newCa(options), '', options))
      return { newDevices: false, oldDevices: false }
    }
    const old = new X509Certificate(current.certPem)
    if (!isSelfSigned(old))
      throw new UserError(
        'The current CA is an intermediate, whose root is not ours to certify by. Rotate without --cross.',
      )
    const pathLength = options.pathLength === null ? null : Math.max(1, options.pathLength ?? 0)
    const next = newCa({ ...options, pathLength })
    const fresh = new X509Certificate(next.certPem)
    const validity = {
      notBefore: Math.max(old.validFromDate.getTime(), fresh.validFromDate.getTime()),
      notAfter: Math.min(old.validToDate.getTime(), fresh.validToDate.getTime()),
    }
    const oldDevices = readCaFacts(old.raw).pathLength !== 0
    const chainPem = oldDevices ? crossSigned(fresh.raw, old.raw, currentKey, validity) : ''
    const crossPem = crossSigned(old.raw, fresh.raw, next.key, validity)
    placeNext(dir, [...caFiles(next, chainPem, options), { name: 'cross.pem', text: crossPem, secrecy: 'public' }])
    return { newDevices: true, oldDevices }
  })
}

/** Puts a CA from elsewhere beside the current one. */
export function offerNext(dir: string, files: readonly NewFile[]): void {
  withCaLock(dir, () => {
    settle(dir)
    placeNext(dir, files)
  })
}

function placeNext(dir: string, files: readonly NewFile[]): void {
  readCaFolder(dir)
  const chain = files.some(({ name }) => name === 'chain.pem')
  // Always there, so that at the switch it takes the place of the old one's.
  const all: NewFile[] = chain ? [...files] : [...files, { name: 'chain.pem', text: '', secrecy: 'public' }]
  try {
    placeFolder(path.join(dir, 'next'), all)
  } catch (error) {
    if (errno(error) === 'ENOTEMPTY' || errno(error) === 'EEXIST')
      throw new UserError(
        'A next CA is already being rolled out. Finish with "weir ca rotate --finish", or drop it with --cancel.',
      )
    throw new UserError(`The next CA could not be written to ${dir} (${errno(error)}).`)
  }
}

/**
 * The next CA signs from here on. The old one's certificate is kept, because devices still trust it; its key is gone.
 * Throws UserError, with nothing changed, when there is no next one or it could not be used.
 */
export function finishRotation(dir: string, options: LoadOptions): void {
  withCaLock(dir, () => {
    settle(dir)
    const { current, next, previous } = readCaFolder(dir)
    if (next === null) throw new UserError('No next CA is being rolled out. Make one with "weir ca rotate".')
    unlock(next, options)
    const nowMs = options.nowMs ?? Date.now()
    usablePublic(next, nowMs)
    const old = readCas(dir, nowMs).current
    const folder = path.join(dir, 'previous')
    if (!fs.existsSync(folder)) makeFolder(folder)
    const text = old.imported ? `${IMPORTED}\n${old.certPem}${current.chainPem}` : old.certPem
    replaceFile(path.join(folder, `${old.sha256}.pem`), text, 'public')
    switchToNext(dir)
    for (const { file, text: earlier } of previous)
      if (new X509Certificate(earlier).validToDate.getTime() <= nowMs) fs.rmSync(file, { force: true })
  })
}

/** Drops the next CA and its key. Throws UserError when there is none. */
export function cancelRotation(dir: string): void {
  withCaLock(dir, () => {
    settle(dir)
    const gone = path.join(dir, `next.gone-${randomBytes(6).toString('hex')}`)
    try {
      fs.renameSync(path.join(dir, 'next'), gone)
    } catch (error) {
      if (errno(error) === 'ENOENT') throw new UserError('No next CA is being rolled out.')
      throw new UserError(`The next CA cannot be removed (${errno(error)}).`)
    }
    syncFolder(dir)
    fs.rmSync(gone, { recursive: true, force: true })
  })
}
