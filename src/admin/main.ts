import path from 'node:path'
import { exportCa } from '../../ca/export.ts'
import { INSTALL_GUIDES } from '../../ca/guides.ts'
import type { AdminInit, BoxStatus, FromAdmin, ToAdmin } from '../core/ipc.ts'
import { dropPrivileges } from '../os/privileges.ts'
import { createAdminApp } from './app.ts'
import { SupervisorLink } from './link.ts'
import { LiveHub } from './live.ts'
import { SignInLimiter } from './rate-limit.ts'
import { Reader } from './reader.ts'
import { createAdminServer } from './server.ts'
import { StaticFiles } from './static.ts'

/**
 * Root of the admin process. Started by the supervisor with an IPC channel (serialization `advanced`) and the listening
 * socket as fd 4. Everything is loaded and opened first, then privileges end, and only then is a byte taken from the network.
 */
const LISTEN_FD = 4
const GRACE_MS = 500
const UI = path.resolve(import.meta.dirname, '../../web-ui/dist')

function tell(message: FromAdmin): void {
  if (process.connected) process.send?.(message)
}

function warn(message: string): void {
  process.stderr.write(`admin: ${message}\n`)
}

const link = new SupervisorLink(tell)
let status: BoxStatus | null = null
let live: LiveHub | null = null
let shutDown = (): void => process.exit(0)

process.on('message', (message: ToAdmin) => {
  if (message.t === 'init') void start(message.init)
  else if (message.t === 'result') link.receive(message)
  else {
    status = message.status
    live?.counters(status)
  }
})
// Without its supervisor this process can change nothing and nobody watches it.
process.on('disconnect', () => shutDown())
process.on('SIGTERM', () => shutDown())
// Ctrl-C goes to the whole process group: the supervisor decides what ends when.
process.on('SIGINT', () => {})

async function start(init: AdminInit): Promise<void> {
  const files = new StaticFiles(UI)
  const reader = new Reader(init.trafficDb, () => {
    warn('the reader thread ended; the process is started anew.')
    process.exit(1)
  })
  await reader.opened
  live = new LiveHub({ reader, build: files.build, maxStreams: 50, pollMs: 250, heartbeatMs: 15_000 })
  const app = createAdminApp({
    reader,
    call: link.call,
    live,
    limiter: new SignInLimiter(),
    files,
    status: () => status,
    ca: init.ca,
    exportCa,
    guides: INSTALL_GUIDES,
    version: init.version,
    secure: false,
    warn,
  })
  const server = createAdminServer(app)
  if (init.uid !== null && init.gid !== null) {
    dropPrivileges({ uid: init.uid, gid: init.gid, keepNetRaw: false })
  }
  server.on('error', error => {
    warn(error.message)
    process.exit(1)
  })
  server.listen({ fd: LISTEN_FD }, () => tell({ t: 'ready' }))
  shutDown = () => {
    live?.closeAll()
    server.close(() => process.exit(0))
    // Time for answers under way; a connection kept alive by its browser would hold us for a minute.
    setTimeout(() => server.closeAllConnections(), GRACE_MS)
  }
}
