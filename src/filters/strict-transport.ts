import type { FilterFactory } from '../core/filter.ts'

/** Notes which hosts forbid to click warnings away; of interest only where policy lets people do that. */
export const strictTransport: FilterFactory = context => ({
  name: 'strict-transport',
  onResponse(ex) {
    if (context.policy().tls.override === 'allow') context.noteStrict(ex)
    return null
  },
})
