export interface PoolLimits {
  /** Connections and dials of one key. */
  maxPerKey: number
  /** HTTP/1 connections of one key that one client has in use; it waits for more. */
  maxPerClient: number
  /** Resting connections of all keys; h2 connections count always. */
  maxIdle: number
  /** Requests of one key that wait for a connection; half of them may be one client's. */
  maxWaiting: number
  idleMs: number
  /** Longest wait for a connection. */
  waitMs: number
}

export const POOL_LIMITS: PoolLimits = {
  maxPerKey: 256,
  maxPerClient: 192,
  maxIdle: 1024,
  maxWaiting: 512,
  idleMs: 30_000,
  waitMs: 60_000,
}
