import { createHash } from 'node:crypto'
import net from 'node:net'
import { type Family, type RulesConfig, routingCommands, tproxyRules } from '../../iptables/tproxy.ts'
import { UserError } from '../core/errors.ts'
import { clearTables, replaceTables, saveTables, type Tables } from './netfilter.ts'
import { applyRouting, hasRoute, interfaceExists, ourRules, raDefaults, removeRouting } from './routing.ts'
import { applySysctl, hasIPv6, neededSysctls, restoreSysctls, type Sysctl } from './sysctl.ts'

export type { RulesConfig } from '../../iptables/tproxy.ts'

/** For the keys `weir.yaml` does not ask for. One bit and one table that no common tool uses. */
export const RULES_DEFAULTS = { mark: 0x20, table: 2077, exclude: [] as string[], quic: 'reject' as const }

/**
 * A chain nobody jumps to. Its comments say what is loaded and how the kernel was set before: they live exactly as long
 * as the rules, in the same network namespace, gone after a reboot like them. No file can be stale or lost.
 */
const MEMORY_CHAIN = 'WEIR_MEMORY'

interface Memory {
  /** Fingerprint of the rule text that was loaded, and the number of lines it became. */
  loaded: string
  readonly former: Sysctl[]
  /** Tables that did not exist before us. */
  readonly created: string[]
}

/** Brings the kernel to what the config says, whatever is loaded now: nothing, the same, an older set or half of one. */
export function applyRules(config: RulesConfig): void {
  checkConfig(config)
  load(config)
}

/** Nothing new is intercepted, but connections that Weir already holds go on: their packets still have to be diverted to it. */
export function drainRules(config: RulesConfig): void {
  checkConfig(config)
  load({ ...config, ports: [] })
}

function load(config: RulesConfig): void {
  if (!interfaceExists(config.interface)) {
    throw new UserError(
      `There is no network interface "${config.interface}" (intercept.interface); "ip link" lists those there are.`,
    )
  }
  const settings = neededSysctls(config, raDefaults())
  // Routing before the marks, else marked packets would be forwarded for a moment.
  for (const family of families()) applyRouting(config, family)
  for (const family of families()) {
    const before = saveTables(family)
    const memory = readMemory(before)
    for (const name of ['filter', 'mangle']) {
      if (!before.has(name)) memory.created.push(name)
    }
    if (family === 4) {
      const known = new Set(memory.former.map(s => s.key))
      memory.former.push(...settings.filter(s => !known.has(s.key)))
    }
    memory.loaded = fingerprint(config, family)
    replaceTables(family, tproxyRules(config, family).replace('*mangle\n', `*mangle\n${memoryText(memory)}`), before)
  }
  for (const setting of settings) applySysctl(setting)
}

/** Takes out every rule, route and setting of ours, also of a half-applied or older config; does nothing when there is none. */
export function removeRules(config: RulesConfig): void {
  checkConfig(config)
  const former: Sysctl[] = []
  for (const family of families()) {
    const before = saveTables(family)
    const memory = readMemory(before)
    former.push(...memory.former)
    clearTables(family, before, memory.created)
    removeRouting(config, family)
  }
  restoreSysctls(former)
}

/** `partial` is anything between: an interrupted apply, rules edited by hand, a config changed since, a flushed table. */
export function rulesState(config: RulesConfig): 'applied' | 'partial' | 'absent' {
  checkConfig(config)
  let right = 0
  let traces = 0
  for (const family of families()) {
    const tables = saveTables(family)
    const memory = readMemory(tables)
    const ours = [...tables.values()].reduce((n, t) => n + t.jumps.length + t.chains.size, 0)
    const rules = ourRules(config, family)
    const route = hasRoute(config, family)
    if (ours > 0 || rules > 0 || route) traces++
    const complete =
      memory.loaded === fingerprint(config, family) && countLines(tables) === expectedLines(config, family)
    if (complete && rules === 1 && route) right++
  }
  if (traces === 0) return 'absent'
  return right === families().length && neededSysctls(config, []).length === 0 ? 'applied' : 'partial'
}

