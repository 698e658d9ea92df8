import net from 'node:net'
import {
  type ConnectionFacts,
  type Decision,
  NO_REASON,
  type Policy,
  type Reason,
  type RequestFacts,
  type Tier,
} from '../core/decision.ts'
import type { HeaderPolicy } from '../core/header-policy.ts'
import type { TlsException, TlsPolicy } from '../core/tls-policy.ts'
import type { AddressMap } from './address-map.ts'
import { hasBit, setBit, wordsFor } from './bits.ts'
import { type DomainIndex, Hits } from './domain-index.ts'
import { isEchPublicName } from './ech-names.ts'
import type { Exceptions } from './exceptions.ts'
import { canonicalPath, canonicalV6, pathUnder } from './names.ts'

/** What stands behind a number of the domain index. */
export type Source =
  | { kind: 'domains'; rule: number }
  /** Here the index's "line" is a place in `urls`. */
  | { kind: 'urls'; rule: number }
  | { kind: 'list'; name: string; rules: number[] }
  /** The shipped list of hosts that are never opened. */
  | { kind: 'never-decrypt' }

/** One rule as the compiler leaves it; its number is its place in the document, from 0. */
export interface CompiledRule {
  name: string
  /** First and last line in the document, from 1. */
  line: number
  endLine: number
  action: 'allow' | 'block' | null
  tier: Tier | null
  /** Nothing learned may close what it opens. */
  learned: 'never' | null
  /** Pairs [first, last]; null = any. */
  ports: number[] | null
  /** Has `domains`, `lists` or `urls`. */
  hasSites: boolean
  /** Source numbers of its lists, in the order the rule names them. */
  lists: number[]
}

export interface CompiledParts {
  version: string
  text: string
  rules: CompiledRule[]
  sources: Source[]
  /** Canonical path prefixes of one name in one rule. */
  urls: string[][]
  index: DomainIndex
  /** Give the bits of the rules whose `clients` or `destinations` hold the address; null when no rule has any. */
  clients: AddressMap | null
  destinations: AddressMap | null
  defaultTier: Tier
  defaultAction: 'allow' | 'block'
  defaultLine: number
  tls: TlsPolicy
  headers: HeaderPolicy
  exceptions: Exceptions
  /** One set for each group, in the order of `groupNames`; null without groups. */
  groups: AddressMap | null
  groupNames: readonly string[]
}

/**
 * A set of rules is an array of 32-bit words with one bit each: "the first rule that …" is then some ANDs and a count
 * of zeros, whatever the number of rules. Nothing is allocated but the Decision, and a Reason when a list decided.
 */
export class CompiledPolicy implements Policy {
  readonly version: string
  readonly tls: TlsPolicy
  readonly headers: HeaderPolicy
  readonly text: string
  readonly rules: readonly CompiledRule[]
  readonly listEntries: number
  readonly indexBytes: number
  readonly #parts: CompiledParts
  readonly #siteless: Uint32Array
  readonly #withAction: Uint32Array
  readonly #withTier: Uint32Array
  readonly #allowing: Uint32Array
  readonly #reasons: Reason[]
  readonly #defaultReason: Reason
  /** Scratch of one call: rules that match for certain, and rules of which only the URL is still open. */
  readonly #certain: Uint32Array
  readonly #open: Uint32Array
  readonly #hits = new Hits()

  constructor(parts: CompiledParts) {
    const { rules } = parts
    this.version = parts.version
    this.tls = parts.tls
    this.headers = parts.headers
    this.text = parts.text
    this.rules = rules
    this.listEntries = parts.index.entries
    this.indexBytes = parts.index.bytes
    this.#parts = parts
    this.#siteless = bitsOf(rules, rule => !rule.hasSites)
    this.#withAction = bitsOf(rules, rule => rule.action !== null)
    this.#withTier = bitsOf(rules, rule => rule.tier !== null)
    this.#allowing = bitsOf(rules, rule => rule.action === 'allow')
    this.#reasons = rules.map(rule => reason(rule, null, 0))
    this.#defaultReason = Object.freeze({ ...NO_REASON, line: parts.defaultLine })
    this.#certain = new Uint32Array(this.#siteless.length)
    this.#open = new Uint32Array(this.#siteless.length)
  }

