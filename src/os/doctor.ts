import fs from 'node:fs'
import { type Family, type RulesConfig, tproxyRules } from '../../iptables/tproxy.ts'
import { UserError } from '../core/errors.ts'
import { tryRun } from './run.ts'
import { hasIPv6, readSysctl, withoutPort } from './sysctl.ts'

/** One thing the machine was asked. `warn`: interception works, but not as well, or something else may be meant. */
export interface Finding {
  readonly id: string
  readonly ok: boolean | 'warn'
  /** What is there. */
  readonly found: string
  /** Why it matters; empty when all is well. */
  readonly why: string
  /** The command that mends it; empty when all is well or there is none. */
  readonly fix: string
}

type Check = (config: RulesConfig) => Finding | null

const good = (id: string, found: string): Finding => ({ id, ok: true, found, why: '', fix: '' })
const bad = (id: string, found: string, why: string, fix: string): Finding => ({ id, ok: false, found, why, fix })
const warn = (id: string, found: string, why: string, fix: string): Finding => ({
  ...bad(id, found, why, fix),
  ok: 'warn',
})

const APPLY = 'weir rules apply (or "rules: auto" in weir.yaml) sets it'

/** Everything on this machine that can stop interception, in the order in which to mend it. Changes nothing. */
export function doctor(config: RulesConfig): Finding[] {
  return CHECKS.flatMap(check => check(config) ?? [])
}

/** A line per finding, and below what is not well why it matters and what to do. */
export function formatFindings(findings: readonly Finding[]): string {
  const mark = { true: 'ok  ', warn: 'warn', false: 'BAD ' }
  return findings
    .map(({ id, ok, found, why, fix }) => {
      const more = [why, fix === '' ? '' : `→ ${fix}`].filter(Boolean).map(text => `\n       ${text}`)
      return `${mark[`${ok}`]} ${id}: ${found}${more.join('')}`
    })
    .join('\n')
}

const CHECKS: readonly Check[] = [
  rights,
  config => tproxy(config, 4),
  config => tproxy(config, 6),
  ipv6,
  lanInterface,
  defaultRoute,
  () => forwarding('net/ipv4/ip_forward', 'ip-forward'),
  () => (hasIPv6() ? forwarding('net/ipv6/conf/all/forwarding', 'ip6-forward') : null),
  reversePath,
  validMark,
  bridge,
  reservedPort,
  portInUse,
  openFiles,
  clock,
  libatomic,
]

function rights(): Finding {
  const effective = BigInt(`0x${/CapEff:\s*(\w+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`)
  const missing = [
    ['CAP_NET_ADMIN', 12n],
    ['CAP_NET_RAW', 13n],
  ].filter(([, bit]) => ((effective >> BigInt(bit!)) & 1n) === 0n)
  if (missing.length === 0) return good('rights', 'root, or the capabilities interception needs')
  const names = missing.map(([name]) => name).join(' and ')
  return bad(
    'rights',
    `${names} missing`,
    'Kernel rules and transparent sockets need them.',
    'sudo weir doctor; sudo weir run',
  )
}

/** The rules themselves, loaded in a network namespace that lives only as long as the trial: the one proof that counts. */
function tproxy(config: RulesConfig, family: Family): Finding | null {
  if (family === 6 && !hasIPv6()) return null
  const id = family === 4 ? 'tproxy' : 'tproxy-ipv6'
  const tool = family === 4 ? 'iptables-restore' : 'ip6tables-restore'
  try {
    tryRun(tool, ['--version'])
  } catch (e) {
    if (!(e instanceof UserError)) throw e
    return bad(id, `${tool} is missing`, 'The kernel rules are loaded with it.', 'apt-get install iptables')
  }
  if (rights().ok !== true)
    return warn(id, 'not tried', 'A trial of the rules needs the same rights as loading them.', 'sudo weir doctor')
  const trial = tryRun('unshare', ['--net', tool, '--noflush'], tproxyRules(config, family))
  if (trial.code === 0) return good(id, 'the kernel takes the rules (TPROXY, socket, addrtype, REJECT)')
  const complaint = trial.err.trim().split('\n')[0] ?? ''
  return bad(
    id,
    complaint === '' ? 'the kernel refuses the rules' : complaint,
    'Without these kernel modules nothing can be intercepted (in a container they are the host’s).',
    `modprobe -a xt_TPROXY xt_socket xt_addrtype nf_tproxy_ipv${family} nf_socket_ipv${family}`,
  )
}

function ipv6(): Finding | null {
  if (hasIPv6()) return null
  const why = 'Only IPv4 is intercepted. If clients have another way to IPv6, it is not filtered.'
  return warn('ipv6', 'off on this machine', why, 'sysctl -w net.ipv6.conf.all.disable_ipv6=0')
}

function lanInterface({ interface: dev }: RulesConfig): Finding {
  const shown = tryRun('ip', ['-br', 'address', 'show', 'dev', dev])
  if (shown.code !== 0) {
    const there = tryRun('ip', ['-br', 'link'])
      .out.split('\n')
      .map(line => line.split(/[@ ]/)[0])
      .filter(Boolean)
    return bad(
      'interface',
      `no "${dev}" here; there are ${there.join(', ')}`,
      'Clients come from it.',
      'set intercept.interface in weir.yaml',
    )
  }
  const [, state = '', ...addrs] = shown.out.trim().split(/\s+/)
  if (state === 'DOWN')
    return bad('interface', `${dev} is down`, 'No client can reach this machine.', `ip link set ${dev} up`)
  if (!addrs.some(addr => !addr.startsWith('fe80'))) {
    return warn(
      'interface',
      `${dev} has no address`,
      'Clients have no gateway to name.',
      `ip address add 10.0.0.1/24 dev ${dev}`,
    )
  }
  return good('interface', `${dev} ${addrs.join(' ')}`)
}

