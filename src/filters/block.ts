import type { Decision } from '../core/decision.ts'
import type { Exchange } from '../core/exchange.ts'
import type { FilterFactory } from '../core/filter.ts'

/** Asks the policy about every request, and answers the refused ones with the block page. */
export const block: FilterFactory = context => ({
  name: 'block',
  onRequest(ex) {
    const decision = refusedByName(ex) ?? byUrl(ex, context.policy().decideRequest(factsOf(ex)))
    ex.decision = decision
    return decision.verdict === 'block' ? context.blockPage(ex) : null
  },
})

/**
 * A TLS connection refused for its server name was terminated only to show the page. The Host inside may say something
 * else (domain fronting), and must not be asked.
 */
function refusedByName(ex: Exchange): Decision | null {
  const { decision } = ex.conn
  return ex.request.scheme === 'https' && decision !== null && decision.verdict === 'block' ? decision : null
}

/** The tier was chosen with the connection and is what happened, whatever a newer policy or another Host would choose. */
function byUrl(ex: Exchange, decision: Decision): Decision {
  const made = ex.conn.decision
  if (made === null) return decision
  return { verdict: decision.verdict, reason: decision.reason, tier: made.tier, tierReason: made.tierReason }
}

function factsOf(ex: Exchange) {
  const { conn, request } = ex
  return {
    clientAddr: conn.clientAddr,
    dstAddr: conn.dstAddr,
    dstPort: conn.dstPort,
    host: request.host,
    now: ex.startedAt,
    scheme: request.scheme,
    path: request.path,
  }
}
