import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../test/lab/lab.ts'
import { openIdle } from './load.ts'
import { memoryOf } from './meter.ts'
import type { Product } from './products.ts'
import { HOSTS } from './site.ts'

/** What a connection that waits for its next request costs, over all processes of a product. */
export interface IdleCost {
  readonly connections: number
  readonly rssKib: number
  readonly pssKib: number
  readonly errors: readonly string[]
}

/** The lab's three devices: Weir lets one hold 2,048 connections. */
const CLIENTS = ['10.77.1.10', '10.77.1.11', '10.77.1.12']
/** The same code and buffers as the many will need, before memory is looked at. */
const WARM = 200
const MAX_LOST = 0.002
/** Until what was only needed while the connections were made has been given back. */
const SETTLE_MS = 3000

/** For a product that has just been started: what an older one has kept for itself would hide the growth. */
export async function idleCost(lab: Lab, product: Product, count: number): Promise<IdleCost> {
  const job = {
    address: HOSTS.main.address,
    names: [HOSTS.main.name],
    path: '/1k',
    caFile: product.caFile,
    concurrency: 32,
    from: CLIENTS,
  }
  const warm = await openIdle(lab, { ...job, count: WARM })
  await warm.end()
  await sleep(SETTLE_MS)
  const before = memoryOf(product.pid)
  const idle = await openIdle(lab, { ...job, count })
  await sleep(SETTLE_MS)
  const after = memoryOf(product.pid)
  const left = await idle.end()
  // Here and there one is lost, with its own reason; more than that and the figure is of something else
  const lost = count - left
  const errors =
    lost <= count * MAX_LOST ? [] : [`${lost} of ${count} lost`, ...new Set([...warm.errors, ...idle.errors])]
  return {
    connections: left,
    rssKib: (after.rssKib - before.rssKib) / left,
    pssKib: (after.pssKib - before.pssKib) / left,
    errors,
  }
}
