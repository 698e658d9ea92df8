import { LIMITS } from '../core/limits.ts'

export type { HttpLimits } from '../core/limits.ts'

/** For who runs the engine without a configuration. */
export const DEFAULT_LIMITS = LIMITS.http
