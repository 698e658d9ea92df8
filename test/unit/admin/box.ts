import { once } from 'node:events'
import fs from 'node:fs'
import type http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { exportCa } from '../../../ca/export.ts'
import { createAdminApp } from '../../../src/admin/app.ts'
import { accountCalls, type Call } from '../../../src/admin/calls.ts'
import type { AdminDeps } from '../../../src/admin/deps.ts'
import { CallError } from '../../../src/admin/failure.ts'
import { LiveHub, type LiveOptions } from '../../../src/admin/live.ts'
import { SignInLimiter } from '../../../src/admin/rate-limit.ts'
import { Reader } from '../../../src/admin/reader.ts'
import { createAdminServer } from '../../../src/admin/server.ts'
import { StaticFiles } from '../../../src/admin/static.ts'
import type { CaPublic } from '../../../src/core/ca.ts'
import type { BoxStatus } from '../../../src/core/ipc.ts'
import type { LogRow } from '../../../src/core/log-event.ts'
import { Accounts } from '../../../src/store/accounts.ts'
import { type Store, startStore } from '../../../src/store/store.ts'
import { batchOf, memoryLog, tempDir, until } from '../store/rows.ts'

export interface Box {
  base: string
  dir: string
  store: Store
  accounts: Accounts
  live: LiveHub
  user: string
  password: string
  /** Calls to the supervisor that are not about accounts, as they came. */
  asked: [string, unknown][]
  warnings: string[]
  setStatus(status: BoxStatus | null): void
  write(...rows: LogRow[]): Promise<void>
  /** Signs in and returns the cookie. */
  signIn(): Promise<string>
  get(path: string, cookie?: string, headers?: Record<string, string>): Promise<Response>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
}

export function boxStatus(part: Partial<BoxStatus> = {}): BoxStatus {
  const counters = {
    connections: 3,
    connectionsTotal: 10,
    exchangesTotal: 100,
    blockedTotal: 5,
    splicedTotal: 2,
    inspectedTotal: 8,
    cacheHits: 30,
    cacheBytes: 1000,
    bytesSaved: 5000,
    logDropped: 0,
    loopLagMs: 2,
    rssBytes: 1e8,
  }
  return {
    time: Date.now(),
    startedAt: Date.now() - 60_000,
    version: '0.1.0',
    workers: [{ id: 1, pid: 4711, state: 'ready', restarts: 0, startedAt: Date.now(), counters }],
    rules: 'manual',
    policyVersion: 'p1',
    log: { rowsStored: 10, rowsDropped: 0, queued: 0, error: '', bytes: 4096 },
    ...part,
  }
}

export type Handlers = Record<string, (params: unknown) => unknown>

/** A box that has learned nothing and excepts nothing. */
function tlsCalls(ca: CaPublic): Handlers {
  return {
    'learned.list': () => [],
    'tls.exceptions': () => [],
    'tls.never-decrypt': () => ({ inForce: true, entries: [] }),
    'ca.state': () => ({ current: ca, next: null, previous: [], encrypted: false }),
  }
}

/** The admin server with everything real but the supervisor: database, threads, accounts, HTTP. */
export async function startBox(
  t: { teardown(fn: () => unknown): void },
  more: {
    live?: Partial<LiveOptions>
    ui?: Record<string, string>
    now?: () => number
    calls?: Handlers
    missing?: string[]
  } = {},
): Promise<Box> {
  const { dir, remove } = tempDir()
  const file = path.join(dir, 'traffic.db')
  const store = startStore({ file, retentionDays: 0, maxBytes: 0, log: memoryLog() })
  await store.opened
  const accounts = new Accounts(path.join(dir, 'admin.db'), more.now)
  const { user, password } = accounts.ensureFirstAdmin()!
  const asked: [string, unknown][] = []
  const warnings: string[] = []
  const reader = new Reader(file, () => warnings.push('reader gone'))
  await reader.opened
  for (const [name, content] of Object.entries(more.ui ?? {})) {
    fs.mkdirSync(path.dirname(path.join(dir, 'ui', name)), { recursive: true })
    fs.writeFileSync(path.join(dir, 'ui', name), content)
  }
  const files = new StaticFiles(path.join(dir, 'ui'))
  const live = new LiveHub({ reader, build: files.build, maxStreams: 4, pollMs: 20, heartbeatMs: 50, ...more.live })
  let status: BoxStatus | null = boxStatus()
  const ca = loadOrCreateCa(path.join(dir, 'ca'), { hostname: 'test' }).public
  const handlers: Handlers = { ...tlsCalls(ca), ...more.calls }
  for (const method of more.missing ?? []) delete handlers[method]
  const deps: AdminDeps = {
    reader,
    call: supervisor(accounts, asked, handlers),
    live,
    limiter: new SignInLimiter(more.now),
    files,
    status: () => status,
    ca,
    exportCa,
    guides: [{ id: 'ios', title: 'iOS', format: 'mobileconfig', steps: ['Install'], note: '' }],
    version: '0.1.0',
    secure: false,
    warn: message => void warnings.push(message),
  }
  const server: http.Server = createAdminServer(createAdminApp(deps))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(async () => {
    live.closeAll()
    server.closeAllConnections()
    server.close()
    await reader.close()
    await store.stop()
    accounts.close()
    remove()
  })
  const post: Box['post'] = (to, body, headers = {}) =>
    fetch(base + to, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    })
  return {
    base,
    dir,
    store,
    accounts,
    live,
    user,
    password,
    asked,
    warnings,
    post,
    setStatus: next => {
      status = next
    },
    write: async (...rows) => {
      const before = store.status().rowsStored
      store.write(batchOf(...rows), rows.length, 0)
      await until(() => store.status().rowsStored === before + rows.length)
    },
    signIn: async () => {
      const response = await post('/api/v1/session', { user, password })
      if (response.status !== 200) throw new Error(`sign-in: ${response.status}`)
      return response.headers.getSetCookie()[0]!.split(';')[0]!
    },
    get: (from, cookie = '', headers = {}) => fetch(base + from, { headers: { cookie, ...headers } }),
  }
}

/** The account calls for real; the others note what was asked and answer something of the right shape. */
function supervisor(accounts: Accounts, asked: [string, unknown][], more: Handlers): Call {
  const why = { code: 'rule', rule: 'Games', ruleLine: 3, list: '', listLine: 0 }
  const handlers: Handlers = {
    ...accountCalls(accounts),
    ...more,
    'policy.get': () => ({ version: 'p1', text: 'rules: []\n' }),
    'policy.import': params => {
      const bad = (params as { text: string }).text.includes('wrong')
      return { version: 'p2', problems: bad ? [{ where: 'rules[0]', line: 2, message: 'No.' }] : [] }
    },
    'policy.explain': () => ({ verdict: 'block', why, tier: 'inspect', tierWhy: why, policyVersion: 'p1' }),
    'cache.purge': () => ({ workers: 2 }),
  }
  return (async (method: string, params: unknown) => {
    if (!/^(user|session|bearer)/.test(method)) asked.push([method, params])
    const handler = handlers[method]
    if (handler === undefined) throw new CallError(`no ${method}`)
    return handler(params)
  }) as Call
}
