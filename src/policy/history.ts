import fs from 'node:fs'
import path from 'node:path'
import { UserError } from '../core/errors.ts'
import { unifiedDiff } from './diff.ts'
import { LIMITS } from './schema.ts'

/** What a box does before anyone has said anything: nothing is blocked, and its configured tier holds. */
export const DEFAULT_POLICY = `# Rules are read from top to bottom; see docs/policy.md.
version: 1

rules: []

default: { action: allow }
`

export interface VersionInfo {
  /** From 1, never used twice. */
  n: number
  /** Milliseconds since the epoch. */
  time: number
  /** Who brought it in: an account's name, or `command`. */
  who: string
  note: string
}

export interface PolicyVersion extends VersionInfo {
  text: string
}

const MAX_VERSIONS = 200
const MAX_WORDS = 500
const VERSION_FILE = /^(\d{4,9})\.yaml$/

/**
 * Every policy that was ever in force, newest last: `0001.yaml` is the document to the byte and `0001.json` says when, who
 * and why. The newest is the current one, so a rollback is a new version with an old text, and history never changes.
 */
export class PolicyHistory {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  }

  /** null before the first start. */
  current(): PolicyVersion | null {
    const n = this.#numbers().at(-1)
    return n === undefined ? null : this.get(n)
  }

  /** The current version; at the first start `text`, or the built-in default, becomes it. */
  currentOrImport(text: string | null, who: string): PolicyVersion {
    return (
      this.current() ?? this.import(text ?? DEFAULT_POLICY, who, text === null ? 'built-in default' : 'first start')
    )
  }

  get(n: number): PolicyVersion {
    try {
      return { ...this.#info(n), text: fs.readFileSync(this.#file(n, 'yaml'), 'utf8') }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      throw new UserError(`There is no policy version ${n}. See "weir policy history".`)
    }
  }

  /** Newest first, without the texts. */
  list(): VersionInfo[] {
    return this.#numbers()
      .reverse()
      .map(n => this.#info(n))
  }

  /** Stores a document that has been checked before; the same text again makes no new version. */
  import(text: string, who: string, note: string): PolicyVersion {
    if (Buffer.byteLength(text) > LIMITS.documentBytes) throw new UserError('The policy document is larger than 1 MiB.')
    const current = this.current()
    if (current !== null && current.text === text) return current
    const about = { time: Date.now(), who: who.slice(0, MAX_WORDS), note: note.slice(0, MAX_WORDS) }
    const n = this.#reserve((current?.n ?? 0) + 1, `${JSON.stringify(about)}\n`)
    // The document comes last: a version exists when its document does
    this.#write(this.#file(n, 'yaml'), text)
    this.#prune()
    return { n, ...about, text }
  }

  /** Makes the text of version `n` the current one again. */
  rollback(n: number, who: string): PolicyVersion {
    return this.import(this.get(n).text, who, `rollback to version ${n}`)
  }

  /** Unified diff from version `a` to `b`. */
  diff(a: number, b: number): string {
    return unifiedDiff(this.get(a).text, this.get(b).text, `version ${a}`, `version ${b}`)
  }

  #numbers(): number[] {
    const numbers: number[] = []
    for (const name of fs.readdirSync(this.#dir)) {
      const match = VERSION_FILE.exec(name)
      if (match !== null) numbers.push(Number(match[1]))
    }
    return numbers.sort((a, b) => a - b)
  }

  /** A lost or damaged companion file costs only the words about the version, not the version. */
  #info(n: number): VersionInfo {
    try {
      const info: unknown = JSON.parse(fs.readFileSync(this.#file(n, 'json'), 'utf8'))
      if (isInfo(info)) return { n, time: info.time, who: info.who, note: info.note }
    } catch {}
    const stat = fs.statSync(this.#file(n, 'yaml'), { throwIfNoEntry: false })
    return { n, time: stat === undefined ? 0 : Math.floor(stat.mtimeMs), who: '', note: '' }
  }

  /** The command and the running appliance may both bring in a version: who first makes the number's companion has it. */
  #reserve(from: number, about: string): number {
    for (let n = from; ; n++) {
      try {
        this.#write(this.#file(n, 'json'), about)
        return n
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
  }

  /** All or nothing, also when the power goes, and never over something else: written aside, flushed, then linked. */
  #write(file: string, text: string): void {
    const aside = `${file}.${process.pid}.tmp`
    try {
      fs.writeFileSync(aside, text, { mode: 0o600, flush: true })
      fs.linkSync(aside, file)
    } finally {
      fs.rmSync(aside, { force: true })
    }
    const dir = fs.openSync(this.#dir, 'r')
    try {
      fs.fsyncSync(dir)
    } finally {
      fs.closeSync(dir)
    }
  }

  #prune(): void {
    for (const n of this.#numbers().slice(0, -MAX_VERSIONS)) {
      fs.rmSync(this.#file(n, 'yaml'), { force: true })
      fs.rmSync(this.#file(n, 'json'), { force: true })
    }
  }

  #file(n: number, extension: 'yaml' | 'json'): string {
    return path.join(this.#dir, `${String(n).padStart(4, '0')}.${extension}`)
  }
}

function isInfo(value: unknown): value is { time: number; who: string; note: string } {
  if (typeof value !== 'object' || value === null) return false
  const { time, who, note } = value as Record<string, unknown>
  return typeof time === 'number' && typeof who === 'string' && typeof note === 'string'
}
