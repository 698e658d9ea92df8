import type { TrafficRow } from '../../../src/admin/api.ts'
import type { Outcome } from './rows.ts'

/**
 * Small edits of filter texts. The language itself is parsed on the server only; here terms are just pieces between
 * blanks, quotes respected.
 */
const OUTCOME_TERMS: Record<Outcome, string> = {
  inspected: 'verdict:allow tier:inspect',
  names: 'verdict:allow tier:names',
  passed: 'verdict:allow tier:pass',
  blocked: 'verdict:block',
  failed: 'verdict:fail',
}

export function terms(q: string): string[] {
  return q.match(/(?:[^\s"]|"(?:\\.|[^"\\])*"?)+/g) ?? []
}

function isOutcomeTerm(term: string): boolean {
  return /^(verdict|tier):/.test(term)
}

/** The outcome a filter is narrowed to, or null when it is to none of the five. */
export function outcomeOf(q: string): Outcome | null {
  const own = terms(q).filter(isOutcomeTerm).sort().join(' ')
  for (const [outcome, text] of Object.entries(OUTCOME_TERMS) as [Outcome, string][])
    if (text.split(' ').sort().join(' ') === own) return outcome
  return null
}

/** The same filter narrowed to one outcome, or (null) to none. */
export function withOutcome(q: string, outcome: Outcome | null): string {
  const rest = terms(q).filter(term => !isOutcomeTerm(term))
  return [...(outcome === null ? [] : [OUTCOME_TERMS[outcome]]), ...rest].join(' ')
}

export function exactly(field: string, value: string): string {
  return `${field}:="${value.replace(/["\\]/g, '\\$&')}"`
}

export function sameHost(row: TrafficRow): string {
  return exactly('host', row.host)
}

const AROUND_MS = 60_000

export function sameClient(row: TrafficRow): string {
  return `${exactly('client', row.client)} after:${row.time - AROUND_MS} until:${row.time + AROUND_MS}`
}
