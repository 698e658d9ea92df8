import { z } from 'zod'
import type { ExceptionFacts, NeverDecryptAnswer } from '../admin/api.ts'
import type { Learner } from '../learn/learner.ts'
import { NEVER_DECRYPT } from '../policy/never-decrypt.ts'
import type { CaKeeper } from './ca-keeper.ts'
import type { PolicyKeeper } from './policy-keeper.ts'
import type { FactKeeper } from './shared-facts.ts'

const LEARNED_DO = z.object({
  id: z.string().max(600),
  do: z.enum(['dismiss', 'restore', 'remove']),
  user: z.string().max(300),
})
const ROTATE = z.object({ step: z.enum(['prepare', 'finish', 'cancel']), user: z.string().max(300) })

export interface TlsCallDeps {
  ca: CaKeeper
  policy: PolicyKeeper
  facts: FactKeeper
  learner: Learner
}

/** The supervisor's half of the calls about TLS and the CA; types in src/admin/calls.ts. */
export function tlsCalls({ ca, policy, facts, learner }: TlsCallDeps): Record<string, (params: unknown) => unknown> {
  return {
    'learned.list': () => learner.entries(),
    'learned.do': params => {
      const { id, do: what } = LEARNED_DO.parse(params)
      return learner[what](id)
    },
    'learned.export': () => ({ yaml: learner.exportRules() }),
    'tls.exceptions': (): ExceptionFacts[] => [...written(policy), ...clicked(facts)],
    'tls.never-decrypt': (): NeverDecryptAnswer => ({
      inForce: policy.policy().tls.neverDecrypt === 'default',
      entries: neverDecrypt(NEVER_DECRYPT),
    }),
    'ca.state': () => ca.state(),
    'ca.rotate': params => ({ refused: ca.rotate(ROTATE.parse(params).step) }),
  }
}

function written(policy: PolicyKeeper): ExceptionFacts[] {
  return policy.policy().exceptions.map(({ host, allow, until, reason, line }) => ({
    host,
    allow: [...allow],
    until,
    reason,
    line,
    client: '',
  }))
}

function clicked(facts: FactKeeper): ExceptionFacts[] {
  return facts
    .all()
    .filter(fact => fact.kind === 'override')
    .map(({ host, allow, until, client }) => ({ host, allow, until, reason: '', line: 0, client }))
}

/** `host   # reason` in each line; a comment line of its own is the reason of those below it. */
function neverDecrypt(text: string): NeverDecryptAnswer['entries'] {
  return text.split('\n').flatMap((line, i) => {
    const at = line.indexOf('#')
    const host = (at < 0 ? line : line.slice(0, at)).trim()
    return host === '' ? [] : [{ host, reason: at < 0 ? '' : line.slice(at + 1).trim(), line: i + 1 }]
  })
}
