/** The supervisor's signals: SIGTERM and SIGINT stop, SIGHUP reloads. Handled from the first moment on. */
export class Signals {
  onReload: () => void = () => {}
  /** Resolves with the name of the signal that asks to stop. */
  readonly stop: Promise<string>
  stopped = false
  readonly #listeners: [NodeJS.Signals, () => void][] = []

  constructor() {
    const { promise, resolve } = Promise.withResolvers<string>()
    this.stop = promise
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      this.#on(signal, () => {
        this.stopped = true
        resolve(signal)
      })
    }
    this.#on('SIGHUP', () => this.onReload())
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) process.removeListener(signal, listener)
  }

  #on(signal: NodeJS.Signals, listener: () => void): void {
    process.on(signal, listener)
    this.#listeners.push([signal, listener])
  }
}
