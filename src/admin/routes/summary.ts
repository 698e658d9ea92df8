import { createRoute, z } from '@hono/zod-openapi'
import type { BoxStatus } from '../../core/ipc.ts'
import type { Summary as LogSummary } from '../../store/answers.ts'
import type { DashboardProblem, SummaryRange } from '../api.ts'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { answers, SUMMARY } from '../schemas.ts'
import { tlsProblems } from '../tls-problems.ts'

const route = createRoute({
  method: 'get',
  path: '/api/v1/summary',
  request: { query: z.object({ range: z.enum(['1h', '24h', '7d']).default('24h') }) },
  responses: answers(SUMMARY, 'The dashboard'),
})

/** However many tabs ask, the database is asked so often at most. */
const KEEP_MS: Record<SummaryRange, number> = { '1h': 1000, '24h': 3000, '7d': 10_000 }
const STATUS_AGE_MS = 5000

export function summaryRoutes(app: AdminApp, deps: AdminDeps): void {
  const kept = new Map<SummaryRange, { at: number; summary: Promise<LogSummary> }>()
  const readTls = tlsProblems(deps)
  app.openapi(route, async c => {
    const { range } = c.req.valid('query')
    const now = Date.now()
    let entry = kept.get(range)
    if (entry === undefined || now - entry.at >= KEEP_MS[range]) {
      entry = { at: now, summary: deps.reader.call('summary', { range, now }) }
      kept.set(range, entry)
      entry.summary.catch(() => kept.delete(range))
    }
    const summary = await entry.summary
    const problems = [
      ...boxProblems(deps.status(), now),
      ...(await readTls()),
      ...summary.problems.map(one => ({ ...one, tab: '' as const, fresh: 0 })),
    ]
    return c.json({ ...summary, problems }, 200)
  })
}

/** What is wrong with the box itself; errors first. */
export function boxProblems(status: BoxStatus | null, now: number): DashboardProblem[] {
  if (status === null || now - status.time > STATUS_AGE_MS) return [problem('no-status', 'error', '', 0)]
  const found: DashboardProblem[] = []
  if (status.rules === 'removed-unhealthy') found.push(problem('rules-removed', 'error', '', 0))
  if (status.log.error !== '') found.push(problem('log-error', 'error', status.log.error, 0))
  const down = status.workers.filter(worker => worker.state !== 'ready').length
  if (down > 0) found.push(problem('worker-down', 'error', '', down))
  if (status.log.rowsDropped > 0) found.push(problem('log-dropped', 'warning', '', status.log.rowsDropped))
  const restarts = status.workers.reduce((sum, worker) => sum + worker.restarts, 0)
  if (restarts > 0) found.push(problem('worker-restarts', 'warning', '', restarts))
  return found
}

function problem(
  code: DashboardProblem['code'],
  severity: DashboardProblem['severity'],
  subject: string,
  count: number,
): DashboardProblem {
  return { code, severity, subject, count, q: '', tab: '', fresh: 0 }
}
