import { type ChildProcess, type ForkOptions, fork } from 'node:child_process'

/** Without memory for it, spawning throws where it otherwise tells by an event. */
export function forkSafely(file: string, options: ForkOptions): ChildProcess | Error {
  try {
    return fork(file, [], options)
  } catch (error) {
    return error as Error
  }
}
