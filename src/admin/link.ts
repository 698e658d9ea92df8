import type { FromAdmin, ToAdmin } from '../core/ipc.ts'
import type { Call } from './calls.ts'
import { CallError } from './failure.ts'

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

const TIMEOUT_MS = 10_000
const MAX_WAITING = 500

/** Calls to the supervisor over IPC, matched with their answers by number. */
export class SupervisorLink {
  private readonly send: (message: FromAdmin) => void
  private readonly waiting = new Map<number, Waiting>()
  private lastCall = 0

  constructor(send: (message: FromAdmin) => void) {
    this.send = send
  }

  readonly call: Call = (method, params) => {
    if (this.waiting.size >= MAX_WAITING) return Promise.reject(new CallError('Too many calls wait.'))
    const id = ++this.lastCall
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id)
        reject(new CallError(`${method}: the supervisor did not answer in time.`))
      }, TIMEOUT_MS)
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, timer })
      this.send({ t: 'call', id, method, params })
    })
  }

  receive(message: ToAdmin & { t: 'result' }): void {
    const waiting = this.waiting.get(message.id)
    if (waiting === undefined) return
    this.waiting.delete(message.id)
    clearTimeout(waiting.timer)
    if (message.ok) waiting.resolve(message.value)
    else waiting.reject(new CallError(message.error))
  }
}
