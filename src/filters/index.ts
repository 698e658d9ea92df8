import type { FilterFactory } from '../core/filter.ts'
import { block } from './block.ts'
import { forwarded } from './forwarded.ts'
import { reserved } from './reserved.ts'
import { responseHygiene } from './response-hygiene.ts'
import { strictTransport } from './strict-transport.ts'

/** In the order they run. */
export const FILTERS: readonly FilterFactory[] = [reserved, block, forwarded, responseHygiene, strictTransport]
