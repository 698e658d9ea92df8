import { z } from 'zod'
import type { Tier } from '../core/decision.ts'
import type { Accounts, SessionRecord, UserRecord } from '../store/accounts.ts'
import type { Problem, Why } from './api.ts'

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
