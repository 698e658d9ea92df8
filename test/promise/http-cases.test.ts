import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { ask } from '../http-cases/client.ts'
import { judge } from '../http-cases/judge.ts'
import { CaseOrigin } from '../http-cases/origin.ts'
import { CASES, TABLES } from '../http-cases/tables/index.ts'
import { rig } from '../unit/pipeline/rig.ts'

/** Clients at a time; most of a case is waiting for silence. */
const AT_ONCE = 24
/** For an origin's connection to be seen closed. */
const SETTLE_MS = 100

for (const [title, cases] of Object.entries(TABLES)) {
  test.serial(title, async t => {
    const origin = new CaseOrigin(CASES)
    const ids = cases.map(trial => CASES.indexOf(trial))
    const wrong: string[] = []
    const work = async () => {
      // An origin and its pool for each: a late answer would else go to another case
      const { connect } = await rig(t, socket => origin.accept(socket))
      for (let index = ids.shift(); index !== undefined; index = ids.shift()) {
        const trial = CASES[index]!
        const id = `p-${index}`
        const seen = await ask(await connect(), trial, { ID: id, HOST: 'site.example', SCHEME: 'http', PORT: 80 })
        await sleep(SETTLE_MS)
        const why = judge(trial, { id, ...seen, ...origin.view(id) }, true)
        if (why !== null) wrong.push(`${trial.section} ${trial.title}: ${why}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    t.deepEqual(wrong, [])
  })
}
