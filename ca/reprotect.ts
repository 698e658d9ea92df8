import fs from 'node:fs'
import { UserError } from '../src/core/errors.ts'
import { replaceFile } from './files.ts'
import { readCaFolder, settle } from './folder.ts'
import { type LoadOptions, unlock } from './load.ts'
import { withCaLock } from './lock.ts'
import { keyPem } from './protect.ts'

/**
 * Puts the CA's key (and the next one's) under `passphrase`, or with null in the clear. Each file is the old or the new one
 * at every instant; cut short between the two, both are still whole, and the same command completes it.
 */
export function reprotect(dir: string, passphrase: string | null, options: LoadOptions): void {
  withCaLock(dir, () => {
    settle(dir)
    const { current, next } = readCaFolder(dir)
    const opened = [current, ...(next === null ? [] : [next])].map(stored => {
      // Another name of the same file would go on holding the key as it was.
      if (passphrase !== null && fs.lstatSync(stored.keyFile).nlink > 1)
        throw new UserError(
          `${stored.keyFile} has a second name somewhere (a hard link), which would keep the old contents. Remove it first.`,
        )
      return { file: stored.keyFile, key: unlock(stored, options) }
    })
    for (const { file, key } of opened) replaceFile(file, keyPem(key, passphrase), 'secret')
  })
}
