import { createRoute, z } from '@hono/zod-openapi'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { ApiFailure } from '../failure.ts'
import { answers, ERROR } from '../schemas.ts'
import { EXCEPTIONS, LEARNED, NEVER_DECRYPT, TRUST } from '../tls-schemas.ts'
import { exceptionsWithUse, findLearned, tlsUseReader, trustOf, withUse } from '../tls-use.ts'

/** Each with its evidence; who has more to look through looks for a name. */
const MAX_LEARNED = 200

const learned = createRoute({
  method: 'get',
  path: '/api/v1/tls/learned',
  request: {
    query: z.object({ q: z.string().max(255).default('').openapi({ description: 'Part of a host or client' }) }),
  },
  responses: answers(LEARNED, 'What was learned from broken handshakes, with the evidence; dismissed ones too'),
})

const change = createRoute({
  method: 'post',
  path: '/api/v1/tls/learned/{id}',
  request: {
    params: z.object({ id: z.string().min(1).max(100) }),
    body: {
      required: true,
      content: {
        'application/json': { schema: z.strictObject({ do: z.enum(['dismiss', 'restore', 'remove']) }) },
      },
    },
  },
  responses: answers(z.object({}), 'Done, and in force at once'),
})

const exported = createRoute({
  method: 'get',
  path: '/api/v1/tls/learned/export',
  responses: {
    200: {
      description: 'The same as rules for the policy document',
      content: { 'application/yaml': { schema: z.string() } },
    },
    default: { description: 'Refused or failed', content: { 'application/json': { schema: ERROR } } },
  },
})

const exceptions = createRoute({
  method: 'get',
  path: '/api/v1/tls/exceptions',
  responses: answers(EXCEPTIONS, 'What is overlooked at which origin, until when, why, and how often in seven days'),
})

const trust = createRoute({
  method: 'get',
  path: '/api/v1/tls/trust',
  responses: answers(TRUST, 'Devices of the last seven days, and whether they trust the CA'),
})

const neverDecrypt = createRoute({
  method: 'get',
  path: '/api/v1/tls/never-decrypt',
  responses: answers(NEVER_DECRYPT, 'The shipped list of hosts that are never opened, with the reason beside each'),
})

export function tlsRoutes(app: AdminApp, deps: AdminDeps): void {
  const readUse = tlsUseReader(deps)

  app.openapi(learned, async c => {
    const [entries, use] = await Promise.all([deps.call('learned.list', {}), readUse()])
    const found = findLearned(entries, c.req.valid('query').q)
    return c.json({ total: found.length, entries: withUse(found.slice(0, MAX_LEARNED), use) }, 200)
  })

  app.openapi(change, async c => {
    const { id } = c.req.valid('param')
    const found = await deps.call('learned.do', { id, do: c.req.valid('json').do, user: c.get('session').user })
    if (!found) throw new ApiFailure(404, 'not-found', 'This is not known any more.')
    return c.json({}, 200)
  })

  app.openapi(exported, async () => {
    const { yaml } = await deps.call('learned.export', {})
    return new Response(yaml, {
      headers: {
        'Content-Type': 'application/yaml; charset=utf-8',
        'Content-Disposition': 'attachment; filename="weir-learned.yaml"',
      },
    })
  })

  app.openapi(exceptions, async c => {
    const [all, use] = await Promise.all([deps.call('tls.exceptions', {}), readUse()])
    return c.json({ exceptions: exceptionsWithUse(all, use) }, 200)
  })

  app.openapi(trust, async c => {
    const [entries, use] = await Promise.all([deps.call('learned.list', {}), readUse()])
    return c.json(trustOf(use, entries), 200)
  })

  app.openapi(neverDecrypt, async c => c.json(await deps.call('tls.never-decrypt', {}), 200))
}
