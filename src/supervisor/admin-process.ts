import { type ChildProcess, fork } from 'node:child_process'
import type { Logger } from 'pino'
import type { AdminInit, BoxStatus, FromAdmin, ToAdmin } from '../core/ipc.ts'

const ADMIN_FILE = new URL('../admin/main.ts', import.meta.url).pathname
const RESTART_MS = 500
const STATUS_MS = 1000

export type Calls = Record<string, (params: unknown) => unknown>

export interface AdminProcessOptions {
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
  #onReady: (() => void) | null = null
  /** Resolves when it has accepted for the first time. */
  readonly ready: Promise<void>

  constructor(options: AdminProcessOptions) {
    this.#options = options
    this.ready = new Promise(resolve => {
      this.#onReady = resolve
    })
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
    const child = fork(ADMIN_FILE, [], { stdio: ['ignore', 2, 2, 'ipc', this.#options.fd], serialization: 'advanced' })
    this.#child = child
    child.on('message', message => this.#heard(message as FromAdmin))
    child.on('error', error => this.#options.log.error({ err: error }, 'admin process could not be started'))
    child.on('exit', (code, signal) => {
      this.#child = null
      if (this.#stopping) return
      this.#options.log.warn({ code, signal }, 'admin process ended and is started again')
      this.#restart = setTimeout(() => this.#start(), RESTART_MS)
    })
    this.#send({ t: 'init', init: this.#options.init })
  }

  #heard(message: FromAdmin): void {
    if (message.t === 'ready') {
      this.#onReady?.()
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
