import type { OpenAPIHono } from '@hono/zod-openapi'
import type { CaPublic } from '../core/ca.ts'
import type { BoxStatus } from '../core/ipc.ts'
import type { SessionRecord } from '../store/accounts.ts'
import type { CaFormat, CaGuide } from './api.ts'
import type { Call } from './calls.ts'
import type { LiveHub } from './live.ts'
import type { SignInLimiter } from './rate-limit.ts'
import type { Reader } from './reader.ts'
import type { StaticFiles } from './static.ts'

/** What the API stands on; tests pass real ones, too. */
export interface AdminDeps {
  reader: Pick<Reader, 'call'>
  call: Call
  live: LiveHub
  limiter: SignInLimiter
  files: StaticFiles
  status(): BoxStatus | null
  ca: CaPublic
  exportCa(ca: CaPublic, format: CaFormat): { bytes: Buffer; contentType: string; fileName: string }
  guides: readonly CaGuide[]
  version: string
  /** Served over TLS: the cookie is Secure then. */
  secure: boolean
  warn(message: string): void
}

export interface AdminEnv {
  /** Set by @hono/node-server. */
  Bindings: { incoming: { socket: { remoteAddress?: string | undefined } } }
  Variables: { requestId: string; session: SessionRecord; token: string }
}

export type AdminApp = OpenAPIHono<AdminEnv>
