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

/** The same code and buffers as the many will need, before memory is looked at. */
const WARM = 200
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
  }
  const warm = await openIdle(lab, { ...job, count: WARM })
  await warm.end()
  await sleep(SETTLE_MS)
  const before = memoryOf(product.pid)
  const idle = await openIdle(lab, { ...job, count })
  await sleep(SETTLE_MS)
  const after = memoryOf(product.pid)
  const left = await idle.end()
  const errors = [...warm.errors, ...idle.errors]
  if (left < count) errors.push(`only ${left} of ${count} connections stayed open`)
  return {
    connections: count,
    rssKib: (after.rssKib - before.rssKib) / count,
    pssKib: (after.pssKib - before.pssKib) / count,
    errors,
  }
}
