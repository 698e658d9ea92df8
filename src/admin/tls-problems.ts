import type { LearnedEntry } from '../core/tls-policy.ts'
import type { DashboardProblem, ExceptionFacts } from './api.ts'
import type { CaState } from './calls.ts'
import type { AdminDeps } from './deps.ts'
import { CallError } from './failure.ts'
import { ReaderError } from './reader.ts'
import { tlsUseReader, trustOf } from './tls-use.ts'

const DAY_MS = 86_400_000
/** The dashboard is asked each few seconds; none of this changes as fast. */
const KEEP_MS = 10_000
const CA_DAYS = 60
const EXCEPTION_DAYS = 7

/** What of TLS a person should look at, for the dashboard. What cannot be had now is left out: it has problems of its own. */
export function tlsProblems(deps: AdminDeps): () => Promise<DashboardProblem[]> {
  const readUse = tlsUseReader(deps)
  let kept: { at: number; problems: Promise<DashboardProblem[]> } | null = null
  const read = async (): Promise<DashboardProblem[]> => {
    const [learned, exceptions, ca, use] = await Promise.all([
      orNull(deps.call('learned.list', {})),
      orNull(deps.call('tls.exceptions', {})),
      orNull(deps.call('ca.state', {})),
      orNull(readUse()),
    ])
    const now = Date.now()
    const devices = use === null ? [] : trustOf(use, learned ?? []).devices
    return [
      ...caProblems(ca?.current.notAfter ?? deps.ca.notAfter, ca, now),
      ...deviceProblems(devices, midnight(now)),
      ...pinned(learned ?? []),
      ...ending(exceptions ?? [], now),
    ]
  }
  return () => {
    const now = Date.now()
    if (kept === null || now - kept.at >= KEEP_MS) kept = { at: now, problems: read() }
    return kept.problems
  }
}

async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof CallError || error instanceof ReaderError) return null
    throw error
  }
}

export function caProblems(notAfter: number, ca: CaState | null, now: number): DashboardProblem[] {
  const found: DashboardProblem[] = []
  const days = Math.max(0, Math.floor((notAfter - now) / DAY_MS))
  if (days <= CA_DAYS)
    found.push(problem('ca-expires', 'certificate', { severity: days > 0 ? 'warning' : 'error', count: days }))
  if (ca !== null && ca.next !== null) found.push(problem('ca-rotation', 'certificate', { subject: ca.next.subject }))
  return found
}

export function deviceProblems(
  devices: { trusts: boolean | null; refusedSince: number }[],
  today: number,
): DashboardProblem[] {
  const refusing = devices.filter(device => device.trusts === false)
  if (refusing.length === 0) return []
  const fresh = refusing.filter(device => device.refusedSince >= today).length
  return [problem('devices-untrusting', 'devices', { count: refusing.length, fresh })]
}

export function pinned(learned: readonly LearnedEntry[]): DashboardProblem[] {
  const hosts = learned.filter(entry => entry.kind === 'pinned' && entry.state === 'active').map(entry => entry.host)
  const count = new Set(hosts).size
  return count === 0 ? [] : [problem('names-pinned', 'learned', { count })]
}

/** Exceptions of the policy that end soon, the next first; a click through a warning is meant to end soon. */
export function ending(exceptions: readonly ExceptionFacts[], now: number): DashboardProblem[] {
  return exceptions
    .filter(({ line, until }) => line > 0 && until > now && until - now <= EXCEPTION_DAYS * DAY_MS)
    .sort((a, b) => a.until - b.until)
    .map(({ host, until }) =>
      problem('exception-ends', 'bypass', { subject: host, count: Math.ceil((until - now) / DAY_MS) }),
    )
    .slice(0, 5)
}

function midnight(now: number): number {
  return new Date(now).setHours(0, 0, 0, 0)
}

function problem(
  code: DashboardProblem['code'],
  tab: DashboardProblem['tab'],
  more: Partial<DashboardProblem>,
): DashboardProblem {
  return { code, severity: 'warning', subject: '', count: 0, q: '', fresh: 0, tab, ...more }
}
