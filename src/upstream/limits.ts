import { LIMITS } from '../core/limits.ts'

export type { PoolLimits } from '../core/limits.ts'

/** For who runs the pool without a configuration. */
export const POOL_LIMITS = LIMITS.pool
