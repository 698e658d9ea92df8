import fs from 'node:fs'
import path from 'node:path'
import { type Lab, waitForLine } from '../../test/lab/lab.ts'
import { NAME } from '../../test/pki/cases/index.ts'
import { startSquid } from '../squid.ts'
import { certificateTrials } from './certificate-trials.ts'
import { clientTrials, helloTrials, OTHER_HOSTS } from './client-trials.ts'
import { divide, nameHosts, routeOrigins, startInside } from './gateway.ts'
import type { OriginPlan } from './origin.ts'
import type { Trust } from './probe.ts'
import { originOf, PERSON, protocolTrials } from './protocol-trials.ts'
import { fetchTrials } from './revocation-trials.ts'
import { canServe } from './servable.ts'
import { LANES, type Lane, type Trial } from './trial.ts'

/** All origins, and Weir and Squid between them and the client. */
export interface World {
  lab: Lab
  trials: Trial[]
  trust: Trust
  /** A good origin that is no case. */
  plain: { name: string; address: string }
  addressOf(trial: Trial, lane: Lane): string
  /** Addresses whose origins got a request, with the lane it came by: `ADDRESS LANE`. */
  seen(): ReadonlySet<string>
  /** The gateways end; the lab is the caller's. */
  stop(): Promise<void>
}

const WEIR_PORT = 3129
const PLAIN = { name: 'plain.example', address: '198.51.100.200' }
/**
 * A scanner breaks off most of its handshakes, and many cases end in the middle of one, which looks like an app that turns our
 * certificate down: nothing is learned of the names that are asked for again and again.
 */
const POLICY = `version: 1
rules:
  - name: Asked for again and again
    domains: [${PLAIN.name}, ${NAME}]
    tier: inspect
    learned: never
`
/** Each case has an address there; 127 in a network, so that no last octet is 0 or 255. Some have one for each lane. */
const addressAt = (i: number, lane = 0) => `198.18.${(i >> 7) + 64 * lane}.${(i & 127) + 1}`

export async function startWorld(lab: Lab, wanted: (trial: Trial) => boolean): Promise<World> {
  const certificates = certificateTrials(canServe)
  const fetched = fetchTrials()
  const all = [...certificates.trials, ...fetched.trials, ...protocolTrials(), ...clientTrials(), ...helloTrials()]
  const trials = all.filter(wanted)
  const addresses = new Map(
    trials.map((trial, i) => [
      trial,
      LANES.map((_lane, k) => trial.address ?? addressAt(i, trial.apart === true ? k : 0)),
    ]),
  )
  const rootsFile = path.join(lab.dir, 'roots.pem')
  fs.writeFileSync(rootsFile, certificates.roots.map(root => root.pem).join(''))
  fs.writeFileSync(path.join(lab.dir, 'client.pem'), PERSON.pem)
  fs.writeFileSync(path.join(lab.dir, 'client.key'), PERSON.keyPem)
  routeOrigins(lab)
  await startOrigins(lab, {
    sites: {
      [PLAIN.address]: { ...originOf(PLAIN.name), alpn: ['h2', 'http/1.1'] },
      ...Object.fromEntries([...addresses].flatMap(([trial, all]) => all.map(address => [address, trial.site]))),
    },
    files: fetched.files,
  })
  await startInside(lab, fetched.inside)
  nameHosts(lab, [...trials.map(trial => trial.name), ...OTHER_HOSTS])
  const squid = await startSquid(lab, { caFile: rootsFile })
  const policy = path.join(lab.dir, 'policy.yaml')
  fs.writeFileSync(policy, POLICY)
  const weir = await lab.startWeir({
    workers: 1,
    policy,
    rules: 'manual',
    listen: { tproxy: WEIR_PORT },
    intercept: { ports: [443] },
    tls: { originRoots: [rootsFile], fetchNetworks: ['198.18.0.0/15'] },
  })
  divide(lab, { weir: WEIR_PORT, squid: squid.ports.tls })
  return {
    lab,
    trials,
    trust: trusting(lab, rootsFile, { openssl: rootsFile, squid: squid.caFile, weir: weir.caFile }),
    plain: PLAIN,
    addressOf: (trial, lane) => addresses.get(trial)![LANES.indexOf(lane)]!,
    seen: () => new Set(fs.readFileSync(originLog(lab), 'utf8').split('\n')),
    async stop() {
      await weir.stop()
      await squid.stop()
    },
  }
}

const originLog = (lab: Lab) => path.join(lab.dir, 'origins.log')

async function startOrigins(lab: Lab, plan: OriginPlan): Promise<void> {
  const planFile = path.join(lab.dir, 'origins.json')
  fs.writeFileSync(planFile, JSON.stringify(plan))
  const logFile = originLog(lab)
  const argv = [process.execPath, path.join(import.meta.dirname, 'origin.ts'), planFile]
  await waitForLine(lab.spawn('origin', argv, { logFile }), logFile, /^ready$/m, 20_000)
}

function trusting(lab: Lab, rootsFile: string, alone: Record<Lane, string>): Trust {
  const both = { ...alone }
  for (const lane of LANES) {
    both[lane] = path.join(lab.dir, `both-${lane}.pem`)
    fs.writeFileSync(both[lane], fs.readFileSync(rootsFile, 'utf8') + fs.readFileSync(alone[lane], 'utf8'))
  }
  return { ...alone, both }
}
