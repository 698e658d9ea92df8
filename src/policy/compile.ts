import { randomInt } from 'node:crypto'
import type { Tier } from '../core/decision.ts'
import { type Problem, type ReadDocument, readDocument } from '../core/document.ts'
import { AddressMap, type AddressRange, parseRange } from './address-map.ts'
import { setBit, wordsFor } from './bits.ts'
import { CompiledPolicy, type CompiledRule, type Source } from './decide.ts'
import { DomainIndexBuilder } from './domain-index.ts'
import { Exceptions } from './exceptions.ts'
import { compileHeaders } from './headers-part.ts'
import { readListText } from './list-text.ts'
import { parseDomain, parseUrl } from './names.ts'
import { NEVER_DECRYPT } from './never-decrypt.ts'
import { knownKeys, LIMITS, type PolicyDocument, parsePorts, policySchema, type RuleDocument } from './schema.ts'
import { compileExceptions, compileTls } from './tls-part.ts'

export interface CompileOptions {
  /** For whatever no rule gives a tier: `tls.tier` of the box's configuration. */
  defaultTier: Tier
  /** Text of a list file as the document names it (see `listReader`). Throws when it cannot be read. */
  readList(path: string): string
  /** Name of this version of the document. */
  version: string
  /**
   * Milliseconds since the epoch, given when a person brings the document in: dates are held against it then, and never
   * at a start, when the clock of a box may be years off.
   */
  importedAt?: number
}

/** What became of each list, for the page that shows the policy. */
export interface ListReport {
  name: string
  /** null: written in the document. */
  file: string | null
  entries: number
  /** Lines that are no domain, and the first of them. */
  skipped: number
  firstSkipped: number
}

export interface CompileResult {
  policy: CompiledPolicy | null
  problems: Problem[]
  lists: ListReport[]
}

/** Checks the whole document and makes the snapshot that decides by it. Never throws; `policy` is null exactly when there are problems. */
export function compilePolicy(text: string, options: CompileOptions): CompileResult {
  if (Buffer.byteLength(text) > LIMITS.documentBytes) {
    return refused([
      { line: 1, key: '', message: 'is larger than 1 MiB; put long lists into files of their own (lists: file).' },
    ])
  }
  const read = readText(text)
  if ('message' in read) return refused([read])
  const { value, problems } = read
  if (value === null) return refused(problems)
  return new Compiler(text, value, read.lineAt, options).run()
}

function refused(all: Problem[]): CompileResult {
  const problems = all.slice(0, LIMITS.problems)
  if (all.length > problems.length) {
    const last = problems[problems.length - 1]!
    problems.push({ line: last.line, key: '', message: `and ${all.length - problems.length} more mistakes.` })
  }
  return { policy: null, problems, lists: [] }
}

/** YAML nested or aliased beyond reason makes the parser throw. */
function readText(text: string): ReadDocument<PolicyDocument> | Problem {
  try {
    return readDocument(text, policySchema, knownKeys)
  } catch (error) {
    return { line: 1, key: '', message: `cannot be read as YAML: ${(error as Error).message.slice(0, 200)}` }
  }
}

type LineAt = (path: readonly PropertyKey[]) => number

class Compiler {
  readonly #text: string
  readonly #document: PolicyDocument
  readonly #lineAt: LineAt
  readonly #options: CompileOptions
  readonly #problems: Problem[] = []
  readonly #reports: ListReport[] = []
  readonly #index = new DomainIndexBuilder(randomInt(0x1_0000_0000))
  readonly #sources: Source[] = []
  readonly #urls: string[][] = []
  readonly #listSource = new Map<string, number>()
  readonly #rules: CompiledRule[] = []

  constructor(text: string, document: PolicyDocument, lineAt: LineAt, options: CompileOptions) {
    this.#text = text
    this.#document = document
    this.#lineAt = lineAt
    this.#options = options
  }

