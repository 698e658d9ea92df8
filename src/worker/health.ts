import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { WorkerCounters } from '../core/ipc.ts'
import type { TrafficCounters } from '../pipeline/stations.ts'

const REPORT_MS = 1000

export interface HealthDeps {
  traffic: TrafficCounters
  openConnections(): number
  cacheBytes(): number
  logDropped(): number
  report(counters: WorkerCounters): void
}

/** Tells the supervisor once a second how this worker is; silence is how it notices one that hangs. Returns what ends it. */
export function reportHealth(deps: HealthDeps): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const timer = setInterval(() => {
    const { traffic } = deps
    deps.report({
      connections: deps.openConnections(),
      connectionsTotal: traffic.connections,
      exchangesTotal: traffic.exchanges,
      blockedTotal: traffic.blocked,
      splicedTotal: traffic.spliced,
      inspectedTotal: traffic.inspected,
      cacheHits: traffic.cacheHits,
      cacheBytes: deps.cacheBytes(),
      bytesSaved: traffic.bytesSaved,
      logDropped: deps.logDropped(),
      // The timer of the histogram itself takes its resolution
      loopLagMs: Math.max(0, delay.percentile(99) / 1e6 - 20),
      rssBytes: process.memoryUsage.rss(),
    })
    delay.reset()
  }, REPORT_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    delay.disable()
  }
}