function defaultRoute({ interface: lan }: RulesConfig): Finding {
  const lines = tryRun('ip', ['route', 'show', 'default']).out.trim().split('\n').filter(Boolean)
  if (lines.length === 0) {
    return warn(
      'default-route',
      'none',
      'Origins beyond the connected networks cannot be reached.',
      'ip route add default via ROUTER',
    )
  }
  const dev = /dev (\S+)/.exec(lines[0]!)?.[1] ?? ''
  if (dev === lan) {
    const why = 'A gateway with one leg works, but clients that are told of the real router go round it.'
    return warn('default-route', `through ${lan}, where the clients are`, why, 'check intercept.interface in weir.yaml')
  }
  return good('default-route', lines[0]!.trim())
}

function forwarding(key: string, id: string): Finding {
  if (readSysctl(key) === '1') return good(id, 'on')
  return warn(id, 'off', 'What is not intercepted (DNS, mail, QUIC left alone) does not pass the gateway.', APPLY)
}

/** The stricter of "all" and the interface counts. */
function reversePath({ interface: dev }: RulesConfig): Finding | null {
  const value = Math.max(...['all', dev].map(name => Number(readSysctl(`net/ipv4/conf/${name}/rp_filter`) ?? 0)))
  if (value !== 1) return good('rp-filter', value === 0 ? 'off' : 'loose')
  return warn(
    'rp-filter',
    `strict on ${dev}`,
    'Clients behind a second router or on several networks are dropped in silence.',
    APPLY,
  )
}

/** WireGuard's wg-quick sets it. The reverse-path check then follows our mark into our table and finds only this machine. */
function validMark({ interface: dev }: RulesConfig): Finding {
  const on = ['all', dev].filter(name => readSysctl(`net/ipv4/conf/${name}/src_valid_mark`) === '1')
  if (on.length === 0) return good('src-valid-mark', 'off')
  const why = 'Intercepted packets are taken for forgeries ("martian source") and dropped in silence.'
  return bad(
    'src-valid-mark',
    `on for ${on.join(' and ')}`,
    why,
    on.map(name => `sysctl -w net.ipv4.conf.${name}.src_valid_mark=0`).join('; '),
  )
}

/** Docker and Kubernetes turn this on: frames that only cross a bridge then meet TPROXY, and are lost there. */
function bridge({ interface: dev }: RulesConfig): Finding | null {
  const keys = ['iptables', 'ip6tables'].map(what => `net/bridge/bridge-nf-call-${what}`)
  const on = keys.filter(key => readSysctl(key) === '1')
  if (on.length === 0) return null
  const isBridge = tryRun('ip', ['-d', 'link', 'show', 'dev', dev]).out.includes('bridge')
  if (!isBridge) return good('bridge', `filtered (${on.join(', ')}), but ${dev} is no bridge or port of one`)
  const why = `${dev} is part of a bridge: what only crosses the bridge meets the rules too and is lost.`
  return bad('bridge', `${on.join(', ')} = 1`, why, on.map(key => `sysctl -w ${key.replaceAll('/', '.')}=0`).join('; '))
}

function reservedPort({ tproxyPort }: RulesConfig): Finding {
  if (withoutPort(readSysctl('net/ipv4/ip_local_reserved_ports') ?? '', tproxyPort).had) {
    return good('reserved-port', `${tproxyPort} is kept free for the listener`)
  }
  const why = 'An outgoing connection may take the listener’s port, and a restart then fails.'
  return warn('reserved-port', `${tproxyPort} is not reserved`, why, APPLY)
}

function portInUse({ tproxyPort }: RulesConfig): Finding {
  const users = tryRun('ss', ['-Hltnp', `sport = :${tproxyPort}`]).out.trim()
  if (users === '') return good('port', `${tproxyPort} is free`)
  const owner = /\("([^"]+)",pid=(\d+)/.exec(users)
  const found = owner === null ? 'an unknown process' : `"${owner[1]}" (pid ${owner[2]})`
  return warn(
    'port',
    `${tproxyPort} is used by ${found}`,
    'Well if that is Weir itself; else Weir cannot start.',
    'set listen.tproxy in weir.yaml',
  )
}

/** Two descriptors per connection; a school of 5,000 devices holds tens of thousands. */
function openFiles(): Finding {
  const hard = /Max open files\s+\d+\s+(\d+)/.exec(fs.readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '0'
  if (Number(hard) >= 65_536) return good('open-files', hard)
  return warn(
    'open-files',
    hard,
    'Each connection needs two; then new ones are refused.',
    'ulimit -Hn 262144, or LimitNOFILE= in the unit',
  )
}

function clock(): Finding {
  const now = new Date()
  // Never before the program was installed: a board without a battery wakes up in 1970 and distrusts every certificate.
  const installed = fs.statSync(import.meta.filename).mtime
  if (now.getTime() >= installed.getTime() - 86_400_000 && now.getUTCFullYear() < 2100)
    return good('clock', now.toISOString())
  return bad(
    'clock',
    now.toISOString(),
    'Certificates are valid by date: all would be refused.',
    'timedatectl set-ntp true',
  )
}

function libatomic(): Finding {
  if (tryRun('sh', ['-c', 'ldconfig -p | grep -q "libatomic\\.so\\.1"']).code === 0)
    return good('libatomic', 'installed')
  return warn(
    'libatomic',
    'not found',
    'Node 26 is linked to it and does not start without.',
    'apt-get install libatomic1',
  )
}
