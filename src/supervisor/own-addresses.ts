import os from 'node:os'
import { plainAddr } from '../core/addr.ts'
import type { OwnAddresses } from '../core/ipc.ts'

const LOOK_MS = 10_000

/** Every address of the box, and the networks behind the interface clients come from; both sorted. */
export function ownAddresses(clientInterface: string): OwnAddresses {
  const interfaces = os.networkInterfaces()
  const all = Object.values(interfaces).flatMap(list => list ?? [])
  const lan = (interfaces[clientInterface] ?? []).flatMap(({ cidr }) => (cidr === null ? [] : [cidr]))
  return { addrs: [...new Set(all.map(entry => plainAddr(entry.address)))].sort(), lan: lan.sort() }
}

/** Calls back when they change (DHCP, a new interface). Returns what ends it. */
export function watchOwnAddresses(clientInterface: string, onChange: (own: OwnAddresses) => void): () => void {
  let known = JSON.stringify(ownAddresses(clientInterface))
  const timer = setInterval(() => {
    const own = ownAddresses(clientInterface)
    const now = JSON.stringify(own)
    if (now === known) return
    known = now
    onChange(own)
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
