import { type ChildProcess, execFileSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { loadOrCreateCa } from '../../ca/create.ts'
import { routingCommands, tproxyRules } from '../../iptables/tproxy.ts'
import { RULES_DEFAULTS } from '../../src/os/rules.ts'
import { mintLeaf } from '../../src/tls/mint.ts'
import type { ClientView } from '../../test/http-cases/client.ts'
import type { OriginView } from '../../test/http-cases/origin.ts'
import { type Lab, waitForLine } from '../../test/lab/lab.ts'
import { startSquid } from '../squid.ts'
import { addressAt, type Lane, NAME, SOURCES } from './lanes.ts'

const WEIR_PORT = 3129
const LANE_TIMEOUT_MS = 300_000

/** The origin of all cases, and Weir and Squid between it and the client. */
export interface World {
  /** Asks these cases on a lane; by id. */
  ask(lane: Lane, indices: readonly number[]): Promise<Record<string, ClientView>>
  /** Ends everything but the lab and tells what the origin saw, by id. */
  stop(): Promise<Record<string, OriginView>>
}

export async function startWorld(lab: Lab): Promise<World> {
  const certificates = makeCertificates(lab.dir)
  fs.appendFileSync(`/etc/netns/${lab.namespace('gateway')}/hosts`, `${addressAt(0)} ${NAME}\n`)
  const seenFile = path.join(lab.dir, 'seen.json')
  const origin = await startOrigin(lab, certificates, seenFile)
  const squid = await startSquid(lab, certificates)
  const weir = await lab.startWeir({
    workers: 1,
    rules: 'manual',
    listen: { tproxy: WEIR_PORT },
    tls: { originRoots: [certificates.caFile] },
  })
  divide(lab, squid.ports)
  return {
    async ask(lane, indices) {
      const out = path.join(lab.dir, `${lane}.json`)
      const argv = [process.execPath, path.join(import.meta.dirname, 'client.ts'), out, lane, ...indices.map(String)]
      const ran = await lab.exec('client', argv, { timeoutMs: LANE_TIMEOUT_MS })
      if (ran.code !== 0) throw new Error(`${lane}: ${ran.stderr}`)
      return JSON.parse(fs.readFileSync(out, 'utf8'))
    },
    async stop() {
      const ended = once(origin, 'exit')
      origin.ref()
      origin.kill('SIGTERM')
      await ended
      await Promise.all([weir.stop(), squid.stop()])
      return JSON.parse(fs.readFileSync(seenFile, 'utf8'))
    },
  }
}

interface Certificates {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

function makeCertificates(dir: string): Certificates {
  const at = (name: string) => path.join(dir, name)
  const [caFile, certFile, keyFile] = [at('origin-ca.pem'), at('origin.pem'), at('origin.key')]
  const ca = loadOrCreateCa(at('origin-ca'), { hostname: 'case origin' })
  execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', keyFile])
  const spki = createPublicKey(fs.readFileSync(keyFile)).export({ type: 'spki', format: 'der' })
  fs.writeFileSync(certFile, mintLeaf(ca.key, ca.public, NAME, spki, Date.now()).certPem)
  fs.writeFileSync(caFile, ca.public.certPem)
  return { caFile, certFile, keyFile }
}

async function startOrigin(lab: Lab, { certFile, keyFile }: Certificates, out: string): Promise<ChildProcess> {
  const logFile = path.join(lab.dir, 'origin-cases.log')
  const program = path.join(import.meta.dirname, 'origin.ts')
  const child = lab.spawn('origin', [process.execPath, program, certFile, keyFile, out], { logFile })
  await waitForLine(child, logFile, /^ready$/m, 10_000)
  return child
}

/** Both gateways run at the same time; the kernel tells by the client's address who gets a connection. */
function divide(lab: Lab, squid: { plain: number; tls: number }): void {
  const run = (argv: string[], input = '') =>
    execFileSync('ip', ['netns', 'exec', lab.namespace('gateway'), ...argv], { input, stdio: 'pipe' })
  const config = { ...RULES_DEFAULTS, interface: 'lan', ports: [80, 443], tproxyPort: WEIR_PORT }
  const { rule, route } = routingCommands(config)
  run(['ip', 'rule', 'add', ...rule])
  run(['ip', 'route', 'add', ...route])
  const rules = tproxyRules(config, 4).replace(
    /^-A WEIR_PREROUTING .*--dport (\d+) .*--on-port.*$/gm,
    (usual, port) => {
      const to = port === '80' ? squid.plain : squid.tls
      const squids = usual.replace('-p tcp', `-s ${SOURCES.squid} -p tcp`)
      return `${squids.replace(`--on-port ${WEIR_PORT}`, `--on-port ${to}`)}\n${usual}`
    },
  )
  run(['iptables-restore'], rules)
}
