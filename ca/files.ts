import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { UserError } from '../src/core/errors.ts'

/** No key, certificate or chain of ours is near it; reading is bounded all the same. */
const MAX_FILE_BYTES = 256 * 1024

export type Secrecy = 'secret' | 'public'

/**
 * A whole small file. A secret must be a regular file that nobody else can read, owned by us or root (or, for root, by the
 * owner of its folder), and no symbolic link: replacing a link would leave the key where it points.
 * Throws UserError; `restore` ends its text.
 */
export function readBounded(file: string, secrecy: Secrecy, restore: string): string {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  let fd: number
  try {
    // A named pipe would otherwise be waited for.
    fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | (secrecy === 'secret' ? O_NOFOLLOW : 0))
  } catch (error) {
    if (errno(error) === 'ELOOP')
      throw new UserError(`${file} is a symbolic link. Put the file itself there. ${restore}`.trim())
    const why = errno(error) === 'ENOENT' ? 'is missing' : `cannot be read (${errno(error)})`
    throw new UserError(`${file} ${why}. ${restore}`.trim())
  }
  try {
    // Asked of the open file, so that it cannot be exchanged between the question and the reading.
    const stat = fs.fstatSync(fd)
    if (!stat.isFile() || stat.size > MAX_FILE_BYTES)
      throw new UserError(`${file} is not a key or certificate file. ${restore}`.trim())
    if (secrecy === 'secret') checkSecret(file, stat)
    return fs.readFileSync(fd, 'latin1')
  } finally {
    fs.closeSync(fd)
  }
}

function checkSecret(file: string, stat: fs.Stats): void {
  if ((stat.mode & 0o077) !== 0)
    throw new UserError(
      `The secret file ${file} can be read by other users. Run: chmod 600 ${file} — and if anyone may have copied it, make a new one.`,
    )
  const me = process.getuid!()
  const accepted = me === 0 ? [0, fs.statSync(path.dirname(file)).uid] : [0, me]
  if (!accepted.includes(stat.uid))
    throw new UserError(`The secret file ${file} belongs to another user. Run: chown ${accepted[1]} ${file}`)
}

export interface NewFile {
  name: string
  text: string
  secrecy: Secrecy
}

/** All files appear in one rename of their folder, so a crash leaves all or none. Throws ENOTEMPTY when `target` is there. */
export function placeFolder(target: string, files: readonly NewFile[]): void {
  const fresh = `${target}.new-${randomBytes(6).toString('hex')}`
  try {
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 })
    makeFolder(fresh)
    for (const file of files) writeSynced(path.join(fresh, file.name), file.text, file.secrecy)
    syncFolder(fresh)
    fs.renameSync(fresh, target)
    syncFolder(path.dirname(target))
  } catch (error) {
    fs.rmSync(fresh, { recursive: true, force: true })
    throw error
  }
}

export function makeFolder(dir: string): void {
  fs.mkdirSync(dir, { mode: 0o700 })
  giveAway(dir, path.dirname(dir))
}

/** The file is the old or the new one at every instant, also after a loss of power. */
export function replaceFile(file: string, text: string, secrecy: Secrecy): void {
  const fresh = `${file}.new-${randomBytes(6).toString('hex')}`
  try {
    writeSynced(fresh, text, secrecy)
    fs.renameSync(fresh, file)
    syncFolder(path.dirname(file))
  } catch (error) {
    fs.rmSync(fresh, { force: true })
    throw error
  }
}

/** Throws EEXIST rather than write into, or through, whatever is already there. */
export function writeSynced(file: string, text: string | Buffer, secrecy: Secrecy): void {
  const mode = secrecy === 'secret' ? 0o600 : 0o644
  const fd = fs.openSync(file, 'wx', mode)
  try {
    // The mode given to open() is narrowed by the umask; the certificate must stay readable.
    fs.fchmodSync(fd, mode)
    giveAway(file, path.dirname(file), fd)
    fs.writeFileSync(fd, text)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** What root makes in the folder of another user must be readable by that user: the supervisor need not run as root. */
function giveAway(file: string, folder: string, fd?: number): void {
  if (process.getuid!() !== 0) return
  const { uid, gid } = fs.statSync(folder)
  if (uid === 0) return
  if (fd === undefined) fs.lchownSync(file, uid, gid)
  else fs.fchownSync(fd, uid, gid)
}

/** An empty private file, made when it is not there. Never follows a link, which root could be led astray by. */
export function ensureFile(file: string): void {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = fs.constants
  const fd = fs.openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
  try {
    giveAway(file, path.dirname(file), fd)
  } finally {
    fs.closeSync(fd)
  }
}

export function syncFolder(dir: string): void {
  const fd = fs.openSync(dir, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** rename(2) that is content when the file has already gone. */
export function moveIfThere(from: string, to: string): void {
  try {
    fs.renameSync(from, to)
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error
  }
}

export function errno(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error'
}
