import { findBearer, remoteAddr } from '../auth.ts'
import type { AdminApp, AdminDeps } from '../deps.ts'
import { exposition } from '../metrics.ts'

const STATUS_AGE_MS = 5000

/** For machines, outside `/api`: `/healthz` tells nothing but yes or no, `/metrics` is for this host or a token. */
export function healthRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get('/healthz', c => {
    const status = deps.status()
    const fresh = status !== null && Date.now() - status.time <= STATUS_AGE_MS
    const well = fresh && status.workers.some(worker => worker.state === 'ready')
    return c.text(well ? 'ok\n' : 'not ready\n', well ? 200 : 503)
  })

  app.get('/metrics', async c => {
    const allowed = isLoopback(remoteAddr(c)) || (await findBearer(deps, c)) !== null
    if (!allowed) return c.text('A bearer token is needed.\n', 401, { 'WWW-Authenticate': 'Bearer' })
    const status = deps.status()
    if (status === null) return c.text('The gateway has not reported yet.\n', 503)
    return c.body(exposition(status, deps.live.size()), 200, {
      'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
      'Cache-Control': 'no-store',
    })
  })
}

function isLoopback(addr: string): boolean {
  return addr === '::1' || addr.startsWith('127.')
}
