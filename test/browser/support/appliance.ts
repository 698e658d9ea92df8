import { once } from 'node:events'
import fs from 'node:fs'
import type http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { build } from 'vite'
import { exportCa } from '../../../ca/export.ts'
import { INSTALL_GUIDES } from '../../../ca/guides.ts'
import { createAdminApp } from '../../../src/admin/app.ts'
import { accountCalls, type Call, type CaState } from '../../../src/admin/calls.ts'
import { LiveHub } from '../../../src/admin/live.ts'
import { SignInLimiter } from '../../../src/admin/rate-limit.ts'
import { Reader } from '../../../src/admin/reader.ts'
import { createAdminServer } from '../../../src/admin/server.ts'
import { StaticFiles } from '../../../src/admin/static.ts'
import type { LogRow } from '../../../src/core/log-event.ts'
import { Accounts } from '../../../src/store/accounts.ts'
import { startStore } from '../../../src/store/store.ts'
import { boxStatus } from '../../unit/admin/box.ts'
import { batchOf, memoryLog, until } from '../../unit/store/rows.ts'
import { tlsCalls } from './tls.ts'

export interface Appliance {
  base: string
  user: string
  password: string
  /** The folder with the UI built for this run. */
  ui: string
  write(rows: LogRow[]): Promise<void>
  /** Live streams open now. */
  streams(): number
  /** SHA-256 of the CA, as hex. */
  sha256: string
  /** Ends every session of the user, as another admin would. */
  endSessions(): void
  /** Cuts every connection and stops listening. What it returns brings the box back on the same port. */
  outage(): Promise<() => Promise<void>>
  close(): Promise<void>
}

const ROOT = path.resolve(import.meta.dirname, '../../..')
const BATCH = 500

/** The admin side of a box, all real but the supervisor: UI built from source, server, SQLite with its writer thread, CA. */
export async function startAppliance(): Promise<Appliance> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-browser-'))
  const ui = path.join(dir, 'ui')
  await build({ root: path.join(ROOT, 'web-ui'), logLevel: 'warn', build: { outDir: ui, emptyOutDir: true } })
  const file = path.join(dir, 'traffic.db')
  const store = startStore({ file, retentionDays: 0, maxBytes: 0, log: memoryLog() })
  await store.opened
  const accounts = new Accounts(path.join(dir, 'admin.db'))
  const { user, password } = accounts.ensureFirstAdmin()!
  const calls: Record<string, (params: never) => unknown> = { ...accountCalls(accounts), ...tlsCalls(dir, Date.now()) }
  const reader = new Reader(file, () => {})
  await reader.opened
  const files = new StaticFiles(ui)
  const live = new LiveHub({ reader, build: files.build, maxStreams: 20, pollMs: 50, heartbeatMs: 5000 })
  let exchanges = 0
  const status = () => {
    const now = boxStatus()
    now.workers[0]!.counters.exchangesTotal = exchanges += 42
    return now
  }
  const { current: ca } = calls['ca.state']!({} as never) as CaState
  const app = createAdminApp({
    reader,
    call: (async (method: string, params: unknown) => calls[method]!(params as never)) as Call,
    live,
    limiter: new SignInLimiter(),
    files,
    status,
    ca,
    exportCa,
    guides: INSTALL_GUIDES,
    version: '0.1.0',
    secure: false,
    warn: () => {},
  })
  let server: http.Server = createAdminServer(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ticker = setInterval(() => live.counters(status()), 1000)

  const stopServer = async (): Promise<void> => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return {
    base: `http://127.0.0.1:${port}`,
    user,
    password,
    ui,
    write: async rows => {
      const goal = store.status().rowsStored + rows.length
      for (let i = 0; i < rows.length; i += BATCH) {
        const part = rows.slice(i, i + BATCH)
        store.write(batchOf(...part), part.length, 0)
      }
      await until(() => store.status().rowsStored === goal)
    },
    streams: () => live.size(),
    sha256: ca.sha256,
    endSessions: () => {
      const found = accounts.findUser(user)!
      accounts.setPassword(user, found.hash, null)
    },
    outage: async () => {
      await stopServer()
      return async () => {
        server = createAdminServer(app)
        server.listen(port, '127.0.0.1')
        await once(server, 'listening')
      }
    },
    close: async () => {
      clearInterval(ticker)
      live.closeAll()
      await stopServer()
      await reader.close()
      await store.stop()
      accounts.close()
      fs.rmSync(dir, { recursive: true, force: true })
    },
  }
}
