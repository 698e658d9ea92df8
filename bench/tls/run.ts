import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { UserError } from '../../src/core/errors.ts'
import { createLab, type Lab, waitForLine } from '../../test/lab/lab.ts'
import { startSquid } from '../squid.ts'
import { certificateTrials } from './certificate-trials.ts'
import { clientTrials, helloTrials } from './client-trials.ts'
import { divide, nameHosts, routeOrigins, startInside } from './gateway.ts'
import type { OriginPlan } from './origin.ts'
import { probe, type Trust } from './probe.ts'
import { PERSON, protocolTrials } from './protocol-trials.ts'
import { summary, table, writePart } from './report.ts'
import { fetchTrials } from './revocation-trials.ts'
import { canServe } from './servable.ts'
import { isWrong, LANES, type Lane, type Row, type Trial } from './trial.ts'

/**
 * What OpenSSL, Squid and Weir make of origins right and wrong, and of odd clients: `node bench/tls/run.ts` as root. One lab,
 * one origin host with an address for each case, both gateways at the same time. Rewrites the table of docs/tls.md.
 */
const USAGE = `node bench/tls/run.ts [--only TEXT] [--dry]
  --only TEXT   cases whose class or title has TEXT; nothing is written
  --dry         nothing is written
`
const DOCUMENT = path.resolve(import.meta.dirname, '../../docs/tls.md')
const WEIR_PORT = 3129
/** Clients at a time: what is measured is a verdict, not speed. */
const AT_ONCE = 6

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, dry: { type: 'boolean' } } })
  if (process.getuid?.() !== 0) throw new UserError('the lab makes network namespaces: run it as root (sudo).')
  const began = Date.now()
  const lab = await createLab({ origin: false })
  fs.chmodSync(lab.dir, 0o755)
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => reject(new UserError('interrupted')))
  })
  try {
    const rows = await Promise.race([interrupted, runAll(lab, values.only)])
    console.log(summary(rows))
    for (const row of rows)
      for (const lane of LANES) {
        const outcome = row.outcomes[lane]
        if (lane === 'weir' && outcome !== undefined && isWrong(row.trial, outcome))
          console.log(`weir is wrong: ${row.trial.class}: ${row.trial.title}: ${outcome.result} ${outcome.code}`)
      }
    console.log(`${rows.length} cases, ${Math.round((Date.now() - began) / 1000)} s`)
    if (values.only !== undefined || values.dry) console.log(table(rows))
    else writePart(DOCUMENT, 'cases', `${summary(rows)}\n\n${table(rows)}`)
    return 0
  } finally {
    await lab.close()
  }
}

async function runAll(lab: Lab, only: string | undefined): Promise<Row[]> {
  const certificates = certificateTrials(canServe)
  const fetched = fetchTrials()
  const all: Trial[] = [
    ...certificates.trials,
    ...fetched.trials,
    ...protocolTrials(),
    ...clientTrials(),
    ...helloTrials(),
  ]
  const trials = only === undefined ? all : all.filter(trial => `${trial.class}: ${trial.title}`.includes(only))
  const addresses = new Map(trials.map((trial, i) => [trial, trial.address ?? `198.18.${i >> 7}.${(i & 127) + 1}`]))
  const rootsFile = path.join(lab.dir, 'roots.pem')
  fs.writeFileSync(rootsFile, certificates.roots.map(root => root.pem).join(''))
  fs.writeFileSync(path.join(lab.dir, 'client.pem'), PERSON.pem)
  fs.writeFileSync(path.join(lab.dir, 'client.key'), PERSON.keyPem)
  const plan: OriginPlan = {
    sites: Object.fromEntries(trials.map(trial => [addresses.get(trial)!, trial.site])),
    files: fetched.files,
  }
  const planFile = path.join(lab.dir, 'origins.json')
  fs.writeFileSync(planFile, JSON.stringify(plan))
  routeOrigins(lab)
  const logFile = path.join(lab.dir, 'origins.log')
  const origin = lab.spawn('origin', [process.execPath, path.join(import.meta.dirname, 'origin.ts'), planFile], {
    logFile,
  })
  await waitForLine(origin, logFile, /^ready$/m, 20_000)
  nameHosts(
    lab,
    trials.map(trial => trial.name),
  )
  await startInside(lab, fetched.inside)
  const squid = await startSquid(lab, { caFile: rootsFile })
  const weir = await lab.startWeir({
    workers: 1,
    rules: 'manual',
    listen: { tproxy: WEIR_PORT },
    intercept: { ports: [443] },
    tls: { originRoots: [rootsFile], fetchNetworks: ['198.18.0.0/15'] },
  })
  divide(lab, { weir: WEIR_PORT, squid: squid.ports.tls })
  const trust = trusting(lab, rootsFile, { openssl: rootsFile, squid: squid.caFile, weir: weir.caFile })
  const rows = await askAll(lab, trust, trials, addresses)
  await weir.stop()
  await squid.stop()
  return rows
}

function trusting(lab: Lab, rootsFile: string, alone: Record<Lane, string>): Trust {
  const both = { ...alone }
  for (const lane of LANES) {
    both[lane] = path.join(lab.dir, `both-${lane}.pem`)
    fs.writeFileSync(both[lane], fs.readFileSync(rootsFile, 'utf8') + fs.readFileSync(alone[lane], 'utf8'))
  }
  return { ...alone, both }
}

/** A few at a time, in order. */
async function askAll(lab: Lab, trust: Trust, trials: Trial[], addresses: Map<Trial, string>): Promise<Row[]> {
  const rows: Row[] = trials.map(trial => ({ trial, outcomes: {} }))
  const queue = rows.flatMap(row => (row.trial.lanes ?? LANES).map(lane => ({ row, lane })))
  let next = 0
  const work = async () => {
    for (let job = queue[next++]; job !== undefined; job = queue[next++]) {
      const { row, lane } = job
      row.outcomes[lane] = await probe(lab, trust, lane, row.trial, addresses.get(row.trial)!)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return rows
}

main().then(
  status => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof UserError ? `${error.message}\n${USAGE}` : error)
    process.exit(1)
  },
)
