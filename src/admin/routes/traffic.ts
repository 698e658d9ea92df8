import { createRoute, z } from '@hono/zod-openapi'
import type { Listing } from '../../store/queries.ts'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { ApiFailure } from '../failure.ts'
import { answers, DETAIL, PAGE } from '../schemas.ts'

const id = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER)

const query = z.object({
  q: z.string().default('').openapi({ description: 'Filter, such as `host:example.org status:5xx took:>500ms`' }),
  before: id.optional().openapi({ description: '`next` of the page before' }),
  limit: z.coerce.number().int().min(1).max(500).default(200),
})

const listing = (name: Listing, description: string) =>
  createRoute({ method: 'get', path: `/api/v1/${name}`, request: { query }, responses: answers(PAGE, description) })

const LISTINGS = [
  ['traffic', listing('traffic', 'Requests, and connections that carried none; newest first')],
  ['exchanges', listing('exchanges', 'Requests; newest first')],
  ['connections', listing('connections', 'Connections; newest first')],
] as const

const detail = createRoute({
  method: 'get',
  path: '/api/v1/exchanges/{id}',
  request: { params: z.object({ id }) },
  responses: answers(DETAIL, 'All about a line of the log, of either kind'),
})

export function trafficRoutes(app: AdminApp, deps: AdminDeps): void {
  for (const [name, route] of LISTINGS) {
    app.openapi(route, async c => {
      const { q, before, limit } = c.req.valid('query')
      return c.json(await deps.reader.call('page', { listing: name, q, before: before ?? null, limit }), 200)
    })
  }

  app.openapi(detail, async c => {
    const found = await deps.reader.call('detail', { id: c.req.valid('param').id })
    if (found === null) throw new ApiFailure(404, 'not-found', 'This line is not in the log, or not any more.')
    return c.json(found, 200)
  })
}