  run(): CompileResult {
    for (const name of Object.keys(this.#document.lists ?? {})) this.#addList(name)
    const rules = this.#document.rules ?? []
    rules.forEach((rule, i) => {
      this.#addRule(rule, i)
    })
    this.#markEnds()
    const tls = compileTls(this.#document.tls)
    if (tls.neverDecrypt === 'default') this.#addNeverDecrypt()
    const exceptions = compileExceptions(this.#document.exceptions ?? [], this.#options.importedAt ?? null, at => ({
      line: this.#lineAt(at),
      problem: message => this.#problem(at, message),
    }))
    if (this.#problems.length > 0) return refused(this.#problems)
    const { version, defaultTier } = this.#options
    const hasDefault = this.#document.default != null
    const policy = new CompiledPolicy({
      version,
      text: this.#text,
      rules: this.#rules,
      sources: this.#sources,
      urls: this.#urls,
      index: this.#index.build(),
      clients: this.#addresses(rules.map(rule => rule.clients ?? null)),
      destinations: this.#addresses(rules.map(rule => rule.destinations ?? null)),
      defaultTier,
      defaultAction: this.#document.default?.action ?? 'allow',
      defaultLine: hasDefault ? this.#lineAt(['default', 'action']) : 0,
      tls,
      headers: compileHeaders(this.#document.headers),
      exceptions: new Exceptions(exceptions),
      groups: this.#groupMap(),
      groupNames: Object.keys(this.#document.groups ?? {}),
    })
    return { policy, problems: [], lists: this.#reports }
  }

  // ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #addList(name: string): void {
    const list = this.#document.lists![name]!
    const source = this.#sources.push({ kind: 'list', name, rules: [] }) - 1
    this.#listSource.set(name, source)
    const { domains, file } = list
    if (domains !== undefined) {
      this.#addDomains(domains, source, ['lists', name, 'domains'])
      this.#reports.push({ name, file: null, entries: domains.length, skipped: 0, firstSkipped: 0 })
    } else this.#addFile(name, file!, source)
  }

  #addFile(name: string, file: string, source: number): void {
    const text = this.#readFile(name, file)
    if (text === null) return
    const counts = readListText(text, (domain, exact, line) => {
      if (this.#index.entries >= LIMITS.listEntries) return false
      this.#index.add(domain, exact, source, line)
      return true
    })
    this.#reports.push({ name, file, ...counts })
    if (this.#index.entries >= LIMITS.listEntries) {
      this.#problem(
        ['lists', name, 'file'],
        `All lists together have more than ${LIMITS.listEntries} entries; leave one out.`,
      )
    } else if (counts.skipped > counts.entries) {
      // An error page saved under the list's name would otherwise be an empty list that blocks nothing
      this.#problem(
        ['lists', name, 'file'],
        `${file} is no list of domains: ${counts.skipped} lines are none, the first is line ${counts.firstSkipped}.`,
      )
    }
  }

  #readFile(name: string, file: string): string | null {
    try {
      const text = this.#options.readList(file)
      if (text.length <= LIMITS.listChars) return text
      this.#problem(['lists', name, 'file'], `${file} is larger than 256 MiB.`)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      this.#problem(['lists', name, 'file'], code === undefined ? message : `${file} cannot be read (${code}).`)
    }
    return null
  }

  #addNeverDecrypt(): void {
    const source = this.#sources.push({ kind: 'never-decrypt' }) - 1
    readListText(NEVER_DECRYPT, (domain, exact, line) => {
      this.#index.add(domain, exact, source, line)
      return true
    })
  }

  // ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #addRule(rule: RuleDocument, number: number): void {
    const at = ['rules', number]
    const { domains, urls } = rule
    if (domains !== undefined) {
      const source = this.#sources.push({ kind: 'domains', rule: number }) - 1
      this.#addDomains(domains, source, [...at, 'domains'])
    }
    if (urls !== undefined) this.#addUrls(urls, this.#sources.push({ kind: 'urls', rule: number }) - 1)
    const lists = (rule.lists ?? []).map(name => this.#listSource.get(name)!)
    for (const list of lists) {
      const source = this.#sources[list]!
      if (source.kind === 'list') source.rules.push(number)
    }
    const line = this.#lineAt(at)
    this.#rules.push({
      name: rule.name,
      line,
      endLine: line,
      action: rule.action ?? null,
      tier: rule.tier ?? null,
      learned: rule.learned ?? null,
      ports: rule.ports === undefined ? null : rule.ports.flatMap(value => parsePorts(value)!),
      hasSites: domains !== undefined || urls !== undefined || lists.length > 0,
      lists,
    })
  }

  /** The line is only ever shown for lists, where it is the document's line of that entry. */
  #addDomains(domains: readonly string[], source: number, path: readonly PropertyKey[]): void {
    const shown = this.#sources[source]!.kind === 'list'
    domains.forEach((text, i) => {
      const parsed = parseDomain(text)
      if (typeof parsed === 'string') return
      this.#index.add(parsed.name, parsed.exact, source, shown ? this.#lineAt([...path, i]) : 0)
    })
  }

  /** One entry of the index for each name, with all its paths: the index keeps a name once in a source. */
  #addUrls(urls: readonly string[], source: number): void {
    const byName = new Map<string, string[]>()
    for (const text of urls) {
      const parsed = parseUrl(text)
      if (typeof parsed === 'string') continue
      const key = `${parsed.exact ? '=' : ''}${parsed.name}`
      const paths = byName.get(key)
      if (paths !== undefined) {
        paths.push(parsed.path)
        continue
      }
      const first = [parsed.path]
      byName.set(key, first)
      this.#index.add(parsed.name, parsed.exact, source, this.#urls.push(first) - 1)
    }
  }

  /** A rule's text goes to the line before the next rule, without what only leads over to it. */
  #markEnds(): void {
    const lines = this.#text.split('\n')
    this.#rules.forEach((rule, i) => {
      const next = this.#rules[i + 1]?.line ?? lines.length + 1
      rule.endLine = rule.line
      for (let line = rule.line + 1; line < next && /^\s+[^\s#]/.test(lines[line - 1]!); line++) rule.endLine = line
    })
  }

  /** One set of addresses for each group and each rule with addresses of its own; null when no rule asks for any. */
  #addresses(conditions: readonly (readonly string[] | null)[]): AddressMap | null {
    if (conditions.every(condition => condition === null)) return null
    const sets: AddressRange[][] = []
    const groupSets = new Map<string, number>()
    for (const [name, group] of Object.entries(this.#document.groups ?? {})) {
      groupSets.set(name, sets.push(group.clients.flatMap(asRange)) - 1)
    }
    const setsOfRule = conditions.map(condition => {
      if (condition === null) return null
      const groups = condition.flatMap(name => groupSets.get(name) ?? [])
      return [...groups, sets.push(condition.flatMap(asRange)) - 1]
    })
    return new AddressMap(sets, members => {
      const bits = new Uint32Array(wordsFor(conditions.length))
      setsOfRule.forEach((own, rule) => {
        if (own === null || own.some(set => members.has(set))) setBit(bits, rule)
      })
      return bits
    })
  }

  /** Which groups an address belongs to: a set of addresses for each. */
  #groupMap(): AddressMap | null {
    const groups = Object.values(this.#document.groups ?? {})
    if (groups.length === 0) return null
    const sets = groups.map(group => group.clients.flatMap(asRange))
    return new AddressMap(sets, members => {
      const bits = new Uint32Array(wordsFor(groups.length))
      for (const member of members) setBit(bits, member)
      return bits
    })
  }

  #problem(path: readonly PropertyKey[], message: string): void {
    this.#problems.push({ line: this.#lineAt(path), key: path.join('.'), message })
  }
}

/** Nothing for the name of a group. */
function asRange(text: string): AddressRange[] {
  const range = parseRange(text)
  return range === null || typeof range === 'string' ? [] : [range]
}
