import test from 'ava'
import type { Policy } from '../../../src/core/decision.ts'
import type { WorkerInit } from '../../../src/core/ipc.ts'
import { LIMITS } from '../../../src/core/limits.ts'
import { LoopGuard } from '../../../src/worker/loop-guard.ts'
import { OriginSide } from '../../../src/worker/origin-side.ts'
import { authority } from '../../pki/certificate.ts'

test('other roots, another CA of ours and other rules end what was found good before', t => {
  const init = {
    originRootsPem: [authority('Root').pem],
    ownCas: [],
    revocationLists: [],
    clientCertificates: [],
    fetchNetworks: [],
    limits: LIMITS,
  } as unknown as WorkerInit
  const origins = new OriginSide({
    init,
    guard: new LoopGuard({ addrs: [], lan: [] }),
    policy: () => ({ tls: { revocation: 'soft' } }) as Policy,
  })
  let renewed = 0
  origins.onRenew = () => renewed++
  const eras = [origins.dialling.sessions.era]
  for (const change of [
    () => origins.replaceRoots([authority('Other root').pem]),
    () => origins.replaceOwn([]),
    () => origins.judgeAnew(),
  ]) {
    change()
    eras.push(origins.dialling.sessions.era)
  }
  t.is(new Set(eras).size, 4)
  t.is(renewed, 3)
})
