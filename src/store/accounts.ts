import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import { UserError } from '../core/errors.ts'
import { migrate } from './migrate.ts'
import { hashPasswordSync } from './password.ts'

export interface UserRecord {
  name: string
  /** PHC string of argon2id. */
  hash: string
  role: 'admin'
  mustChangePassword: boolean
}

export interface SessionRecord {
  user: string
  role: 'admin'
  expiresAt: number
  mustChangePassword: boolean
}

const IDLE_MS = 12 * 3_600_000
/** However busy: sign in again after so long. */
const ABSOLUTE_MS = 14 * 86_400_000
/** `seen_at` is written at most so often. */
const TOUCH_MS = 60_000
const SESSIONS_PER_USER = 20
const FIRST_USER = 'admin'

/** Who may sign in. Lives in the supervisor, the only process that writes `admin.db`. Synchronous: the tables are tiny. */
export class Accounts {
  private readonly db: Database.Database
  private readonly now: () => number

  constructor(file: string, now: () => number = Date.now) {
    this.now = now
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    try {
      this.db = new Database(file, { timeout: 2000 })
      fs.chmodSync(file, 0o600)
      this.db.pragma('journal_mode = WAL')
      this.db.pragma('synchronous = FULL')
      this.db.pragma('foreign_keys = ON')
      migrate(this.db, 'accounts')
    } catch (error) {
      if (error instanceof UserError) throw error
      const why = error instanceof Error ? error.message : String(error)
      throw new UserError(
        `The accounts in ${file} cannot be opened (${why}). Restore the file, or move it away to begin with a new first sign-in.`,
      )
    }
  }

  /** The one time the password can be read; null when there is a user already. */
  ensureFirstAdmin(): { user: string; password: string } | null {
    if (this.list().length > 0) return null
    const password = randomBytes(12).toString('base64url')
    this.db
      .prepare('INSERT INTO users VALUES (?, ?, ?, ?, 1)')
      .run(FIRST_USER, hashPasswordSync(password), 'admin', this.now())
    return { user: FIRST_USER, password }
  }

  list(): { name: string; role: string; createdAt: number }[] {
    return this.db.prepare('SELECT name, role, created_at AS createdAt FROM users ORDER BY name').all() as {
      name: string
      role: string
      createdAt: number
    }[]
  }

  findUser(name: string): UserRecord | null {
    const row = this.db.prepare('SELECT name, hash, role, must_change FROM users WHERE name = ?').get(name) as
      | { name: string; hash: string; role: 'admin'; must_change: number }
      | undefined
    if (row === undefined) return null
    return { name: row.name, hash: row.hash, role: row.role, mustChangePassword: row.must_change !== 0 }
  }

  /** Ends every session of the user but the one of `keepToken`. False when there is no such user. */
  setPassword(user: string, hash: string, keepToken: string | null): boolean {
    const keep = keepToken === null ? Buffer.alloc(0) : hashToken(keepToken)
    return this.db.transaction(() => {
      const { changes } = this.db.prepare('UPDATE users SET hash = ?, must_change = 0 WHERE name = ?').run(hash, user)
      this.db.prepare('DELETE FROM sessions WHERE user = ? AND token_hash <> ?').run(user, keep)
      return changes === 1
    })()
  }

  createSession(user: string, addr: string): { token: string; expiresAt: number } {
    const token = randomBytes(32).toString('base64url')
    const now = this.now()
    this.db.transaction(() => {
      this.db.prepare('DELETE FROM sessions WHERE seen_at < ? OR created_at < ?').run(now - IDLE_MS, now - ABSOLUTE_MS)
      this.db
        .prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?)')
        .run(hashToken(token), user, now, now, addr.slice(0, 64))
      this.db
        .prepare(
          `DELETE FROM sessions WHERE token_hash IN (
            SELECT token_hash FROM sessions WHERE user = ? ORDER BY seen_at DESC, rowid DESC LIMIT -1 OFFSET ${SESSIONS_PER_USER})`,
        )
        .run(user)
    })()
    return { token, expiresAt: now + IDLE_MS }
  }

  /** Also notes that the session is alive. */
  findSession(token: string): SessionRecord | null {
    const now = this.now()
    const key = hashToken(token)
    const row = this.db
      .prepare(
        `SELECT user, role, must_change, seen_at, sessions.created_at AS began FROM sessions JOIN users ON name = user
        WHERE token_hash = ?`,
      )
      .get(key) as { user: string; role: 'admin'; must_change: number; seen_at: number; began: number } | undefined
    if (row === undefined || row.seen_at + IDLE_MS <= now || row.began + ABSOLUTE_MS <= now) return null
    if (row.seen_at + TOUCH_MS <= now) {
      this.db.prepare('UPDATE sessions SET seen_at = ? WHERE token_hash = ?').run(now, key)
    }
    const expiresAt = Math.min(now + IDLE_MS, row.began + ABSOLUTE_MS)
    return { user: row.user, role: row.role, expiresAt, mustChangePassword: row.must_change !== 0 }
  }

  deleteSession(token: string): void {
    this.db.prepare('DELETE FROM sessions WHERE token_hash = ?').run(hashToken(token))
  }

  /** A token for scripts and monitoring, shown once. Replaces the one of the same name. */
  createBearer(name: string, user: string): string {
    const token = `weir_${randomBytes(32).toString('base64url')}`
    this.db.prepare('INSERT OR REPLACE INTO bearers VALUES (?, ?, ?, ?)').run(hashToken(token), name, user, this.now())
    return token
  }

  findBearer(token: string): SessionRecord | null {
    const row = this.db
      .prepare('SELECT user, role FROM bearers JOIN users ON users.name = user WHERE token_hash = ?')
      .get(hashToken(token)) as { user: string; role: 'admin' } | undefined
    if (row === undefined) return null
    return { user: row.user, role: row.role, expiresAt: this.now() + IDLE_MS, mustChangePassword: false }
  }

  deleteBearer(name: string): boolean {
    return this.db.prepare('DELETE FROM bearers WHERE name = ?').run(name).changes === 1
  }

  close(): void {
    this.db.close()
  }
}

/** 256 random bits need no salt and no slow hash. */
function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
