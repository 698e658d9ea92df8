import type { Policy } from '../core/decision.ts'
import { UserError } from '../core/errors.ts'
import type { WorkerInit } from '../core/ipc.ts'
import { boundSocket } from '../os/sockets.ts'
import { Fetcher } from '../tls/fetch/fetch.ts'
import { OriginContexts } from '../tls/origin-contexts.ts'
import { OriginVerifier } from '../tls/origin-verifier.ts'
import { IssuerFetch } from '../tls/revocation/issuers.ts'
import { type RevocationList, readRevocationList } from '../tls/revocation/lists.ts'
import { Revocation } from '../tls/revocation/revocation.ts'
import { RootStore } from '../tls/roots.ts'
import { presentedChain } from '../tls/verify.ts'
import type { DialDeps } from '../upstream/dial.ts'
import { OriginSessions } from '../upstream/sessions.ts'
import type { LoopGuard } from './loop-guard.ts'

const CONNECT_MS = 15_000
/** The handshake and what its certificate has to be asked about. */
const ORIGIN_TLS_MS = 15_000

export interface OriginSideDeps {
  init: WorkerInit
  guard: LoopGuard
  policy(): Policy
}

/** All that judges origins: roots, chains, revocation, and the settings of our side of the handshake. */
export class OriginSide {
  readonly dialling: DialDeps
  readonly #init: WorkerInit
  readonly #verifier: OriginVerifier
  #contexts: OriginContexts

  constructor({ init, guard, policy }: OriginSideDeps) {
    const now = Date.now
    const { fetch } = new Fetcher({ isOwn: addr => guard.isOwn(addr), networks: init.fetchNetworks })
    this.#init = init
    this.#contexts = this.#makeContexts(init.originRootsPem)
    this.#verifier = new OriginVerifier({
      roots: new RootStore(init.originRootsPem, [init.ca]),
      issuers: new IssuerFetch(fetch),
      revocation: new Revocation({ fetch, lists: readLists(init.revocationLists) }),
      revocationMode: () => policy().tls.revocation,
      now,
    })
    this.dialling = {
      contextFor: ({ name, exception }) => this.#contexts.for(name, exception),
      presentedChain,
      verify: (handshake, done) => this.#verifier.verify(handshake, done),
      sessions: new OriginSessions(),
      boundSocket,
      isOwnDestination: addr => guard.isOwn(addr),
      connectMs: CONNECT_MS,
      tlsMs: ORIGIN_TLS_MS,
      now,
    }
  }

  /** The system's store has changed: from here on every full handshake is judged by the new one. */
  replaceRoots(rootsPem: string[]): void {
    this.#contexts = this.#makeContexts(rootsPem)
    this.#verifier.replaceRoots(new RootStore(rootsPem, [this.#init.ca]))
    this.dialling.sessions.clear()
  }

  #makeContexts(rootsPem: string[]): OriginContexts {
    return new OriginContexts(rootsPem, this.#init.ca, this.#init.clientCertificates)
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
