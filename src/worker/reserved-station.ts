import type { Policy } from '../core/decision.ts'
import type { WeirError } from '../core/errors.ts'
import type { Exchange, LocalReply } from '../core/exchange.ts'
import type { CaHandout } from '../core/handout.ts'
import type { FactShare } from '../enrol/fact-share.ts'
import { Overrides } from '../enrol/override.ts'
import { Proofs } from '../enrol/proof.ts'
import { Reserved } from '../enrol/reserved.ts'
import { StrictHosts } from '../enrol/strict-hosts.ts'
import { pageType } from '../http/pages/accept.ts'
import { blockPage, errorPage } from '../http/pages.ts'

export interface ReservedStationDeps {
  /** Shared by all workers. */
  key: Buffer
  policy(): Policy
  handout(): CaHandout
  share: FactShare
  /** The device was learned not to trust us. */
  distrusts(client: string): boolean
  now(): number
}

export interface ReservedStation {
  reserved: Reserved
  /** The origin's answer may forbid it to click warnings away. */
  noteStrict(ex: Exchange): void
  /** For a refusal by policy. */
  blockPage(ex: Exchange): LocalReply
  /** With the form to click the refusal away, where policy has it. */
  errorPage(ex: Exchange, error: WeirError): LocalReply
}

/** The pages that Weir itself is asked for, and the one that leads to them. */
export function reservedStation({ key, policy, handout, share, distrusts, now }: ReservedStationDeps): ReservedStation {
  const proofs = new Proofs(key)
  const sharing = { proofs, share: share.share.bind(share), now }
  const strict = new StrictHosts()
  const overrides = new Overrides({ policy, strict, ...sharing })
  const enrol = ({ request, conn }: Exchange) => request.scheme === 'http' && distrusts(conn.clientAddr)
  return {
    reserved: new Reserved({ handout, overrides, pageType, ...sharing }),
    noteStrict: ex => strict.note(ex, now()),
    blockPage: ex => blockPage(ex, { override: null, enrol: enrol(ex) }),
    errorPage: (ex, error) => errorPage(ex, error, { override: overrides.offer(ex, error), enrol: enrol(ex) }),
  }
}
