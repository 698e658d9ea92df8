import fs from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import { UserError } from '../src/core/errors.ts'
import { ensureFile, errno } from './files.ts'

const WAIT_MS = 5_000

/**
 * Runs `work` while no other command changes this CA. Node has no flock(2); SQLite's lock on a file beside the folder is as
 * good: it goes with its process, however that ends. Readers need no lock. Throws UserError after `waitMs`.
 */
export function withCaLock<T>(dir: string, work: () => T, waitMs = WAIT_MS): T {
  const file = `${dir}.lock`
  let db: Database.Database
  try {
    fs.mkdirSync(path.dirname(dir), { recursive: true, mode: 0o700 })
    ensureFile(file)
    db = new Database(file, { timeout: waitMs })
  } catch (error) {
    throw new UserError(
      `The folder of ${dir} cannot be written (${errno(error)}). Run this as the user that runs Weir.`,
    )
  }
  try {
    db.exec('BEGIN EXCLUSIVE')
    return work()
  } catch (error) {
    if (errno(error).startsWith('SQLITE_BUSY'))
      throw new UserError(`Another command is changing ${dir}. Try again when it is done.`)
    if (errno(error).startsWith('SQLITE_')) throw new UserError(`${file} cannot be locked (${errno(error)}).`)
    // Only what the system refused; a mistake of ours keeps its stack.
    if ((error as NodeJS.ErrnoException).syscall !== undefined)
      throw new UserError(`${dir} cannot be changed (${errno(error)}). Check its owner and free space.`)
    throw error
  } finally {
    db.close()
  }
}
