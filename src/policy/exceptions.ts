import net from 'node:net'
import type { TlsException } from '../core/tls-policy.ts'
import { canonicalV6 } from './names.ts'

/** The exceptions of one policy, by host. */
export class Exceptions {
  /** In the document's order, also those whose time is over. */
  readonly all: readonly TlsException[]
  readonly #byHost: ReadonlyMap<string, TlsException>

  constructor(all: readonly TlsException[]) {
    this.all = all
    this.#byHost = new Map(all.map(exception => [exception.host, exception]))
  }

  /** The one in force for that host: its own before its parents'; one whose time is over is as if it were not there. */
  for(host: string, nowMs: number): TlsException | null {
    const byHost = this.#byHost
    if (byHost.size === 0) return null
    const name = spelling(host)
    for (let at = 0; ; ) {
      const found = byHost.get(at === 0 ? name : name.slice(at))
      // An address has nothing below it: 1.192.0.2.7 is not under 192.0.2.7
      if (found !== undefined && nowMs < found.until && (at === 0 || net.isIP(found.host) === 0)) return found
      const dot = name.indexOf('.', at)
      if (dot < 0) return null
      at = dot + 1
    }
  }
}

function spelling(host: string): string {
  if (host.includes(':')) return canonicalV6(host) ?? host
  const name = host.toLowerCase()
  return name.endsWith('.') ? name.slice(0, -1) : name
}
