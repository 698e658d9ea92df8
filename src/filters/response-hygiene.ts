import type { FilterFactory } from '../core/filter.ts'
import { headerRemove } from '../core/headers.ts'

/**
 * Takes away what would lead a browser off to a transport Weir does not see: `Alt-Svc` (RFC 7838 §3; Chromium and
 * Firefox learn HTTP/3 from it) and its forerunner `Alternate-Protocol` (old Chromium). `Alt-Svc: clear` goes too: with
 * no alternative ever learned there is none to clear, and a client may have learned one in its own network, where it works.
 */
export const responseHygiene: FilterFactory = () => ({
  name: 'response-hygiene',
  onResponse(ex) {
    const { headers } = ex.response!
    headerRemove(headers, 'alt-svc')
    headerRemove(headers, 'alternate-protocol')
    return null
  },
})
