import fs from 'node:fs'
import type Database from 'better-sqlite3'
import { damageOf, describe, openTraffic, setAside, usedBytes } from './database.ts'
import { Inserts } from './insert.ts'
import { parseBatch, type StoredRow } from './record.ts'
import { type RetentionLimits, retentionStep } from './retention.ts'
import { MINUTE_MS, Rollup } from './rollup.ts'

export interface WriteResult {
  stored: number
  /** Rows that could not be read. */
  lost: number
}

interface OpenDb {
  db: Database.Database
  inserts: Inserts
  setLastId: Database.Statement
  addMark: Database.Statement
  rollup: Rollup
  lastId: number
  /** Minute of the wall clock of the last mark. */
  markedMinute: number
  inode: number
}

/**
 * The single writer of the log: knows the database, not threads. A call that throws has changed nothing and may be
 * repeated: the file is opened again then, and a damaged one set aside first.
 */
export class Writer {
  private readonly file: string
  private readonly warn: (message: string) => void
  private readonly replaced: () => void
  private open: OpenDb | null = null

  constructor(file: string, warn: (message: string) => void, replaced: () => void) {
    this.file = file
    this.warn = warn
    this.replaced = replaced
  }

  /** One batch, one transaction. `rows` is what the sender says is in it. */
  write(batch: Uint8Array, rows: number): WriteResult {
    const parsed = parseBatch(batch)
    if (parsed === null) return { stored: 0, lost: rows }
    this.guarded(open => {
      open.db.transaction(insertRows).immediate(open, parsed)
      open.lastId += parsed.length
    })
    return { stored: parsed.length, lost: Math.max(0, rows - parsed.length) }
  }

  retain(limits: RetentionLimits, now: number): boolean {
    let more = false
    this.guarded(open => {
      more = retentionStep(open.db, limits, now)
    })
    return more
  }

  bytes(): number {
    return this.open === null ? 0 : usedBytes(this.open.db)
  }

  /** Opens the file if need be; also finds out that someone took it away. */
  ensureOpen(): void {
    this.guarded(() => {})
  }

  close(): void {
    const open = this.open
    this.open = null
    if (open === null) return
    try {
      open.db.close()
    } catch (error) {
      this.warn(describe(error, this.file))
    }
  }

  private guarded(work: (open: OpenDb) => void): void {
    try {
      this.noticeTakenAway()
      work((this.open ??= this.openFile()))
    } catch (error) {
      const damage = damageOf(error)
      // A lock goes away by itself; after anything else only a fresh connection can be trusted.
      if (damage !== 'busy') this.close()
      if (damage !== 'corrupt') throw error
      const moved = setAside(this.file, Date.now())
      this.warn(`${describe(error, this.file)} It was set aside as ${moved} and a new one begun.`)
      this.replaced()
      work((this.open = this.openFile()))
    }
  }

  /** SQLite would go on writing into a deleted file, and nobody would ever see the rows. */
  private noticeTakenAway(): void {
    if (this.open === null || inodeOf(this.file) === this.open.inode) return
    this.warn(`${this.file} was deleted or replaced; a new one is begun.`)
    this.close()
    this.replaced()
  }

  private openFile(): OpenDb {
    const db = openTraffic(this.file)
    try {
      const { value } = db.prepare("SELECT value FROM meta WHERE name = 'last_id'").get() as { value: number }
      return {
        db,
        inserts: new Inserts(db),
        setLastId: db.prepare("UPDATE meta SET value = ? WHERE name = 'last_id'"),
        addMark: db.prepare('INSERT OR IGNORE INTO marks VALUES (?, ?)'),
        rollup: new Rollup(db),
        lastId: value,
        markedMinute: 0,
        inode: inodeOf(this.file),
      }
    } catch (error) {
      db.close()
      throw error
    }
  }
}

function insertRows(open: OpenDb, rows: StoredRow[]): void {
  let id = open.lastId
  const now = Date.now()
  if (Math.floor(now / MINUTE_MS) !== open.markedMinute) {
    open.addMark.run(now, id)
    open.markedMinute = Math.floor(now / MINUTE_MS)
  }
  open.rollup.begin()
  for (const row of rows) {
    id++
    if (row.kind === 'exchange') open.inserts.exchange(id, row)
    else open.inserts.connection(id, row)
    open.rollup.add(row)
  }
  open.rollup.flush()
  open.setLastId.run(id)
}

function inodeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.ino ?? -1
}
