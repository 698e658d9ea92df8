import { createRoute, z } from '@hono/zod-openapi'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { answers } from '../schemas.ts'

const purge = createRoute({
  method: 'post',
  path: '/api/v1/cache/purge',
  request: {
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ host: z.string().min(1).max(255).nullable() }) } },
    },
  },
  responses: answers(z.object({ workers: z.int() }).openapi('Purge'), 'So many workers were told'),
})

export function cacheRoutes(app: AdminApp, deps: AdminDeps): void {
  app.openapi(purge, async c => {
    const { host } = c.req.valid('json')
    const user = c.get('session').user
    return c.json(await deps.call('cache.purge', { host: host?.toLowerCase() ?? null, user }), 200)
  })
}
