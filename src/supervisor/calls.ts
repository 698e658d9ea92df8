import { z } from 'zod'
import type { PolicyKeeper } from './policy-keeper.ts'

const IMPORT = z.object({ text: z.string().max(1 << 20), user: z.string().max(300) })
const EXPLAIN = z.object({ client: z.string().max(100), url: z.string().max(10_000) })
const PURGE = z.object({ host: z.string().max(300).nullable(), user: z.string().max(300) })

export interface BoxCallDeps {
  policy: PolicyKeeper
  /** Answers how many workers were told. */
  purge(host: string | null): number
}

/** The supervisor's half of the calls about the box itself; types in src/admin/calls.ts. */
export function boxCalls(deps: BoxCallDeps): Record<string, (params: unknown) => unknown> {
  const { policy } = deps
  return {
    'policy.get': () => ({ version: policy.version(), text: policy.text() }),
    'policy.import': params => {
      const { text, user } = IMPORT.parse(params)
      const { version, problems } = policy.import(text, user, 'admin UI')
      return { version, problems: problems.map(({ key, line, message }) => ({ where: key, line, message })) }
    },
    'policy.explain': params => {
      const { client, url } = EXPLAIN.parse(params)
      return policy.explain(client, url, Date.now())
    },
    'cache.purge': params => ({ workers: deps.purge(PURGE.parse(params).host) }),
  }
}
