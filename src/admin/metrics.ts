import type { BoxStatus, WorkerCounters } from '../core/ipc.ts'

type Kind = 'counter' | 'gauge'

/** Names are promises to other people's monitoring: add, never rename. */
const WORKER: readonly (readonly [keyof WorkerCounters, string, Kind, string, number])[] = [
  ['connections', 'weir_connections', 'gauge', 'Client connections open now.', 1],
  ['connectionsTotal', 'weir_connections_total', 'counter', 'Client connections accepted.', 1],
  ['exchangesTotal', 'weir_exchanges_total', 'counter', 'Requests carried.', 1],
  ['blockedTotal', 'weir_blocked_total', 'counter', 'Requests and connections refused by policy.', 1],
  ['splicedTotal', 'weir_spliced_total', 'counter', 'Connections passed unopened.', 1],
  ['inspectedTotal', 'weir_inspected_total', 'counter', 'Connections opened.', 1],
  ['cacheHits', 'weir_cache_hits_total', 'counter', 'Requests answered from the cache.', 1],
  ['cacheBytes', 'weir_cache_bytes', 'gauge', 'Bytes held by the memory cache.', 1],
  ['bytesSaved', 'weir_cache_saved_bytes_total', 'counter', 'Bytes not fetched from origins.', 1],
  ['logDropped', 'weir_log_ring_dropped_total', 'counter', 'Log rows dropped in the worker.', 1],
  ['loopLagMs', 'weir_event_loop_lag_seconds', 'gauge', 'Event loop delay.', 0.001],
  ['rssBytes', 'weir_resident_memory_bytes', 'gauge', 'Resident memory.', 1],
]

/** The text format of Prometheus, version 0.0.4. */
export function exposition(status: BoxStatus, liveStreams: number): string {
  const lines: string[] = []
  const head = (name: string, kind: Kind, help: string): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`)
  }
  const single = (name: string, kind: Kind, help: string, value: number): void => {
    head(name, kind, help)
    lines.push(`${name} ${value}`)
  }
  for (const [key, name, kind, help, factor] of WORKER) {
    head(name, kind, help)
    for (const { id, counters } of status.workers) lines.push(`${name}{worker="${id}"} ${counters[key] * factor}`)
  }
  head('weir_worker_up', 'gauge', 'The worker accepts connections.')
  for (const { id, state } of status.workers) lines.push(`weir_worker_up{worker="${id}"} ${state === 'ready' ? 1 : 0}`)
  head('weir_worker_restarts_total', 'counter', 'Times the worker was replaced.')
  for (const { id, restarts } of status.workers) lines.push(`weir_worker_restarts_total{worker="${id}"} ${restarts}`)
  single(
    'weir_rules_applied',
    'gauge',
    'The kernel rules are in place (1), or were taken out (0).',
    status.rules === 'removed-unhealthy' ? 0 : 1,
  )
  single('weir_log_rows_stored_total', 'counter', 'Log rows written.', status.log.rowsStored)
  single('weir_log_rows_dropped_total', 'counter', 'Log rows lost.', status.log.rowsDropped)
  single('weir_log_rows_queued', 'gauge', 'Log rows not yet written.', status.log.queued)
  single('weir_log_error', 'gauge', 'The log database cannot be written.', status.log.error === '' ? 0 : 1)
  single('weir_log_bytes', 'gauge', 'Bytes used in the log database.', status.log.bytes)
  single('weir_live_streams', 'gauge', 'Live views open.', liveStreams)
  single('weir_start_time_seconds', 'gauge', 'When the gateway was started.', status.startedAt / 1000)
  return `${lines.join('\n')}\n`
}
