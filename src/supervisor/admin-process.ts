import type { ChildProcess } from 'node:child_process'
import type { Logger } from 'pino'
import { UserError } from '../core/errors.ts'
import type { AdminInit, BoxStatus, FromAdmin, ToAdmin } from '../core/ipc.ts'
import { forkSafely } from './fork.ts'

const ADMIN_FILE = new URL('../admin/main.ts', import.meta.url).pathname
const RESTART_MS = 500
/** So many deaths in a row before it ever accepted: it will not get better by itself. */
const HOPELESS_DEATHS = 3
const STATUS_MS = 1000

export type Calls = Record<string, (params: unknown) => unknown>

export interface AdminProcessOptions {
  /** Path of the process's root module. */
  file?: string
  /** Listening socket of the UI. */
  fd: number
  init: AdminInit
  calls: Calls
  status(): BoxStatus
  log: Logger
}

/** Keeps the admin process alive and answers its calls. It holds no secret and touches no traffic. */
export class AdminProcess {
  readonly #options: AdminProcessOptions
  readonly #timer: NodeJS.Timeout
  #child: ChildProcess | null = null
  #restart: NodeJS.Timeout | null = null
  #stopping = false
  #failures = 0
  #wasReady = false
  readonly #firstReady = Promise.withResolvers<void>()
  /** Resolves when it has accepted for the first time; rejects with a UserError when it never gets there. */
  readonly ready: Promise<void>

  constructor(options: AdminProcessOptions) {
    this.#options = options
    this.ready = this.#firstReady.promise
    this.ready.catch(() => {}) // it may come while nobody waits: in the middle of a stop
    this.#timer = setInterval(() => this.#send({ t: 'status', status: options.status() }), STATUS_MS)
    this.#start()
  }

  /** A new one takes over the socket: needed when the files it holds open were replaced. */
  restart(): void {
    this.#child?.kill('SIGTERM')
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    if (this.#restart !== null) clearTimeout(this.#restart)
    const child = this.#child
    if (child === null) return
    const kill = setTimeout(() => child.kill('SIGKILL'), graceMs)
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGTERM')
    await gone
    clearTimeout(kill)
  }

  #start(): void {
    this.#restart = null
    const child = forkSafely(this.#options.file ?? ADMIN_FILE, {
      stdio: ['ignore', 2, 2, 'ipc', this.#options.fd],
      serialization: 'advanced',
    })
    if (child instanceof Error) {
      this.#ended(child.message)
      return
    }
    this.#child = child
    child.on('message', message => this.#heard(message as FromAdmin))
    child.on('error', error => {
      if (child.pid === undefined) this.#ended(error.message) // no 'exit' follows
    })
    child.on('exit', (code, signal) => this.#ended(signal ?? `exit status ${code}`))
    this.#send({ t: 'init', init: this.#options.init })
  }

  #ended(how: string): void {
    this.#child = null
    if (this.#stopping) return
    if (!this.#wasReady && ++this.#failures >= HOPELESS_DEATHS) {
      this.#firstReady.reject(
        new UserError(
          `The admin process ended ${HOPELESS_DEATHS} times before it was ready (${how}): the lines above say why.`,
        ),
      )
    }
    this.#options.log.warn({ how }, 'admin process ended and is started again')
    this.#restart = setTimeout(() => this.#start(), RESTART_MS)
  }

  #heard(message: FromAdmin): void {
    if (message.t === 'ready') {
      this.#wasReady = true
      this.#firstReady.resolve()
      this.#send({ t: 'status', status: this.#options.status() })
    } else {
      void this.#answer(message.id, message.method, message.params)
    }
  }

  async #answer(id: number, method: string, params: unknown): Promise<void> {
    // Own properties only: a method named "constructor" is no call
    const call = Object.hasOwn(this.#options.calls, method) ? this.#options.calls[method] : undefined
    try {
      if (call === undefined) throw new Error(`unknown call ${method}`)
      this.#send({ t: 'result', id, ok: true, value: await call(params), error: '' })
    } catch (error) {
      this.#send({ t: 'result', id, ok: false, value: null, error: (error as Error).message })
    }
  }

  #send(message: ToAdmin): void {
    if (this.#child?.connected) this.#child.send(message, () => {})
  }
}
