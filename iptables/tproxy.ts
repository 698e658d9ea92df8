/** What the kernel rules depend on. Addresses and nets in `exclude` (either family) are never intercepted, as client or as destination. */
export interface RulesConfig {
  /** Where clients come from: an interface name in the current network namespace. */
  readonly interface: string
  /** TCP destination ports that are intercepted. */
  readonly ports: readonly number[]
  /** Port of the listener that receives all of them. */
  readonly tproxyPort: number
  /** One bit of the packet mark, set on what goes to the listener. */
  readonly mark: number
  /** Number of the routing table that delivers marked packets to this machine. */
  readonly table: number
  readonly exclude: readonly string[]
  /** What happens to QUIC (UDP to an intercepted port 443): refused, so that browsers fall back to TCP at once, or left alone. */
  readonly quic: 'reject' | 'leave'
}

export type Family = 4 | 6

/** Before the main table (32766) and before the priorities that VPN clients and container tools choose (5000 and up). */
export const RULE_PRIORITY = 100

/** Every chain of ours begins so; nothing else is ever changed or removed. */
export const CHAIN_PREFIX = 'WEIR_'

/** Destinations that no router hands on: this network's own business. */
const NEVER = {
  4: ['-m addrtype --dst-type LOCAL,BROADCAST,MULTICAST', '-d 169.254.0.0/16'],
  6: ['-m addrtype --dst-type LOCAL', '-d fe80::/10', '-d ff00::/8'],
} as const

/** The rule set of ingress mode "tproxy" for one family, as text for `iptables-restore --noflush` (`ip6tables-restore`). */
export function tproxyRules(config: RulesConfig, family: Family): string {
  const { interface: lan, ports, tproxyPort } = config
  const mark = markText(config)
  const excluded = config.exclude
    .filter(net => net.includes(':') === (family === 6))
    .flatMap(net => [`-s ${net} -j RETURN`, `-d ${net} -j RETURN`])
  const unreachable = family === 4 ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'
  const quic = config.quic === 'reject' && ports.includes(443)

  const intercepted = ports.length === 0 ? 'nothing new' : `TCP to ${ports.join(', ')}`

  return `# Weir, mode tproxy, IPv${family}: ${intercepted} from ${lan} is given to the listener on port ${tproxyPort}.
# Nothing in a packet is rewritten: the listener sees the client's address and the address the client wanted.
*mangle
:WEIR_PREROUTING - [0:0]
:WEIR_DIVERT - [0:0]
# 1. Connections Weir already holds, on every interface: clients', and origins' answers to a client's address
#    (keepClientAddress). Before the exclusions: behind MASQUERADE such an answer still carries the box's own address
#    here, and a connection outlives a change of the exclusions. Not for SYN: when a client reuses a port still in
#    TIME_WAIT here, only TPROXY replaces the old socket at once (with tcp_rfc1337=1 the client would wait a minute).
-A WEIR_PREROUTING -p tcp ! --syn -m socket --transparent -j WEIR_DIVERT
-A WEIR_DIVERT -j MARK --set-xmark ${mark}
-A WEIR_DIVERT -j ACCEPT
# 2. Only what clients send.
-A WEIR_PREROUTING ! -i ${lan} -j RETURN
# 3. Never intercepted: this machine's own addresses, the local network's own traffic, the excluded addresses.
${NEVER[family].map(match => `-A WEIR_PREROUTING ${match} -j RETURN`).join('\n')}
${excluded.map(rule => `-A WEIR_PREROUTING ${rule}\n`).join('')}# 4. Intercepted; one rule per port, so that each has its own counter.
${ports.map(port => `-A WEIR_PREROUTING -p tcp -m tcp --dport ${port} -j TPROXY --on-port ${tproxyPort} --tproxy-mark ${mark}`).join('\n')}
-I PREROUTING 1 -p tcp -j WEIR_PREROUTING
COMMIT

*filter
:WEIR_INPUT - [0:0]
:WEIR_FORWARD - [0:0]
# An intercepted packet is delivered here with its destination unchanged: a host firewall must not take it for a stray.
-A WEIR_INPUT -m mark --mark ${mark} -j ACCEPT
${quic ? quicRules(lan, excluded, unreachable) : '# QUIC is left alone.'}
-I INPUT 1 -p tcp -j WEIR_INPUT
-I FORWARD 1 -i ${lan} -j WEIR_FORWARD
COMMIT
`
}

function quicRules(lan: string, excluded: readonly string[], unreachable: string): string {
  return `# QUIC is refused aloud, so that browsers turn to TCP at once instead of after a time-out.
${excluded.map(rule => `-A WEIR_FORWARD ${rule}\n`).join('')}-A WEIR_FORWARD -i ${lan} -p udp -m udp --dport 443 -j REJECT --reject-with ${unreachable}`
}

/** `ip` arguments (without the family flag) that bring marked packets to the listener. */
export function routingCommands(config: RulesConfig): { readonly rule: string[]; readonly route: string[] } {
  const table = String(config.table)
  return {
    rule: ['pref', String(RULE_PRIORITY), 'fwmark', markText(config), 'lookup', table],
    route: ['local', 'default', 'dev', 'lo', 'table', table],
  }
}

/** `0x20/0x20`: our bit alone, whatever other tools keep in the rest of the mark. */
export function markText(config: RulesConfig): string {
  const hex = `0x${config.mark.toString(16)}`
  return `${hex}/${hex}`
}
