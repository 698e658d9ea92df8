import { execFileSync } from 'node:child_process'
import { type RulesConfig, routingCommands, tproxyRules } from '../iptables/tproxy.ts'
import { RULES_DEFAULTS } from '../src/os/rules.ts'
import type { Lab } from '../test/lab/lab.ts'
import { processTree } from './meter.ts'
import type { Product } from './products.ts'

const NO_RULES = '*mangle\nCOMMIT\n*filter\nCOMMIT\n'

/** The kernel of the gateway host: which product gets the connections, and on which core products run. */
export class Gateway {
  readonly #lab: Lab

  constructor(lab: Lab) {
    this.#lab = lab
    const { rule, route } = routingCommands(rulesFor(0))
    this.#run(['ip', 'rule', 'add', ...rule])
    this.#run(['ip', 'route', 'add', ...route])
    // Thousands of connections are opened within a second
    this.#run(['sysctl', '-qw', 'net.core.somaxconn=8192', 'net.ipv4.ip_local_port_range=10000 60999'])
    this.#run(['sysctl', '-qw', 'net.ipv4.conf.lan.rp_filter=2', 'net.ipv4.tcp_max_syn_backlog=8192'])
  }

  /** Weir's own rules, for both products; null: no rules at all. What is loaded is replaced in one step. */
  giveTo(product: Product | null): void {
    this.#run(['iptables-restore'], product === null ? NO_RULES : rulesText(product))
    // A router drops what belongs to a socket of its own, and an ended connection of a product is one for a minute:
    // without rules, clients that use its port again would wait.
    this.#run(['sysctl', '-qw', `net.ipv4.tcp_early_demux=${product === null ? 0 : 1}`])
  }

  /** Every thread of the product, and what they start later, on that one core. */
  pin(product: Product, core: number): void {
    for (const pid of processTree(product.pid)) pinProcess(pid, [core])
  }

  #run(argv: string[], input = ''): void {
    execFileSync('ip', ['netns', 'exec', this.#lab.namespace('gateway'), ...argv], { input, stdio: 'pipe' })
  }
}

/** Tables named here are emptied first: the gateway has no other rules. */
function rulesText(product: Product): string {
  const { plain, tls } = product.ports
  const text = tproxyRules(rulesFor(plain), 4)
  return plain === tls
    ? text
    : text.replace(`--dport 443 -j TPROXY --on-port ${plain}`, `--dport 443 -j TPROXY --on-port ${tls}`)
}

function rulesFor(tproxyPort: number): RulesConfig {
  return { ...RULES_DEFAULTS, interface: 'lan', ports: [80, 443], tproxyPort }
}

/** Children inherit it. */
export function pinProcess(pid: number, cores: readonly number[]): void {
  execFileSync('taskset', ['-a', '-p', '-c', cores.join(','), String(pid)], { stdio: 'pipe' })
}

/** Cores this process may use. */
export function allowedCores(): number[] {
  const list = /: (.*)$/m.exec(execFileSync('taskset', ['-p', '-c', String(process.pid)], { encoding: 'utf8' }))![1]!
  return list.split(',').flatMap(range => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}
