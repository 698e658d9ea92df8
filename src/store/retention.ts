import type Database from 'better-sqlite3'
import { usedBytes } from './database.ts'
import { HOUR_MS, MINUTE_MS } from './rollup.ts'

export interface RetentionLimits {
  /** 0: for ever. */
  days: number
  /** Of the database file, 0: no limit. */
  maxBytes: number
}

/** Rows a step: about ten milliseconds of the writer's time. */
const STEP_ROWS = 2000
const STEP_PAGES = 500
const DAY_MS = 86_400_000
/** Minute-wide top lists serve the one-hour view only. */
const MINUTE_TOPS_MS = 3 * HOUR_MS

/**
 * Deletes what is too old, then the oldest rows while the file is too big. One small step a call, so that batches go on
 * being written in between; true when there is more to do.
 */
export function retentionStep(db: Database.Database, limits: RetentionLimits, now: number): boolean {
  const more = dropOld(db, limits.days, now) || dropOversize(db, limits.maxBytes)
  db.pragma(`incremental_vacuum(${STEP_PAGES})`)
  return more
}

function dropOld(db: Database.Database, days: number, now: number): boolean {
  const drop = db.transaction(() => {
    const minuteTops = deleteTops(db, MINUTE_MS, now - MINUTE_TOPS_MS)
    if (days <= 0) return minuteTops
    const cutoff = now - days * DAY_MS
    let most = Math.max(minuteTops, deleteTops(db, HOUR_MS, cutoff))
    for (const table of ['exchanges', 'connections']) {
      const sql = `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE time < ? ORDER BY time LIMIT ${STEP_ROWS})`
      most = Math.max(most, db.prepare(sql).run(cutoff).changes)
    }
    db.prepare('DELETE FROM marks WHERE time < ?').run(cutoff)
    db.prepare('DELETE FROM minutes WHERE minute < ?').run(Math.floor(cutoff / MINUTE_MS))
    return most
  })
  return drop.immediate() >= STEP_ROWS
}

function deleteTops(db: Database.Database, width: number, before: number): number {
  const sql = `DELETE FROM tops WHERE (width, kind, bucket, name, rule, rule_line, list) IN (
    SELECT width, kind, bucket, name, rule, rule_line, list FROM tops WHERE width = ? AND kind = ? AND bucket < ? LIMIT ${STEP_ROWS})`
  const remove = db.prepare(sql)
  let most = 0
  for (const kind of ['host', 'client', 'blocked', 'error']) {
    most = Math.max(most, remove.run(width, kind, Math.floor(before / width)).changes)
  }
  return most
}

/** Both tables draw ids from one sequence, so the lowest ids are the oldest rows of the two together. */
function dropOversize(db: Database.Database, maxBytes: number): boolean {
  if (maxBytes <= 0 || usedBytes(db) <= maxBytes) return false
  const drop = db.transaction(() => {
    const oldest = db
      .prepare(
        `SELECT min(first) AS first FROM (SELECT min(id) AS first FROM exchanges UNION ALL SELECT min(id) FROM connections)`,
      )
      .get() as { first: number | null }
    if (oldest.first === null) return 0
    let rows = 0
    for (const table of ['exchanges', 'connections']) {
      rows += db.prepare(`DELETE FROM ${table} WHERE id < ?`).run(oldest.first + STEP_ROWS).changes
    }
    return rows
  })
  return drop.immediate() > 0
}