/** What `apply` does, as a shell script with comments: it may be read, or run by hand. */
export function showRules(config: RulesConfig): string {
  checkConfig(config)
  const { rule, route } = routingCommands(config)
  const routing = (flag: string) => [
    `ip ${flag}rule add ${rule.join(' ')}`,
    `ip ${flag}route replace ${route.join(' ')}`,
  ]
  const settings = [
    'sysctl -w net/ipv4/ip_forward=1 net/ipv6/conf/all/forwarding=1',
    `sysctl -w net/ipv4/conf/${config.interface}/rp_filter=2`,
    `sysctl -w net/ipv4/conf/all/send_redirects=0 net/ipv4/conf/${config.interface}/send_redirects=0`,
    `sysctl -w net/ipv4/ip_local_reserved_ports=${config.tproxyPort}`,
  ]
  return [
    '#!/bin/sh',
    '# Marked packets are for this machine, whatever their destination says.',
    ...routing(''),
    ...routing('-6 '),
    '',
    "iptables-restore --noflush <<'END'",
    `${tproxyRules(config, 4)}END`,
    '',
    "ip6tables-restore --noflush <<'END'",
    `${tproxyRules(config, 6)}END`,
    '',
    '# Former values are remembered beside the rules and put back by "weir rules remove".',
    ...settings,
    '',
  ].join('\n')
}

const families = (): readonly Family[] => (hasIPv6() ? [4, 6] : [4])

/** A mistake that would otherwise become a rule with another meaning, or a complaint of some tool. */
function checkConfig(config: RulesConfig): void {
  const { interface: dev, ports, tproxyPort, mark, table, exclude } = config
  if (!/^[A-Za-z0-9][\w.@-]{0,14}$/.test(dev))
    throw new UserError(`"${dev}" is not a network interface name (intercept.interface).`)
  if (ports.length === 0)
    throw new UserError('No port to intercept (intercept.ports); name at least one, for example [80, 443].')
  for (const port of [...ports, tproxyPort]) {
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw new UserError(`"${port}" is not a port (1 to 65535).`)
  }
  if (!Number.isInteger(mark) || mark < 1 || mark > 0x7fffffff)
    throw new UserError(`"${mark}" is not a packet mark (1 to 0x7fffffff).`)
  // 253 to 255 are the kernel's own tables.
  if (!Number.isInteger(table) || table < 1 || table > 0x7fffffff || (table > 252 && table < 256)) {
    throw new UserError(`"${table}" is not a free routing table number.`)
  }
  for (const entry of exclude) checkNet(entry)
}

function checkNet(entry: string): void {
  const [addr = '', bits, more] = entry.split('/')
  const max = net.isIPv4(addr) ? 32 : net.isIPv6(addr) && !addr.includes('%') ? 128 : -1
  if (more === undefined && max > 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= max))) return
  throw new UserError(`"${entry}" is not an address or a net such as 192.0.2.0/24 (addresses never intercepted).`)
}

function fingerprint(config: RulesConfig, family: Family): string {
  return createHash('sha256').update(tproxyRules(config, family)).digest('hex').slice(0, 16)
}

const expectedLines = (config: RulesConfig, family: Family) => tproxyRules(config, family).match(/^-[AI] /gm)!.length

function countLines(tables: Tables): number {
  let lines = 0
  for (const table of tables.values()) {
    lines += table.jumps.length
    for (const [chain, rules] of table.chains) if (chain !== MEMORY_CHAIN) lines += rules.length
  }
  return lines
}

// ---- the memory beside the rules

function memoryText({ loaded, former, created }: Memory): string {
  const lines = [
    `loaded ${loaded}`,
    ...created.map(table => `created ${table}`),
    ...former.map(s => `set ${s.key}: ${s.former} -> ${s.ours}`),
  ]
  const rules = lines.map(line => `-A ${MEMORY_CHAIN} -m comment --comment "${line}"`)
  return [`:${MEMORY_CHAIN} - [0:0]`, ...rules, ''].join('\n')
}

function readMemory(tables: Tables): Memory {
  const memory: Memory = { loaded: '', former: [], created: [] }
  for (const line of tables.get('mangle')?.chains.get(MEMORY_CHAIN) ?? []) {
    const [, text = ''] = /--comment "([^"]*)"/.exec(line) ?? []
    const set = /^set (\S+): (.*) -> (.*)$/.exec(text)
    if (set) memory.former.push({ key: set[1]!, former: set[2]!, ours: set[3]! })
    else if (text.startsWith('created ')) memory.created.push(text.slice(8))
    else if (text.startsWith('loaded ')) memory.loaded = text.slice(7)
  }
  return memory
}
