import fs from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import { UserError } from '../core/errors.ts'
import { migrate } from './migrate.ts'

/** How long SQLite itself waits for a lock before it says SQLITE_BUSY. */
const BUSY_MS = 2000
const WAL_KEEP_BYTES = 16 << 20

/** Opens the log for its single writer, with the newest schema. Throws what SQLite throws. */
export function openTraffic(file: string): Database.Database {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  const db = new Database(file, { timeout: BUSY_MS })
  try {
    // Only takes effect before the first table: lets retention give pages back without rewriting the file.
    db.pragma('auto_vacuum = INCREMENTAL')
    db.pragma('journal_mode = WAL')
    // In WAL mode NORMAL cannot corrupt; a power cut may take the last batches, a killed process takes none.
    db.pragma('synchronous = NORMAL')
    db.pragma(`journal_size_limit = ${WAL_KEEP_BYTES}`)
    db.pragma('cache_size = -16384')
    migrate(db, 'traffic')
    probe(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Touches both ends of every tree that will be written: damage there shows now. A full check of gigabytes would take minutes. */
function probe(db: Database.Database): void {
  for (const table of ['exchanges', 'connections']) {
    db.prepare(`SELECT min(id), max(id) FROM ${table}`).get()
    db.prepare(`SELECT min(time), max(time) FROM ${table}`).get()
  }
  db.prepare('SELECT max(minute) FROM minutes').get()
  db.prepare('SELECT value FROM meta').get()
}

/** Moves the database out of the way, its journals with it. Returns the new name. */
export function setAside(file: string, now: number): string {
  const stamp = new Date(now).toISOString().replace(/[:.]/g, '')
  const target = `${file}.corrupt-${stamp}`
  for (const suffix of ['', '-wal', '-shm']) {
    if (fs.existsSync(file + suffix)) fs.renameSync(file + suffix, target + suffix)
  }
  return target
}

export type Damage = 'corrupt' | 'full' | 'busy' | 'other'

/** What an error of SQLite asks for: a new file, patience, or just the next try on a fresh connection. */
export function damageOf(error: unknown): Damage {
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') return 'other'
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return 'corrupt'
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_WRITE') return 'full'
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED') ? 'busy' : 'other'
}

/** One sentence for status and log. */
export function describe(error: unknown, file: string): string {
  if (error instanceof UserError) return error.message
  const text = error instanceof Error ? error.message : String(error)
  switch (damageOf(error)) {
    case 'full':
      return `The disk is full: ${file} cannot grow.`
    case 'busy':
      return `${file} is locked by another program.`
    case 'corrupt':
      return `${file} is damaged (${text}).`
    default:
      return `${file} cannot be written: ${text}.`
  }
}

/** Bytes in use inside the file: free pages can be filled again and do not count. */
export function usedBytes(db: Database.Database): number {
  const page = db.pragma('page_size', { simple: true }) as number
  const pages = db.pragma('page_count', { simple: true }) as number
  const free = db.pragma('freelist_count', { simple: true }) as number
  return (pages - free) * page
}