  exceptionFor(host: string, nowMs: number): TlsException | null {
    return this.#parts.exceptions.for(host, nowMs)
  }

  /** Every exception of the document, in its order, also those whose time is over. */
  get exceptions(): readonly TlsException[] {
    return this.#parts.exceptions.all
  }

  /** Names of the groups an address belongs to, in the document's order. */
  groupsOf(client: string): readonly string[] {
    const { groups, groupNames } = this.#parts
    if (groups === null) return NO_GROUPS
    const bits = groups.find(client)
    return groupNames.filter((_, i) => hasBit(bits, i))
  }

  decideConnection(facts: ConnectionFacts): Decision {
    this.#collect(facts, null)
    const choice = this.#chooseTier(facts)
    let actionRule = this.#first(this.#certain, this.#withAction, facts.dstPort)
    const waits = choice.tier === 'inspect' && facts.closed !== true && facts.host !== null
    if (waits && this.#actionOf(actionRule) === 'block') {
      // A URL still unknown may be allowed by a rule further up: then the request decides. Where no request will be seen, it cannot
      const allowing = this.#first(this.#open, this.#allowing, facts.dstPort)
      if (allowing >= 0 && (actionRule < 0 || allowing < actionRule)) actionRule = allowing
    }
    return this.#decision(actionRule, choice)
  }

  decideRequest(facts: RequestFacts): Decision {
    this.#collect(facts, facts.path)
    return this.#decision(this.#first(this.#certain, this.#withAction, facts.dstPort), this.#chooseTier(facts))
  }

  /** The first rule that gives a tier; without one the box's default, under which some names have a tier of their own. */
  #chooseTier(facts: ConnectionFacts): TierChoice {
    const { defaultTier } = this.#parts
    const number = this.#first(this.#certain, this.#withTier, facts.dstPort)
    const ech = defaultTier === 'inspect' && facts.host !== null && isEchPublicName(facts.host)
    if (number < 0) {
      if (ech) return OPEN_FOR_ECH
      const line = defaultTier === 'inspect' ? this.#neverDecryptLine() : 0
      return line > 0 ? { tier: 'names', reason: neverDecrypt(line) } : { tier: defaultTier, reason: NO_REASON }
    }
    const rule = this.rules[number]!
    const reason = this.#reasonFor(number)
    // A category list holds the public name as one site of many; only a rule that names it itself knows what it does
    if (ech && rule.tier !== 'inspect' && reason.code === 'list') return OPEN_FOR_ECH
    return { tier: rule.tier!, reason, learned: rule.learned }
  }

  /** Line of the most specific entry of the shipped list that covers the host looked up; 0: none. */
  #neverDecryptLine(): number {
    const hits = this.#hits
    for (let i = hits.count - 1; i >= 0; i--) {
      if (this.#parts.sources[hits.sources[i]!]!.kind === 'never-decrypt') return hits.lines[i]!
    }
    return 0
  }

  /** Fills `#hits`, `#certain` and `#open` (all conditions but ports). `path` null: not known yet. */
  #collect(facts: ConnectionFacts, path: string | null): void {
    const certain = this.#certain
    const open = this.#open
    certain.set(this.#siteless)
    open.fill(0)
    this.#lookup(facts.host ?? facts.dstAddr)
    const { sources, urls, clients, destinations } = this.#parts
    const hits = this.#hits
    let canonical: string | null = null
    for (let i = 0; i < hits.count; i++) {
      const source = sources[hits.sources[i]!]!
      if (source.kind === 'domains') setBit(certain, source.rule)
      else if (source.kind === 'list') for (const rule of source.rules) setBit(certain, rule)
      else if (source.kind === 'never-decrypt') continue
      else if (path === null) setBit(open, source.rule)
      else {
        canonical ??= canonicalPath(path)
        if (underAny(canonical, urls[hits.lines[i]!]!)) setBit(certain, source.rule)
      }
    }
    if (clients !== null) this.#narrow(clients.find(facts.clientAddr))
    if (destinations !== null) this.#narrow(destinations.find(facts.dstAddr))
  }

  #lookup(host: string): void {
    // An address has no parent domains: 2.1 is not above 192.0.2.1
    if (host.includes(':')) this.#parts.index.lookupWhole(canonicalV6(host) ?? host, this.#hits)
    else if (endsInDigit(host) && net.isIPv4(host)) this.#parts.index.lookupWhole(host, this.#hits)
    else this.#parts.index.lookup(host, this.#hits)
  }

  #narrow(bits: Uint32Array): void {
    for (let i = 0; i < bits.length; i++) {
      this.#certain[i] = this.#certain[i]! & bits[i]!
      this.#open[i] = this.#open[i]! & bits[i]!
    }
  }

  /** Lowest rule in both sets whose ports fit; -1 when there is none. */
  #first(set: Uint32Array, mask: Uint32Array, port: number): number {
    for (let word = 0; word < set.length; word++) {
      for (let bits = set[word]! & mask[word]!; bits !== 0; bits &= bits - 1) {
        const rule = word * 32 + 31 - Math.clz32(bits & -bits)
        const { ports } = this.rules[rule]!
        if (ports === null || inPorts(ports, port)) return rule
      }
    }
    return -1
  }

  #actionOf(rule: number): 'allow' | 'block' {
    return rule < 0 ? this.#parts.defaultAction : this.rules[rule]!.action!
  }

  #decision(actionRule: number, choice: TierChoice): Decision {
    const decision: Decision = {
      verdict: this.#actionOf(actionRule),
      reason: actionRule < 0 ? this.#defaultReason : this.#reasonFor(actionRule),
      tier: choice.tier,
      tierReason: choice.reason,
    }
    if (choice.learned === 'never') decision.learned = 'never'
    return decision
  }

  /** The rule itself if its own words matched, else its first list that did, and there the most specific entry. */
  #reasonFor(number: number): Reason {
    const rule = this.rules[number]!
    if (rule.lists.length === 0) return this.#reasons[number]!
    const { sources } = this.#parts
    const hits = this.#hits
    for (let i = 0; i < hits.count; i++) {
      const source = sources[hits.sources[i]!]!
      if (source.kind === 'domains' && source.rule === number) return this.#reasons[number]!
    }
    for (const list of rule.lists) {
      const source = sources[list]!
      for (let i = hits.count - 1; i >= 0; i--) {
        if (hits.sources[i] !== list || source.kind !== 'list') continue
        return reason(rule, source.name, hits.lines[i]!)
      }
    }
    // Neither: the rule matched by URL
    return this.#reasons[number]!
  }
}

