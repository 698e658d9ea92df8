import { createRoute, z } from '@hono/zod-openapi'
import { addrBytes, plainAddr } from '../../core/addr.ts'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { ApiFailure } from '../failure.ts'
import { answers, EXPLAIN, POLICY } from '../schemas.ts'

/** Characters. */
const MAX_POLICY = 1 << 20

const read = createRoute({
  method: 'get',
  path: '/api/v1/policy',
  responses: answers(POLICY, 'The policy in force, as its document'),
})

const replace = createRoute({
  method: 'post',
  path: '/api/v1/policy',
  request: {
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ text: z.string().max(MAX_POLICY) }) } },
    },
  },
  responses: answers(POLICY, 'In force now. With mistakes: 422, each with its line, and nothing has changed.'),
})

const explain = createRoute({
  method: 'get',
  path: '/api/v1/explain',
  request: {
    query: z.object({
      client: z.string().refine(value => addrBytes(value) !== null, 'This is not an IP address.'),
      url: z
        .string()
        .max(8192)
        .refine(value => /^https?:$/.test(URL.parse(value)?.protocol ?? ''), 'This is not an http or https URL.'),
    }),
  },
  responses: answers(EXPLAIN, 'What would happen, and what says so'),
})

export function policyRoutes(app: AdminApp, deps: AdminDeps): void {
  app.openapi(read, async c => c.json(await deps.call('policy.get', {}), 200))

  app.openapi(replace, async c => {
    const { text } = c.req.valid('json')
    const { version, problems } = await deps.call('policy.import', { text, user: c.get('session').user })
    if (problems.length > 0) {
      throw new ApiFailure(422, 'bad-request', 'The policy has mistakes and was not taken.', { problems })
    }
    return c.json({ version, text }, 200)
  })

  app.openapi(explain, async c => {
    const { client, url } = c.req.valid('query')
    const addr = plainAddr(client)
    return c.json({ client: addr, url, ...(await deps.call('policy.explain', { client: addr, url })) }, 200)
  })
}
