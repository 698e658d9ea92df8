import type { LogSink } from './index.ts'

/** What this sink needs of the store. */
export interface BatchStore {
  write(batch: Buffer, rows: number, dropped: number): void
}

/** The database: batches go to the store thread unread. */
export function sqliteSink(store: BatchStore): LogSink {
  return { name: 'sqlite', write: (batch, rows, dropped) => store.write(batch, rows, dropped) }
}
