/**
 * A mistake of the supervisor's own ends it, but must not leave the kernel sending clients to nobody: `lastAct` runs
 * before. The other processes end by themselves when their channel closes. Returns what takes the guard away.
 *
 * Whoever reads our output may go away (`weir run | tee`): that is no mistake, and nothing to end for.
 */
export function guardCrash(lastAct: (error: Error) => void): () => void {
  const crashed = (error: Error) => {
    try {
      lastAct(error)
    } finally {
      process.exit(1)
    }
  }
  process.on('uncaughtException', crashed)
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignore)
  return () => {
    process.removeListener('uncaughtException', crashed)
    for (const stream of [process.stdout, process.stderr]) stream.removeListener('error', ignore)
  }
}

function ignore(): void {}
