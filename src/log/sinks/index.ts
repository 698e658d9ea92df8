import { type BatchStore, sqliteSink } from './sqlite.ts'

/** Where batches of the workers end, in the supervisor. A sink never blocks and never throws; it counts what it loses. */
export interface LogSink {
  readonly name: string
  /** `batch`: UTF-8 JSON array of LogRow. The sqlite sink takes it over, so it comes last. */
  write(batch: Buffer, rows: number, dropped: number): void
}

export interface SinkContext {
  store: BatchStore
}

/** In the order in which they get each batch. */
export const SINKS: readonly ((context: SinkContext) => LogSink)[] = [({ store }) => sqliteSink(store)]
