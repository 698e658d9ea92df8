import fs from 'node:fs'
import net from 'node:net'
import type { LearnedEntry, LearnedKind } from '../core/tls-policy.ts'
import { entryId } from './entries.ts'
import { isEvent, isHost, isTime } from './event.ts'
import { CAPS } from './thresholds.ts'

const VERSION = 1
/** All entries with all their evidence are some 8 MB. */
const MAX_BYTES = 32 * 1024 * 1024
/** Conclusions come in bursts; the newest is lost at worst, and drawn again. */
const DELAY_MS = 5000

const KINDS: ReadonlySet<unknown> = new Set<LearnedKind>(['untrusting', 'pinned', 'client-cert'])
/** Name of a group in the policy document. */
const GROUP = /^\p{L}[\p{L}\p{N}_-]{0,63}$/u

export interface StoreOptions {
  /** `<stateDir>/learned.json` */
  file: string
  /** One sentence for the operator. */
  warn(message: string): void
  delayMs?: number
}

/** Keeps the conclusions over restarts. A file that cannot be understood is set aside, never overwritten. */
export class LearnedStore {
  readonly #options: StoreOptions
  #waiting: readonly LearnedEntry[] | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(options: StoreOptions) {
    this.#options = options
  }

  /** What was kept; nothing when there is no file or no sense in it. Never throws. */
  load(): LearnedEntry[] {
    const { file, warn } = this.#options
    let text: string
    try {
      if (fs.statSync(file).size > MAX_BYTES) return this.#setAside('is too large')
      text = fs.readFileSync(file, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') warn(`${file} cannot be read (${code}); what was learned begins anew.`)
      return []
    }
    const found = readLearned(text)
    if (found.entries === null) return this.#setAside('is not what this version writes')
    if (found.bad > 0) this.#setAside(`has ${found.bad} entries that make no sense`)
    return found.entries
  }

  /** Soon, and only the last of several. */
  save(entries: readonly LearnedEntry[]): void {
    this.#waiting = entries
    if (this.#timer !== null) return
    this.#timer = setTimeout(() => this.flush(), this.#options.delayMs ?? DELAY_MS)
    this.#timer.unref()
  }

  /** Writes what waits, now. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const entries = this.#waiting
    this.#waiting = null
    if (entries === null) return
    const { file, warn } = this.#options
    const aside = `${file}.tmp`
    try {
      // Written aside, flushed and renamed: after a power cut the file is the old one or the new one, and never half of one
      fs.rmSync(aside, { force: true })
      fs.writeFileSync(aside, learnedText(entries), { mode: 0o600, flush: true, flag: 'wx' })
      fs.renameSync(aside, file)
    } catch (error) {
      warn(
        `${file} cannot be written (${(error as NodeJS.ErrnoException).code}); what was learned is lost at a restart.`,
      )
    }
  }

  #setAside(why: string): [] {
    const { file, warn } = this.#options
    const aside = `${file}.broken`
    try {
      fs.renameSync(file, aside)
      warn(`${file} ${why}; it was set aside as ${aside}.`)
    } catch (error) {
      warn(`${file} ${why} and cannot be set aside (${(error as NodeJS.ErrnoException).code}).`)
    }
    return []
  }
}

export function learnedText(entries: readonly LearnedEntry[]): string {
  return `${JSON.stringify({ version: VERSION, entries }, null, 1)}\n`
}

/** Pure. `entries` null: this is no such file at all. `bad`: entries left out. */
export function readLearned(text: string): { entries: LearnedEntry[] | null; bad: number } {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return { entries: null, bad: 0 }
  }
  if (typeof document !== 'object' || document === null) return { entries: null, bad: 0 }
  const { version, entries } = document as Record<string, unknown>
  if (version !== VERSION || !Array.isArray(entries)) return { entries: null, bad: 0 }
  const good = new Map<string, LearnedEntry>()
  for (const one of entries.slice(0, CAPS.entries + CAPS.dismissed)) {
    const entry = readEntry(one)
    if (entry !== null) good.set(entry.id, entry)
  }
  return { entries: [...good.values()], bad: entries.length - good.size }
}

/** Takes only what it knows, so that nothing else of a file reaches the API. */
function readEntry(value: unknown): LearnedEntry | null {
  if (typeof value !== 'object' || value === null) return null
  const { kind, client, host, since, until, retestAt, failures, devices, evidence, state } = value as Record<
    string,
    unknown
  >
  if (!KINDS.has(kind) || !isScope(client) || (host !== '' && !isHost(host))) return null
  // Nobody is spared everything at once
  if ((kind === 'untrusting') !== (host === '') || (kind === 'untrusting' && net.isIP(client) === 0)) return null
  if (!isTime(since) || !isTime(until) || !isTime(retestAt) || !isTime(failures) || !isTime(devices)) return null
  if (state !== 'active' && state !== 'dismissed') return null
  if (!Array.isArray(evidence) || evidence.length > CAPS.evidence || !evidence.every(isEvent)) return null
  return {
    id: entryId(kind as LearnedKind, client, host),
    kind: kind as LearnedKind,
    client,
    host,
    since,
    until,
    retestAt,
    failures,
    devices,
    evidence: evidence.map(event => ({
      time: event.time,
      client: event.client,
      host: event.host,
      outcome: event.outcome,
      ja4: event.ja4,
    })),
    state,
  }
}

function isScope(value: unknown): value is string {
  return typeof value === 'string' && (value === '' || net.isIP(value) !== 0 || GROUP.test(value))
}
