import os from 'node:os'
import { plainAddr } from '../core/addr.ts'

const LOOK_MS = 10_000

/** Every address of the box, sorted. */
export function ownAddresses(): string[] {
  const all = Object.values(os.networkInterfaces()).flatMap(list => list ?? [])
  return [...new Set(all.map(entry => plainAddr(entry.address)))].sort()
}

/** Calls back when the box's addresses change (DHCP, a new interface). Returns what ends it. */
export function watchOwnAddresses(onChange: (addrs: string[]) => void): () => void {
  let known = ownAddresses().join()
  const timer = setInterval(() => {
    const now = ownAddresses()
    if (now.join() === known) return
    known = now.join()
    onChange(now)
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
