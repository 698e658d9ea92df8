import type { AdminApp, AdminDeps } from '../deps.ts'
import { caRoutes } from './ca.ts'
import { cacheRoutes } from './cache.ts'
import { healthRoutes } from './health.ts'
import { liveRoutes } from './live.ts'
import { policyRoutes } from './policy.ts'
import { sessionRoutes } from './session.ts'
import { statusRoutes } from './status.ts'
import { summaryRoutes } from './summary.ts'
import { tlsRoutes } from './tls.ts'
import { trafficRoutes } from './traffic.ts'

/** Every subject of the API. */
export const ROUTES: readonly ((app: AdminApp, deps: AdminDeps) => void)[] = [
  healthRoutes,
  sessionRoutes,
  summaryRoutes,
  trafficRoutes,
  liveRoutes,
  caRoutes,
  tlsRoutes,
  statusRoutes,
  policyRoutes,
  cacheRoutes,
]
