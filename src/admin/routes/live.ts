import { createRoute, z } from '@hono/zod-openapi'
import { findBearer, findSession } from '../auth.ts'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { ApiFailure } from '../failure.ts'
import { ERROR } from '../schemas.ts'

const id = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

const route = createRoute({
  method: 'get',
  path: '/api/v1/live',
  request: {
    query: z.object({
      q: z.string().default(''),
      after: id
        .optional()
        .openapi({ description: 'Id of the newest row there is already; rows after now unless said' }),
    }),
  },
  responses: {
    200: {
      description: 'Events `hello`, `row`, `counters`, `gap`',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    default: { description: 'Refused or failed', content: { 'application/json': { schema: ERROR } } },
  },
})

export function liveRoutes(app: AdminApp, deps: AdminDeps): void {
  app.openapi(route, async c => {
    const { q, after } = c.req.valid('query')
    const last = lastEventId(c.req.header('last-event-id'))
    const token = c.get('token')
    const stillAllowed = async (): Promise<boolean> =>
      ((await findSession(deps, token)) ?? (await findBearer(deps, c))) !== null
    const response = await deps.live.open(q, last ?? after ?? null, stillAllowed)
    if (response === null) {
      throw new ApiFailure(503, 'unavailable', 'Too many live views are open.', { retryAfter: 10 })
    }
    return response
  })
}

/** What a browser sends by itself when it connects again; anything that is no id of ours counts as none. */
function lastEventId(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : null
}
