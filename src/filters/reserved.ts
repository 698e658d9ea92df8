import type { FilterFactory } from '../core/filter.ts'

/** What is addressed to Weir itself is answered before anybody is asked whether the host may be visited. */
export const reserved: FilterFactory = context => ({
  name: 'reserved',
  onRequest: ex => context.reserved(ex),
})
