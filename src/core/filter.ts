import type { Policy } from './decision.ts'
import type { Exchange, LocalReply } from './exchange.ts'

/** What a filter may rely on; passed in, so filters import nothing but core. */
export interface FilterContext {
  /** The policy in force at the time of the call. */
  policy(): Policy
  /** Makes the page for a refusal (HTML or plain text by the request's Accept). */
  blockPage(ex: Exchange): LocalReply
  /** Answers what is addressed to Weir itself (`/.well-known/weir/` on any host); null: nothing of ours. */
  reserved(ex: Exchange): FilterResult | Promise<FilterResult>
  /** Remembers that the origin's answer forbids to click warnings about it away. */
  noteStrict(ex: Exchange): void
}

/** null: go on. A reply: the exchange ends here with it. */
export type FilterResult = LocalReply | null

/**
 * One filter. Hooks it does not have are null after compilation and cost one comparison.
 * A hook may change `ex.request.headers` or `ex.response.headers` in place; it stays synchronous unless it must wait.
 */
export interface Filter {
  readonly name: string
  /** With the request head known, before cache and origin. */
  onRequest?(ex: Exchange): FilterResult | Promise<FilterResult>
  /** With the response head known, before it is stored or sent. */
  onResponse?(ex: Exchange): FilterResult | Promise<FilterResult>
}

export type FilterFactory = (context: FilterContext) => Filter
