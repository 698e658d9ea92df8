import fs from 'node:fs'
import path from 'node:path'
import type { ExplainResult } from '../admin/calls.ts'
import type { Config } from '../config/schema.ts'
import type { Reason, Tier } from '../core/decision.ts'
import { formatProblem, type Problem } from '../core/document.ts'
import { UserError } from '../core/errors.ts'
import type { PolicySource } from '../core/ipc.ts'
import { compilePolicy } from '../policy/compile.ts'
import type { CompiledPolicy } from '../policy/decide.ts'
import { explain } from '../policy/explain.ts'
import { PolicyHistory } from '../policy/history.ts'
import { listReader } from '../policy/list-reader.ts'

interface Snapshot {
  source: PolicySource
  policy: CompiledPolicy
}

/**
 * The policy in force: checked whole here, then told to the workers with every list it names. A document with a mistake
 * changes nothing. List files are read relative to `<stateDir>/policy/lists`.
 */
export class PolicyKeeper {
  /** Called with each new policy after the first. */
  onChange: (source: PolicySource) => void = () => {}
  readonly #history: PolicyHistory
  readonly #listDir: string
  #defaultTier: Tier
  #snapshot: Snapshot

  /** Takes the newest version, or at first start the document the configuration names. Throws UserError. */
  constructor(config: Config) {
    const dir = policyDir(config)
    this.#history = new PolicyHistory(dir)
    this.#listDir = listDir(config)
    this.#defaultTier = config.tls.tier
    fs.mkdirSync(this.#listDir, { recursive: true, mode: 0o700 })
    const current = this.#history.current() ?? this.#firstVersion(config.policy)
    const result = this.#compile(current.text, String(current.n))
    if (!('policy' in result)) {
      throw new UserError(
        result.problems.map(problem => formatProblem(path.join(dir, `version ${current.n}`), problem)).join('\n'),
      )
    }
    this.#snapshot = result
  }

  policy(): CompiledPolicy {
    return this.#snapshot.policy
  }

  source(): PolicySource {
    return this.#snapshot.source
  }

  version(): string {
    return this.#snapshot.source.version
  }

  text(): string {
    return this.#snapshot.source.text
  }

  /** Every problem and nothing changed, or none and the document is in force and in the history. */
  import(text: string, who: string, note: string): { version: string; problems: Problem[] } {
    const checked = this.#compile(text, 'draft', Date.now())
    if (!('policy' in checked)) return { version: this.version(), problems: checked.problems }
    this.#take(String(this.#history.import(text, who, note).n), checked)
    return { version: this.version(), problems: [] }
  }

  /** Reads the configuration's part, the newest version and the list files again. Throws UserError and keeps the old. */
  reload(config: Config): void {
    this.#defaultTier = config.tls.tier
    const current = this.#history.current()
    const text = current?.text ?? this.text()
    const result = this.#compile(text, String(current?.n ?? this.version()))
    if (!('policy' in result))
      throw new UserError(result.problems.map(problem => formatProblem('policy', problem)).join('\n'))
    this.#take(result.source.version, result)
  }

  explain(client: string, url: string, at: number): ExplainResult {
    const found = explain(this.#snapshot.policy, { client, url, at })
    const why = ({ reason }: { reason: Reason }) => ({
      code: reason.code,
      rule: reason.rule ?? '',
      ruleLine: reason.line,
      list: reason.list ?? '',
      listLine: reason.listLine,
    })
    return {
      verdict: found.verdict,
      why: why(found.verdictBecause),
      tier: found.tier,
      tierWhy: why(found.tierBecause),
      policyVersion: found.policyVersion,
    }
  }

  #firstVersion(file: string | null): { n: number; text: string } {
    const text = file === null ? null : fs.readFileSync(file, 'utf8')
    if (file !== null && text !== null) {
      const problems = this.#problems(text)
      if (problems.length > 0) throw new UserError(problems.map(problem => formatProblem(file, problem)).join('\n'))
    }
    return this.#history.currentOrImport(text, 'first start')
  }

  #problems(text: string): Problem[] {
    const result = this.#compile(text, 'draft')
    return 'policy' in result ? [] : result.problems
  }

  #take(version: string, checked: Snapshot): void {
    this.#snapshot = { ...checked, source: { ...checked.source, version } }
    this.onChange(this.#snapshot.source)
  }

  /** `importedAt`: only for a document that is new; at a start the clock may be years off. */
  #compile(text: string, version: string, importedAt?: number): Snapshot | { problems: Problem[] } {
    const lists: Record<string, string> = {}
    const read = listReader(this.#listDir)
    const { policy, problems } = compilePolicy(text, {
      defaultTier: this.#defaultTier,
      version,
      ...(importedAt !== undefined && { importedAt }),
      readList: file => (lists[file] = read(file)),
    })
    return policy === null ? { problems } : { policy, source: { text, version, lists, defaultTier: this.#defaultTier } }
  }
}

export function policyDir(config: Config): string {
  return path.join(config.stateDir, 'policy')
}

function listDir(config: Config): string {
  return path.join(policyDir(config), 'lists')
}

/** Every mistake in a document that is to become the current one; lists are looked for where they will be read from. */
export function checkPolicy(config: Config, text: string): Problem[] {
  const readList = listReader(listDir(config))
  return compilePolicy(text, { defaultTier: config.tls.tier, readList, version: 'draft', importedAt: Date.now() })
    .problems
}

/** The policy that a start with this configuration would put in force. Throws UserError. */
export function compileCurrent(config: Config): CompiledPolicy {
  return new PolicyKeeper(config).policy()
}
