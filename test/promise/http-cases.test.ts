import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { type Case, dripped } from '../http-cases/case.ts'
import { ask } from '../http-cases/client.ts'
import { judge } from '../http-cases/judge.ts'
import { CaseOrigin } from '../http-cases/origin.ts'
import { CASES, TABLES } from '../http-cases/tables/index.ts'
import { rig } from '../unit/pipeline/rig.ts'

/** Clients at a time; most of a case is waiting for silence. */
const AT_ONCE = 32
/** For an origin's connection to be seen closed. */
const SETTLE_MS = 100
const NAMES = { HOST: 'site.example', SCHEME: 'http', PORT: 80 } as const

for (const [title, cases] of Object.entries(TABLES)) {
  const indices = cases.map(trial => CASES.indexOf(trial))
  test.serial(title, async t => t.deepEqual(await wrongOf(t, CASES, indices), []))
  test.serial(`${title}, byte by byte`, async t => t.deepEqual(await wrongOf(t, DRIPPED, indices), []))
}

const DRIPPED = CASES.map(dripped)

async function wrongOf(t: ExecutionContext, all: readonly Case[], indices: readonly number[]): Promise<string[]> {
  const origin = new CaseOrigin(all)
  const left = indices.slice()
  const wrong: string[] = []
  const work = async () => {
    // An origin and its pool for each: a late answer would else go to another case
    const { connect } = await rig(t, socket => origin.accept(socket))
    for (let index = left.shift(); index !== undefined; index = left.shift()) {
      const trial = all[index]!
      const id = `p-${index}`
      const seen = await ask(await connect(), trial, { ID: id, ...NAMES })
      await sleep(SETTLE_MS)
      const why = judge(trial, { id, ...seen, ...origin.view(id) }, true)
      if (why !== null) wrong.push(`${trial.section} ${trial.title}: ${why}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return wrong
}
