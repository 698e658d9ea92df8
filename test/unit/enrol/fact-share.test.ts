import test from 'ava'
import type { SharedFact, ToWorker } from '../../../src/core/ipc.ts'
import { FactShare } from '../../../src/enrol/fact-share.ts'
import { SharedFacts } from '../../../src/enrol/shared-facts.ts'
import { FactKeeper } from '../../../src/supervisor/shared-facts.ts'

const until = Date.now() + 60_000
const fact = (host: string): SharedFact => ({ kind: 'enrolling', client: '10.0.0.1', host, until })

/** Workers and a supervisor, joined as over IPC: by copies, one turn later. */
function box(workers: number, limits: { max?: number } = {}) {
  const all: { facts: SharedFacts; share: FactShare }[] = []
  const broadcast = (message: ToWorker) => {
    for (const { share } of all)
      setImmediate(() => message.t === 'shared' && share.heard(structuredClone(message.fact), Date.now()))
  }
  const keeper = new FactKeeper(broadcast, () => true, new SharedFacts(limits))
  for (let i = 0; i < workers; i++) {
    const facts = new SharedFacts()
    const share = new FactShare(facts, told => void setImmediate(() => keeper.share(structuredClone(told))), 200)
    all.push({ facts, share })
  }
  return { all, keeper }
}

test('what one worker shares every worker knows when the promise is kept', async t => {
  const { all, keeper } = box(3)
  t.true(await all[1]!.share.share(fact('a.example')))
  // The last of the three hears it in the same turn
  await new Promise(resolve => setImmediate(resolve))
  for (const { facts } of all) t.true(facts.enrolling('10.0.0.1', 'a.example', Date.now()))
  t.is(keeper.all().length, 1)
})

test('one too many is known to nobody, and the asker hears of it', async t => {
  const { all } = box(2, { max: 1 })
  t.true(await all[0]!.share.share(fact('a.example')))
  t.false(await all[0]!.share.share(fact('b.example')))
  for (const { facts } of all) t.false(facts.enrolling('10.0.0.1', 'b.example', Date.now()))
})

test('a device that fills its share is refused at once and takes nobody else a place', async t => {
  const sent: SharedFact[] = []
  const facts = new SharedFacts({ maxPerClient: 2 })
  const share = new FactShare(facts, told => void sent.push(told), 60_000)
  for (const host of ['a', 'b']) {
    const answer = share.share(fact(host))
    share.heard(fact(host), Date.now())
    t.true(await answer)
  }
  for (let i = 0; i < 500; i++) t.false(await share.share(fact(`h${i}`)))
  for (let i = 0; i < 500; i++) t.true(await share.share(fact('a')), 'known')
  t.is(sent.length, 2)
  const other = share.share({ ...fact('a'), client: '10.0.0.2' })
  share.heard({ ...fact('a'), client: '10.0.0.2' }, Date.now())
  t.true(await other)
})

test('the number of those that wait for an answer is bounded', async t => {
  const sent: SharedFact[] = []
  const share = new FactShare(new SharedFacts(), told => void sent.push(told), 50)
  const answers = Array.from({ length: 1000 }, (_, i) => share.share({ ...fact('a'), client: `10.1.0.${i}` }))
  t.is(sent.length, 256)
  t.deepEqual(new Set(await Promise.all(answers)), new Set([false]))
  share.heard(fact('late'), Date.now())
})

test('the supervisor takes nothing that is no fact', t => {
  const told: ToWorker[] = []
  const keeper = new FactKeeper(
    message => void told.push(message),
    () => false,
  )
  for (const wrong of [null, { kind: 'enrolling' }, { ...fact('a'), host: 'x'.repeat(1000) }])
    t.throws(() => keeper.share(wrong), { instanceOf: TypeError })
  keeper.share(fact('a.example'))
  t.is(told.length, 1)
})

test('a click that the policy does not allow is passed on to nobody, also not once it does', t => {
  const told: ToWorker[] = []
  let allowed = false
  const keeper = new FactKeeper(
    message => void told.push(message),
    () => allowed,
  )
  const click: SharedFact = {
    ...fact('a.example'),
    kind: 'override',
    fingerprint: 'a'.repeat(64),
    allow: ['expired'],
  }
  keeper.share(click)
  t.deepEqual([told.length, keeper.all().length], [0, 0])
  allowed = true
  t.deepEqual(keeper.all(), [])
  keeper.share(click)
  t.deepEqual([told.length, keeper.all().length], [1, 1])
})