function underAny(path: string, prefixes: readonly string[]): boolean {
  for (const prefix of prefixes) if (pathUnder(path, prefix)) return true
  return false
}

function reason(rule: CompiledRule, list: string | null, listLine: number): Reason {
  return Object.freeze({ code: list === null ? 'rule' : 'list', rule: rule.name, line: rule.line, list, listLine })
}

interface TierChoice {
  tier: Tier
  reason: Reason
  learned?: 'never' | null
}

const NO_GROUPS: readonly string[] = []
const OPEN_FOR_ECH: TierChoice = { tier: 'inspect', reason: Object.freeze({ ...NO_REASON, code: 'ech' }) }

/** One for each line that was ever hit: the list is short, and a connection should not pay for a new one. */
const NEVER_DECRYPT_REASONS = new Map<number, Reason>()

function neverDecrypt(line: number): Reason {
  let found = NEVER_DECRYPT_REASONS.get(line)
  if (found === undefined) {
    found = Object.freeze({ ...NO_REASON, code: 'never-decrypt', list: 'never-decrypt', listLine: line } as const)
    NEVER_DECRYPT_REASONS.set(line, found)
  }
  return found
}

function bitsOf(rules: readonly CompiledRule[], wanted: (rule: CompiledRule) => boolean): Uint32Array {
  const bits = new Uint32Array(wordsFor(rules.length))
  rules.forEach((rule, i) => {
    if (wanted(rule)) setBit(bits, i)
  })
  return bits
}

function inPorts(ports: readonly number[], port: number): boolean {
  for (let i = 0; i < ports.length; i += 2) if (port >= ports[i]! && port <= ports[i + 1]!) return true
  return false
}

function endsInDigit(host: string): boolean {
  const code = host.charCodeAt(host.length - 1)
  return code >= 48 && code <= 57
}
