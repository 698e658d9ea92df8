import fs from 'node:fs'
import path from 'node:path'
import type { RulesConfig } from '../../iptables/tproxy.ts'
import { UserError } from '../core/errors.ts'

const ROOT = '/proc/sys'
const RESERVED = 'net/ipv4/ip_local_reserved_ports'

/** A kernel setting, by its path below /proc/sys (interface names may contain dots), with the value before us and ours. */
export interface Sysctl {
  readonly key: string
  readonly former: string
  readonly ours: string
}

/** Text of a setting; null when this kernel has none of that name. */
export function readSysctl(key: string): string | null {
  try {
    return fs.readFileSync(path.join(ROOT, key), 'utf8').trim().replace(/\s+/g, ' ')
  } catch {
    return null
  }
}

export function writeSysctl(key: string, value: string): void {
  try {
    fs.writeFileSync(path.join(ROOT, key), value)
  } catch (e) {
    const why = (e as NodeJS.ErrnoException).code ?? String(e)
    throw new UserError(
      `The kernel setting ${key} cannot be set to "${value}" (${why}); run as root with /proc/sys writable.`,
    )
  }
}

/** An IPv6 stack that is absent or off on the loopback cannot deliver intercepted packets. */
export function hasIPv6(): boolean {
  return readSysctl('net/ipv6/conf/lo/disable_ipv6') === '0'
}

/**
 * Settings interception needs that are not so yet, in the order they must be written.
 * `raDefaults`: interfaces whose IPv6 default route came from a router advertisement.
 */
export function neededSysctls(config: RulesConfig, raDefaults: readonly string[]): Sysctl[] {
  const lan = `net/ipv4/conf/${config.interface}`
  const want: Sysctl[] = []
  const need = (key: string, ours: string) => {
    const former = readSysctl(key)
    if (former !== null && former !== ours) want.push({ key, former, ours })
  }
  if (readSysctl('net/ipv4/ip_forward') === '0') want.push(...forwarding4())
  // Strict reverse-path checks drop clients that are reached by another way; 2 (loose) on the interface outweighs "all".
  if (readSysctl('net/ipv4/conf/all/rp_filter') === '1' || readSysctl(`${lan}/rp_filter`) === '1')
    need(`${lan}/rp_filter`, '2')
  // On a one-armed gateway the kernel would tell clients to go round it. Both count: "all" or the interface.
  need('net/ipv4/conf/all/send_redirects', '0')
  need(`${lan}/send_redirects`, '0')
  // Else an outgoing connection may sit on the listener's port, and a restart fails with EADDRINUSE.
  const reserved = readSysctl(RESERVED)
  if (reserved !== null && !withoutPort(reserved, config.tproxyPort).had) {
    want.push({ key: RESERVED, former: '', ours: `+${config.tproxyPort}` })
  }
  if (hasIPv6() && readSysctl('net/ipv6/conf/all/forwarding') === '0') want.push(...forwarding6(raDefaults))
  return want
}

/** Turning forwarding on or off resets `accept_redirects` and every interface's own switch (RFC 1812 against RFC 1122). */
function forwarding4(): Sysctl[] {
  const redirects = 'net/ipv4/conf/all/accept_redirects'
  return [
    { key: 'net/ipv4/ip_forward', former: '0', ours: '1' },
    { key: redirects, former: readSysctl(redirects) ?? '1', ours: '0' },
    ...forwardingAlready(4),
  ]
}

/** A forwarding host ignores router advertisements and forgets the default route they gave, unless accept_ra is 2 before. */
function forwarding6(raDefaults: readonly string[]): Sysctl[] {
  return [
    ...raDefaults
      .map(dev => `net/ipv6/conf/${dev}/accept_ra`)
      .filter(key => readSysctl(key) === '1')
      .map(key => ({ key, former: '1', ours: '2' })),
    { key: 'net/ipv6/conf/all/forwarding', former: '0', ours: '1' },
    ...forwardingAlready(6),
  ]
}

/** Interfaces that forwarded although the machine as a whole did not: remembered, as restoring the whole would stop them. */
function forwardingAlready(family: 4 | 6): Sysctl[] {
  const conf = `net/ipv${family}/conf`
  return fs
    .readdirSync(path.join(ROOT, conf))
    .filter(dev => dev !== 'all' && readSysctl(`${conf}/${dev}/forwarding`) === '1')
    .map(dev => ({ key: `${conf}/${dev}/forwarding`, former: '1', ours: '1' }))
}

export function applySysctl({ key, ours }: Sysctl): void {
  const current = readSysctl(key)
  if (key === RESERVED) {
    writeSysctl(key, current === '' ? ours.slice(1) : `${current},${ours.slice(1)}`)
  } else if (current !== null && current !== ours) {
    writeSysctl(key, ours)
  }
}

/** Puts the former values back, but not where somebody else has changed a setting since. */
export function restoreSysctls(settings: readonly Sysctl[]): void {
  // All compared before the first is written: writing one may reset another.
  const still = settings.filter(({ key, ours }) => key === RESERVED || readSysctl(key) === ours)
  for (const { key, former, ours } of still) {
    if (key === RESERVED) writeSysctl(key, withoutPort(readSysctl(key) ?? '', Number(ours)).list || '\n')
    else writeSysctl(key, former)
  }
}

/** `3128-3130,8080` without 3129 is `3128,3130,8080`. */
export function withoutPort(list: string, port: number): { readonly list: string; readonly had: boolean } {
  let had = false
  const ranges = list
    .split(',')
    .filter(Boolean)
    .flatMap(range => {
      const [from = 0, to = from] = range.split('-').map(Number)
      if (port < from || port > to) return [range]
      had = true
      return [
        [from, port - 1],
        [port + 1, to],
      ]
        .filter(([a = 0, b = 0]) => a <= b)
        .map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`))
    })
  return { list: ranges.join(','), had }
}
