import type { CaPublic } from '../core/ca.ts'
import type { Policy } from '../core/decision.ts'
import { UserError } from '../core/errors.ts'
import type { WorkerInit } from '../core/ipc.ts'
import { boundSocket } from '../os/sockets.ts'
import { Fetcher } from '../tls/fetch/fetch.ts'
import { SystemResolver } from '../tls/fetch/resolve.ts'
import { OriginContexts } from '../tls/origin-contexts.ts'
import { OriginVerifier } from '../tls/origin-verifier.ts'
import { IssuerFetch } from '../tls/revocation/issuers.ts'
import { type RevocationList, readRevocationList } from '../tls/revocation/lists.ts'
import { Revocation } from '../tls/revocation/revocation.ts'
import { RootStore } from '../tls/roots.ts'
import { presentedChain } from '../tls/verify/presented.ts'
import type { DialDeps } from '../upstream/dial.ts'
import { OriginSessions } from '../upstream/sessions.ts'
import { LoopGuard } from './loop-guard.ts'

export interface OriginSideDeps {
  init: WorkerInit
  guard: LoopGuard
  policy(): Policy
}

/** All that judges origins: roots, chains, revocation, and the settings of our side of the handshake. */
export class OriginSide {
  readonly dialling: DialDeps
  /** Called when origins are judged by something else than before. */
  onRenew: () => void = () => {}
  readonly #init: WorkerInit
  #rootsPem: string[]
  #own: readonly CaPublic[]
  readonly #verifier: OriginVerifier
  #contexts: OriginContexts

  constructor({ init, guard, policy }: OriginSideDeps) {
    const now = Date.now
    const networks = init.fetchNetworks
    const named = new LoopGuard({ addrs: [], lan: networks })
    const isOwn = (addr: string) => guard.isOwn(addr) || (guard.isLan(addr) && !named.isLan(addr))
    // Two, so that what unverified chains want fetched cannot stand in the way of questions about verified ones
    // (nor, as names are resolved in few threads, can names that nobody answers for)
    const forIssuers = new Fetcher({ isOwn, networks, resolve: new SystemResolver(1).resolve })
    const forRevocation = new Fetcher({ isOwn, networks })
    this.#init = init
    this.#rootsPem = init.originRootsPem
    this.#own = init.ownCas
    this.#contexts = this.#makeContexts()
    this.#verifier = new OriginVerifier({
      roots: new RootStore(init.originRootsPem, init.ownCas),
      issuers: new IssuerFetch(forIssuers.fetch),
      revocation: new Revocation({ fetch: forRevocation.fetch, lists: readLists(init.revocationLists) }),
      revocationMode: () => policy().tls.revocation,
      now,
    })
    this.dialling = {
      contextFor: ({ exception }) => this.#contexts.for(exception),
      showingContextFor: ({ name, exception }) => this.#contexts.showing(name, exception),
      presentedChain,
      verify: (handshake, done) => this.#verifier.verify(handshake, done),
      sessions: new OriginSessions(),
      boundSocket,
      isOwnDestination: addr => guard.isOwn(addr),
      ...init.limits.origin,
      now,
    }
  }

  /** The system's store has changed: from here on every full handshake is judged by the new one. */
  replaceRoots(rootsPem: string[]): void {
    this.#rootsPem = rootsPem
    this.#renew()
  }

  /** Another CA of ours came or went. */
  replaceOwn(own: readonly CaPublic[]): void {
    this.#own = own
    this.#renew()
  }

  #renew(): void {
    this.#contexts = this.#makeContexts()
    this.#verifier.replaceRoots(new RootStore(this.#rootsPem, this.#own))
    this.judgeAnew()
  }

  /** Connections and sessions that were found good by other rules carry no new request. */
  judgeAnew(): void {
    this.dialling.sessions.clear()
    this.onRenew()
  }

  #makeContexts(): OriginContexts {
    return new OriginContexts(this.#rootsPem, this.#own, this.#init.clientCertificates)
  }
}

/** They were checked when the supervisor started. */
function readLists(files: WorkerInit['revocationLists']): RevocationList[] {
  return files.map(({ name, content }) => {
    const { list, faults } = readRevocationList(name, content)
    if (list === null) throw new UserError(faults.join('\n'))
    return list
  })
}
