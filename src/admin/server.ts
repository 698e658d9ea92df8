import http from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { AdminApp } from './deps.ts'

const MAX_CONNECTIONS = 500

/** node:http is good enough here: nothing of the data path passes through it. Slow or half-open peers are cut off early. */
export function createAdminServer(app: AdminApp): http.Server {
  const server = http.createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 60_000,
      connectionsCheckingInterval: 5000,
      maxHeaderSize: 16 << 10,
    },
    getRequestListener(app.fetch),
  )
  server.maxConnections = MAX_CONNECTIONS
  server.maxRequestsPerSocket = 10_000
  return server
}
