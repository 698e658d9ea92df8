import { createRoute } from '@hono/zod-openapi'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { ApiFailure } from '../failure.ts'
import { answers, STATUS } from '../schemas.ts'

const route = createRoute({
  method: 'get',
  path: '/api/v1/status',
  responses: answers(STATUS, 'The box as the supervisor sees it, at most a second old'),
})

export function statusRoutes(app: AdminApp, deps: AdminDeps): void {
  app.openapi(route, c => {
    const status = deps.status()
    if (status === null)
      throw new ApiFailure(503, 'unavailable', 'The gateway has not reported yet.', { retryAfter: 1 })
    return c.json(status, 200)
  })
}
