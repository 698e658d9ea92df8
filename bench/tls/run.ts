import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { UserError } from '../../src/core/errors.ts'
import { createLab, type Lab } from '../../test/lab/lab.ts'
import { captureHandshakes, type Visit } from './capture.ts'
import { probe } from './probe.ts'
import { summary, table, writePart } from './report.ts'
import { scan } from './testssl.ts'
import { isWrong, LANES, type Row } from './trial.ts'
import { startWorld, type World } from './world.ts'

/**
 * What OpenSSL, Squid and Weir make of origins right and wrong, and of odd clients; what Weir says on the wire; what testssl.sh
 * finds. One lab, one origin host with an address for each case, both gateways at the same time. Rewrites the generated
 * parts of docs/tls.md.
 */
const USAGE = `node bench/tls/run.ts [--only TEXT] [--dry] [cases] [wire] [testssl]
  --only TEXT   cases whose class or title has TEXT; nothing is written
  --dry         nothing is written
`
const DOCUMENT = path.resolve(import.meta.dirname, '../../docs/tls.md')
const PARTS = ['cases', 'wire', 'testssl'] as const
type Part = (typeof PARTS)[number]
/** Clients at a time: what is measured is a verdict, not speed. */
const AT_ONCE = 6

interface Options {
  only: string
  write: boolean
  parts: readonly Part[]
}

async function main(): Promise<number> {
  const options = readOptions()
  if (process.getuid?.() !== 0) throw new UserError('the lab makes network namespaces: run it as root (sudo).')
  const lab = await createLab({ origin: false })
  fs.chmodSync(lab.dir, 0o755)
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => reject(new UserError('interrupted')))
  })
  try {
    return await Promise.race([interrupted, runParts(lab, options)])
  } finally {
    await lab.close()
  }
}

function readOptions(): Options {
  const { values, positionals } = parse()
  const unknown = positionals.find(part => !(PARTS as readonly string[]).includes(part))
  if (unknown !== undefined) throw new UserError(`no such part: ${unknown}`)
  return {
    only: values.only ?? '',
    write: values.only === undefined && values.dry !== true,
    parts: positionals.length === 0 ? PARTS : (positionals as Part[]),
  }
}

function parse() {
  try {
    return parseArgs({ options: { only: { type: 'string' }, dry: { type: 'boolean' } }, allowPositionals: true })
  } catch (e) {
    throw new UserError((e as Error).message)
  }
}

async function runParts(lab: Lab, { only, write, parts }: Options): Promise<number> {
  const world = await startWorld(lab, trial => `${trial.class}: ${trial.title}`.includes(only))
  const visit: Visit = { ...world.plain, caFile: world.trust.weir }
  const publish = (part: Part, text: string) => (write ? writePart(DOCUMENT, part, text) : console.log(text))
  let wrong = 0
  if (parts.includes('wire')) publish('wire', await captureHandshakes(lab, visit))
  if (parts.includes('cases')) {
    const rows = await askAll(world)
    wrong = tellWrong(rows)
    publish('cases', `${summary(rows)}\n\n${table(rows)}`)
  }
  if (parts.includes('testssl')) publish('testssl', await scan(lab, visit))
  await world.stop()
  return wrong === 0 ? 0 : 1
}

/** A few at a time, in order. */
async function askAll(world: World): Promise<Row[]> {
  const rows: Row[] = world.trials.map(trial => ({ trial, outcomes: {} }))
  const queue = rows.flatMap(row => (row.trial.lanes ?? LANES).map(lane => ({ row, lane })))
  let next = 0
  const work = async () => {
    for (let job = queue[next++]; job !== undefined; job = queue[next++]) {
      const { row, lane } = job
      row.outcomes[lane] = await probe(world.lab, world.trust, lane, row.trial, world.addressOf(row.trial, lane))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const seen = world.seen()
  for (const { trial, outcomes } of rows)
    for (const lane of LANES)
      if (outcomes[lane] !== undefined) outcomes[lane].reached = seen.has(`${world.addressOf(trial, lane)} ${lane}`)
  return rows
}

/** Where Weir is wrong, if anywhere. */
function tellWrong(rows: readonly Row[]): number {
  const wrong = rows.filter(row => row.outcomes.weir !== undefined && isWrong(row.trial, row.outcomes.weir))
  for (const { trial, outcomes } of wrong)
    console.error(`Weir is wrong: ${trial.class}: ${trial.title}: ${outcomes.weir?.result} ${outcomes.weir?.code}`)
  console.error(`${rows.length} cases, Weir is wrong in ${wrong.length}`)
  console.log(summary(rows))
  return wrong.length
}

main().then(
  status => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof UserError ? `${error.message}\n${USAGE}` : error)
    process.exit(2)
  },
)
