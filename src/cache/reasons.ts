/** Why an answer was not stored: closed words for the log. */
export type StoreRefusal =
  | 'disabled'
  | 'method'
  | 'body' // a GET with content
  | 'no-store'
  | 'private'
  | 'authorization'
  | 'set-cookie'
  | 'status'
  | 'partial'
  | 'vary'
  | 'no-freshness' // good for no time at all, and no validator to ask with
  | 'expired' // the time it was good for is over, and no validator to ask with
  | 'too-large'
  | 'busy' // too much is being written already
  | 'invalidated' // the address was changed or purged while the answer was on its way

/** Why the store was not asked. */
export type BypassReason = 'disabled' | 'method' | 'body' | 'upgrade' | 'no-store' | 'precondition'

/** Why what is stored must be checked with the origin first. */
export type StaleReason =
  | 'expired'
  | 'no-cache' // the origin wants every use checked
  | 'request-no-cache'
  | 'request-max-age'
  | 'request-min-fresh'

/** Why there was nothing to answer with. `vary`, `authorization`: stored, but not for this request. */
export type MissReason = 'absent' | 'vary' | 'authorization' | StaleReason
