import { type Family, markText, RULE_PRIORITY, type RulesConfig, routingCommands } from '../../iptables/tproxy.ts'
import { run, tryRun } from './run.ts'

/** One line of `ip -j rule show`, as far as we read it. */
interface IpRule {
  readonly priority: number
  readonly fwmark?: string
  readonly fwmask?: string
  readonly table?: string
}

interface IpRoute {
  readonly type?: string
  readonly dst: string
  readonly dev?: string
  readonly protocol?: string
}

/** Marked packets to our table, and everything in our table to this machine: exactly once each. */
export function applyRouting(config: RulesConfig, family: Family): void {
  const { rule, route } = routingCommands(config)
  run('ip', [`-${family}`, 'route', 'replace', ...route])
  const found = ourRules(config, family)
  if (found === 0) run('ip', [`-${family}`, 'rule', 'add', ...rule])
  for (let extra = found; extra > 1; extra--) run('ip', [`-${family}`, 'rule', 'del', ...rule])
}

export function removeRouting(config: RulesConfig, family: Family): void {
  const { rule, route } = routingCommands(config)
  for (let left = ourRules(config, family); left > 0; left--) run('ip', [`-${family}`, 'rule', 'del', ...rule])
  if (hasRoute(config, family)) run('ip', [`-${family}`, 'route', 'del', ...route])
}

/** How many policy rules send our mark to our table. */
export function ourRules(config: RulesConfig, family: Family): number {
  const [mark = ''] = markText(config).split('/')
  return json<IpRule>(run('ip', [`-${family}`, '-N', '-j', 'rule', 'show'])).filter(
    rule => rule.priority === RULE_PRIORITY && rule.fwmark === mark && rule.table === String(config.table),
  ).length
}

export function hasRoute(config: RulesConfig, family: Family): boolean {
  // A table that was never used "does not exist": an error for ip, an empty table for us.
  const shown = tryRun('ip', [`-${family}`, '-j', 'route', 'show', 'table', String(config.table)])
  return shown.code === 0 && json<IpRoute>(shown.out).some(route => route.type === 'local' && route.dev === 'lo')
}

/** Interfaces with an IPv6 default route learnt from a router advertisement. */
export function raDefaults(): string[] {
  const shown = tryRun('ip', ['-6', '-j', 'route', 'show', 'default', 'proto', 'ra'])
  return shown.code === 0 ? [...new Set(json<IpRoute>(shown.out).flatMap(route => route.dev ?? []))] : []
}

export function interfaceExists(name: string): boolean {
  return tryRun('ip', ['link', 'show', 'dev', name]).code === 0
}

/** `ip -j` prints nothing at all, or a lone bracket, where there is nothing to list. */
function json<T>(text: string): T[] {
  try {
    return JSON.parse(text) as T[]
  } catch {
    return []
  }
}
