import fs from 'node:fs'
import path from 'node:path'
import type Database from 'better-sqlite3'
import { UserError } from '../core/errors.ts'

const SCHEMA = path.join(import.meta.dirname, 'schema')

/**
 * Brings a database to the newest schema: the files `NNN-*.sql` of `schema/<name>/`, each in one transaction with its
 * number in `PRAGMA user_version`, so a crash in the middle leaves the version before.
 */
export function migrate(db: Database.Database, name: 'traffic' | 'accounts', steps = readSteps(name)): void {
  const have = db.pragma('user_version', { simple: true }) as number
  const newest = steps.at(-1)?.version ?? 0
  if (have > newest) {
    throw new UserError(
      `${db.name} has schema ${have}, this Weir knows ${newest}: it was written by a newer version. Update Weir or move the file away.`,
    )
  }
  for (const step of steps) {
    if (step.version <= have) continue
    db.transaction(() => {
      db.exec(step.sql)
      db.pragma(`user_version = ${step.version}`)
    }).immediate()
  }
}

export interface Step {
  version: number
  sql: string
}

export function readSteps(name: 'traffic' | 'accounts'): Step[] {
  const dir = path.join(SCHEMA, name)
  return fs
    .readdirSync(dir)
    .filter(file => /^\d{3}-.*\.sql$/.test(file))
    .sort()
    .map(file => ({ version: Number(file.slice(0, 3)), sql: fs.readFileSync(path.join(dir, file), 'utf8') }))
}
