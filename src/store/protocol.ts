import type { RetentionLimits } from './retention.ts'

/** Between the supervisor and the store thread. */
export interface StoreThreadData {
  file: string
  limits: RetentionLimits
}

export type ToStoreThread =
  | { t: 'batch'; bytes: Uint8Array; rows: number }
  | { t: 'retention'; limits: RetentionLimits }
  | { t: 'stop' }

export type FromStoreThread =
  /** The first try to open the file is over, with or without success. */
  | { t: 'opened' }
  /** The oldest batch sent is in the database, or is known to be unreadable. */
  | { t: 'done'; stored: number; lost: number; bytes: number }
  /** '' when all is well again. */
  | { t: 'error'; message: string }
  | { t: 'warn'; message: string }
  | { t: 'replaced' }
  /** Answer to `stop`: rows that could not be written any more. */
  | { t: 'stopped'; unwritten: number }
