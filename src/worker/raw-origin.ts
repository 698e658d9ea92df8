import type net from 'node:net'
import type { RawOrigin, RelayEnd } from '../pipeline/stations.ts'
import type { BulkReader } from '../splice/reader.ts'

/** What a relay is given here: origins of splices are read in bulk, what is inside TLS and upgraded streams as they come. */
export interface SpliceEnd extends RelayEnd {
  readonly reader: BulkReader | null
}

export function bulkOrigin(stream: net.Socket, reader: BulkReader): RawOrigin & SpliceEnd {
  return {
    stream,
    reader,
    onSpoke: listener => {
      // The reader is in the middle of a read; whoever takes it over would find it stopped
      reader.onEarly = () => process.nextTick(listener)
      stream.once('end', listener)
      return () => {
        reader.onEarly = null
        stream.removeListener('end', listener)
      }
    },
  }
}

export function streamOrigin(stream: net.Socket): RawOrigin & SpliceEnd {
  return {
    stream,
    reader: null,
    onSpoke: listener => {
      stream.once('readable', listener)
      return () => void stream.removeListener('readable', listener)
    },
  }
}
