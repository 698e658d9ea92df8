import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { UserError } from '../../src/core/errors.ts'
import { judge } from '../../test/http-cases/judge.ts'
import type { OriginView } from '../../test/http-cases/origin.ts'
import { CASES, TABLES } from '../../test/http-cases/tables/index.ts'
import { createLab } from '../../test/lab/lab.ts'
import { writePart } from '../tls/report.ts'
import { LANES, type Lane, productOf } from './lanes.ts'
import { details, type Row, summary } from './report.ts'
import { startWorld } from './world.ts'

/**
 * Every raw-byte case of test/http-cases through Weir and Squid, plain and inspected, in one lab. Rewrites the generated
 * parts of docs/http-cases.md.
 */
const USAGE = `node bench/http/run.ts [--only TEXT] [--lane LANE]… [--dry]
  --only TEXT   cases whose section or title has TEXT; nothing is written
  --lane LANE   ${LANES.join(', ')}; by default all of them, else nothing is written
  --dry         nothing is written
`
const DOCUMENT = path.resolve(import.meta.dirname, '../../docs/http-cases.md')
const UNSEEN: OriginView = { requests: [], stray: '', connections: 0, ended: 0 }

async function main(): Promise<number> {
  const { only, lanes, write } = readOptions()
  if (process.getuid?.() !== 0) throw new UserError('the lab makes network namespaces: run it as root (sudo).')
  const lab = await createLab({ origin: false })
  fs.chmodSync(lab.dir, 0o755)
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => reject(new UserError('interrupted')))
  })
  try {
    const rows = await Promise.race([interrupted, askAll(await startWorld(lab), only, lanes)])
    if (write) {
      writePart(DOCUMENT, 'counts', summary(rows))
      writePart(DOCUMENT, 'cases', details(rows))
    }
    return tell(rows)
  } finally {
    await lab.close()
  }
}

function readOptions(): { only: string; lanes: readonly Lane[]; write: boolean } {
  const { values } = parse()
  const unknown = values.lane?.find(lane => !(LANES as readonly string[]).includes(lane))
  if (unknown !== undefined) throw new UserError(`no such lane: ${unknown}`)
  return {
    only: values.only ?? '',
    lanes: (values.lane as Lane[] | undefined) ?? LANES,
    write: values.only === undefined && values.lane === undefined && values.dry !== true,
  }
}

function parse() {
  try {
    return parseArgs({
      options: { only: { type: 'string' }, lane: { type: 'string', multiple: true }, dry: { type: 'boolean' } },
    })
  } catch (e) {
    throw new UserError((e as Error).message)
  }
}

async function askAll(world: Awaited<ReturnType<typeof startWorld>>, only: string, lanes: readonly Lane[]) {
  const chosen = [...CASES.keys()].filter(i => `${CASES[i]!.section} ${CASES[i]!.title}`.includes(only))
  const clients = Object.assign({}, ...(await Promise.all(lanes.map(lane => world.ask(lane, chosen)))))
  const origins = await world.stop()
  const tableOf = new Map(Object.entries(TABLES).flatMap(([name, cases]) => cases.map(trial => [trial, name])))
  return chosen.map((index): Row => {
    const trial = CASES[index]!
    const wrong: Row['wrong'] = {}
    for (const lane of lanes) {
      const id = `${lane}-${index}`
      wrong[lane] = judge(trial, { id, ...clients[id], ...(origins[id] ?? UNSEEN) }, productOf(lane) === 'weir')
    }
    return { table: tableOf.get(trial)!, trial, wrong }
  })
}

/** Where Weir is wrong, if anywhere. */
function tell(rows: readonly Row[]): number {
  const faults = rows.flatMap(({ trial, wrong }) =>
    Object.entries(wrong).flatMap(([lane, why]) =>
      typeof why === 'string' && lane.startsWith('weir') ? [`${lane}: ${trial.section} ${trial.title}: ${why}`] : [],
    ),
  )
  for (const fault of faults) console.error(`Weir is wrong: ${fault}`)
  console.log(summary(rows))
  return faults.length === 0 ? 0 : 1
}

main().then(
  status => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof UserError ? `${error.message}\n${USAGE}` : error)
    process.exit(2)
  },
)
