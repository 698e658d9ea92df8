import { z } from 'zod'
import type { CaPublic } from '../core/ca.ts'
import type { Tier } from '../core/decision.ts'
import type { LearnedEntry } from '../core/tls-policy.ts'
import type { Accounts, SessionRecord, UserRecord } from '../store/accounts.ts'
import type { CaRotate, ExceptionFacts, LearnedDo, NeverDecryptAnswer, Problem, Why } from './api.ts'

/** Everything the admin process may ask of the supervisor: method → what is sent and what comes back. */
export interface SupervisorCalls {
  'user.find': { params: { name: string }; answer: UserRecord | null }
  'user.password': { params: { user: string; hash: string; keepToken: string | null }; answer: boolean }
  'session.create': { params: { user: string; addr: string }; answer: { token: string; expiresAt: number } }
  'session.find': { params: { token: string }; answer: SessionRecord | null }
  'session.delete': { params: { token: string }; answer: null }
  'bearer.find': { params: { token: string }; answer: SessionRecord | null }
  'policy.get': { params: Record<string, never>; answer: { version: string; text: string } }
  /** Either every problem found and nothing changed, or none and the new policy is in force. */
  'policy.import': { params: { text: string; user: string }; answer: { version: string; problems: Problem[] } }
  'policy.explain': { params: { client: string; url: string }; answer: ExplainResult }
  /** null: everything. Answers how many workers were told. */
  'cache.purge': { params: { host: string | null; user: string }; answer: { workers: number } }
  /** Active and dismissed, at most as many as are kept. */
  'learned.list': { params: Record<string, never>; answer: LearnedEntry[] }
  /** false: there is no such conclusion (any more). */
  'learned.do': { params: { id: string; do: LearnedDo['do']; user: string }; answer: boolean }
  /** The active ones as rules of the policy document. */
  'learned.export': { params: Record<string, never>; answer: { yaml: string } }
  /** Those of the policy in force, by line; then what people clicked through, as long as it holds. */
  'tls.exceptions': { params: Record<string, never>; answer: ExceptionFacts[] }
  'tls.never-decrypt': { params: Record<string, never>; answer: NeverDecryptAnswer }
  'ca.state': { params: Record<string, never>; answer: CaState }
  /** `refused`: why nothing was changed, in one sentence; '' when it was done. */
  'ca.rotate': { params: { step: CaRotate['step']; user: string }; answer: { refused: string } }
}

/** The public sides only: `next` from `prepare` to `finish` or `cancel`, `previous` as long as clients may know no other. */
export interface CaState {
  current: CaPublic
  next: CaPublic | null
  previous: CaPublic[]
  /** The key is kept under a passphrase. */
  encrypted: boolean
}

export interface ExplainResult {
  verdict: 'allow' | 'block'
  why: Why
  tier: Tier
  tierWhy: Why
  policyVersion: string
}

export type Call = <M extends keyof SupervisorCalls>(
  method: M,
  params: SupervisorCalls[M]['params'],
) => Promise<SupervisorCalls[M]['answer']>

const short = z.string().max(300)
const token = z.object({ token: short })
const USER_FIND = z.object({ name: short })
const USER_PASSWORD = z.object({ user: short, hash: short, keepToken: short.nullable() })
const SESSION_CREATE = z.object({ user: short, addr: short })

/** The supervisor's half of the account calls. The admin process faces the network: its parameters are checked again. */
export function accountCalls(accounts: Accounts): Record<string, (params: unknown) => unknown> {
  return {
    'user.find': params => accounts.findUser(USER_FIND.parse(params).name),
    'user.password': params => {
      const { user, hash, keepToken } = USER_PASSWORD.parse(params)
      return accounts.setPassword(user, hash, keepToken)
    },
    'session.create': params => {
      const { user, addr } = SESSION_CREATE.parse(params)
      return accounts.createSession(user, addr)
    },
    'session.find': params => accounts.findSession(token.parse(params).token),
    'session.delete': params => {
      accounts.deleteSession(token.parse(params).token)
      return null
    },
    'bearer.find': params => accounts.findBearer(token.parse(params).token),
  }
}
