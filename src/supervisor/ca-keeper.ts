import fs from 'node:fs'
import path from 'node:path'
import type { Logger } from 'pino'
import { type CaOptions, loadOrCreateCa } from '../../ca/create.ts'
import { type Cas, loadCas, readCas } from '../../ca/load.ts'
import { cancelRotation, finishRotation, startRotation } from '../../ca/rotate.ts'
import type { CaRotate } from '../admin/api.ts'
import type { CaState } from '../admin/calls.ts'
import type { CaPublic } from '../core/ca.ts'
import { UserError } from '../core/errors.ts'
import type { CaHandout } from '../core/handout.ts'
import type { FromWorker, ToWorker } from '../core/ipc.ts'
import { mintLeaf } from '../tls/mint.ts'
import { makeHandout } from './handout.ts'

/** `weir ca rotate` works on the files; this is how soon it is noticed. */
const LOOK_MS = 5_000

/**
 * The CA of the running box, the only place that holds its key. Follows what commands and the UI do to the CA's folder: a
 * CA that cannot be used there is told to the log, and the one in use goes on signing.
 */
export class CaKeeper {
  /** Called when the CA in use, or those handed out, are others than before. */
  onChange: () => void = () => {}
  readonly #dir: string
  readonly #options: CaOptions
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  #cas: Cas
  #handout: CaHandout
  #seen: string

  /** Throws UserError. */
  constructor(dir: string, options: CaOptions, log: Logger) {
    this.#dir = dir
    this.#options = options
    this.#log = log
    loadOrCreateCa(dir, options)
    this.#seen = stamp(dir)
    this.#cas = loadCas(dir, options)
    this.#handout = makeHandout(this.#offered())
    this.#tellWarnings()
    this.#timer = setInterval(() => {
      if (stamp(this.#dir) !== this.#seen) this.reload()
    }, LOOK_MS)
    this.#timer.unref()
  }

  get public(): CaPublic {
    return this.#cas.current.public
  }

  /** Every CA whose key is on this box: none of them proves anything on the origin's side. */
  own(): CaPublic[] {
    return this.#offered()
  }

  handout(): CaHandout {
    return this.#handout
  }

  state(): CaState {
    const { next, previous } = this.#cas
    return { current: this.public, next, previous, encrypted: readCas(this.#dir).encrypted }
  }

  mint({ id, name, spki }: Extract<FromWorker, { t: 'mint' }>): ToWorker {
    const { key, public: ca } = this.#cas.current
    try {
      return { t: 'minted', id, leaf: mintLeaf(key, ca, name, spki, Date.now()), error: '' }
    } catch (error) {
      return { t: 'minted', id, leaf: null, error: (error as Error).message }
    }
  }

  /** Why nothing was changed, in one sentence, or ''. */
  rotate(step: CaRotate['step']): string {
    try {
      if (step === 'prepare') startRotation(this.#dir, { ...this.#options, cross: this.#mayCross() })
      else if (step === 'finish') finishRotation(this.#dir, this.#options)
      else cancelRotation(this.#dir)
    } catch (error) {
      if (error instanceof UserError) return error.message
      throw error
    }
    this.reload()
    return ''
  }

  /** Reads the folder again. Nobody is told where nothing changed: workers give up every leaf and origin connection. */
  reload(): void {
    this.#seen = stamp(this.#dir)
    const before = this.#essence()
    try {
      this.#cas = loadCas(this.#dir, this.#options)
      this.#handout = makeHandout(this.#offered())
    } catch (error) {
      this.#log.error(`the CA in use goes on signing: ${(error as Error).message}`)
      return
    }
    this.#tellWarnings()
    if (this.#essence() !== before) this.onChange()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** All that workers know of it. */
  #essence(): string {
    return this.#offered()
      .map(({ certPem, chainPem }) => certPem + chainPem)
      .join()
  }

  #offered(): CaPublic[] {
    const { current, next } = this.#cas
    return next === null ? [current.public] : [current.public, next]
  }

  /** An imported intermediate's root is not ours to certify by. */
  #mayCross(): boolean {
    return !this.public.imported
  }

  #tellWarnings(): void {
    for (const warning of this.#cas.warnings) this.#log.warn(warning)
  }
}

/** Changes whenever a file of the folder is replaced. */
function stamp(dir: string): string {
  try {
    const files = fs.readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()
    return files
      .map(file => {
        const { ino, mtimeMs } = fs.statSync(path.join(dir, file))
        return `${file} ${ino} ${mtimeMs}`
      })
      .join()
  } catch {
    return '' // in the middle of being replaced
  }
}
