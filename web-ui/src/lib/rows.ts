import type { TrafficCounts, TrafficRow } from '../../../src/admin/api.ts'

/** What became of a row: the same five words as in the dashboard's counts, so that numbers and rows agree. */
export type Outcome = Exclude<keyof TrafficCounts, 'all'>
export const OUTCOMES: readonly Outcome[] = ['inspected', 'names', 'passed', 'blocked', 'failed']

const BY_TIER = { inspect: 'inspected', names: 'names', pass: 'passed' } as const

export function outcome(row: TrafficRow): Outcome {
  if (row.verdict === 'block') return 'blocked'
  if (row.verdict === 'fail') return 'failed'
  return BY_TIER[row.tier]
}

/** Newest first, by id, without doubles, at most `cap` rows: a resumed stream may repeat what a page brought. */
export function mergeNewer(rows: TrafficRow[], newer: TrafficRow[], cap: number): TrafficRow[] {
  const top = rows[0]?.id ?? -1
  const fresh = newer.filter(row => row.id > top).sort((a, b) => b.id - a.id)
  if (fresh.length === 0) return rows
  return fresh.concat(rows).slice(0, cap)
}

export function appendOlder(rows: TrafficRow[], older: TrafficRow[], cap: number): TrafficRow[] {
  const bottom = rows.at(-1)?.id ?? Number.POSITIVE_INFINITY
  const fresh = older.filter(row => row.id < bottom)
  return fresh.length === 0 ? rows : rows.concat(fresh).slice(0, cap)
}

/** The address as a person would paste it, or the bare host and port of a connection. */
export function address(row: TrafficRow): string {
  const host = row.host.includes(':') ? `[${row.host}]` : row.host
  if (row.kind === 'connection') return `${host}:${row.port}`
  const usual = row.scheme === 'https' ? 443 : 80
  return `${row.scheme}://${host}${row.port === usual ? '' : `:${row.port}`}${row.path}`
}
