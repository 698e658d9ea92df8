import type { Policy } from '../core/decision.ts'
import type { WeirError } from '../core/errors.ts'
import type { Exchange, LocalReply } from '../core/exchange.ts'
import type { SharedFact } from '../core/ipc.ts'
import { OVERLOOKABLE } from '../core/tls-policy.ts'
import type { Proofs } from './proof.ts'
import { redirect, textReply } from './replies.ts'
import { isOwnForm, originOf } from './same-site.ts'
import { FACT_MS } from './shared-facts.ts'
import type { StrictHosts } from './strict-hosts.ts'

export const OVERRIDE_PATH = '/.well-known/weir/override'

/** So long the form on the page may be sent. */
const OFFER_MS = 10 * 60_000
/** A longer path is not gone back to. */
const MAX_BACK = 2000

export interface OverrideDeps {
  policy(): Policy
  proofs: Proofs
  strict: StrictHosts
  /** False: there is no room for another. */
  share(fact: SharedFact): Promise<boolean>
  /** Milliseconds since the epoch. */
  now(): number
}

/**
 * "I know this site, let me through": a form on the page about an origin's certificate. It is offered only if policy
 * allows it, only for what may be overlooked at all, and not for hosts that forbid it; it then holds for one client, one host, one certificate and
 * the one thing the page told, for an hour. The verdict stays with whoever verifies: a fact of ours opens nothing that
 * turns out to be revoked meanwhile.
 */
export class Overrides {
  readonly #deps: OverrideDeps

  constructor(deps: OverrideDeps) {
    this.#deps = deps
  }

  /** Where the form leads; null: there is none. */
  offer(ex: Exchange, error: WeirError): string | null {
    const { request } = ex
    const allow = OVERLOOKABLE[error.code]
    const leaf = error.chain?.[0]?.fingerprint
    if (this.#deps.policy().tls.override !== 'allow' || allow === undefined || leaf === undefined) return null
    if (this.#deps.strict.has(hostOf(ex), this.#deps.now())) return null
    if (request.scheme !== 'https' || (request.method !== 'GET' && request.method !== 'HEAD')) return null
    const back = request.path.length > MAX_BACK ? '/' : request.path
    const until = String(this.#deps.now() + OFFER_MS)
    const proof = this.#deps.proofs.make('override', [ex.conn.clientAddr, hostOf(ex), leaf, allow, until, back])
    return `${OVERRIDE_PATH}?${new URLSearchParams({ leaf, allow, until, back, proof })}`
  }

  /** The form was sent. */
  accept(ex: Exchange): LocalReply | Promise<LocalReply> {
    const { request, conn } = ex
    if (request.method !== 'POST') return textReply(405, 'Only the form on the page leads here.', ['Allow', 'POST'])
    if (this.#deps.policy().tls.override !== 'allow')
      return textReply(403, 'The policy of this network does not allow it.')
    const sent = new URLSearchParams(request.path.slice(OVERRIDE_PATH.length + 1))
    const [leaf = '', word = '', until = '', back = '', proof = ''] = FIELDS.map(name => sent.get(name) ?? '')
    const allow = Object.values(OVERLOOKABLE).find(allowance => allowance === word)
    const proved = this.#deps.proofs.holds(proof, 'override', [conn.clientAddr, hostOf(ex), leaf, word, until, back])
    const strict = this.#deps.strict.has(hostOf(ex), this.#deps.now())
    if (request.scheme !== 'https' || !isOwnForm(request) || !proved || allow === undefined || strict) {
      return textReply(403, 'This form was not made for this device, or not by this gateway. Open the page again.')
    }
    // A page that lay open too long is shown again, with a new form
    const location = `${originOf(request)}${back}`
    const now = this.#deps.now()
    if (Number(until) <= now) return redirect(location)
    return this.#deps
      .share({
        kind: 'override',
        client: conn.clientAddr,
        host: hostOf(ex),
        fingerprint: leaf,
        allow: [allow],
        until: now + FACT_MS.override,
      })
      .then(shared =>
        shared ? redirect(location) : textReply(503, 'Too many exceptions are in use. Try again later.'),
      )
  }
}

const FIELDS = ['leaf', 'allow', 'until', 'back', 'proof']

/** The name the origin's certificate is verified for. */
function hostOf({ conn }: Exchange): string {
  return conn.hello?.sni ?? conn.dstAddr
}
