import test from 'ava'
import { fuzzHellos, MAX_GROWTH } from './hello.ts'

test('a short run of the fuzzer: no crash, no growth, every way of the parser taken', async t => {
  const { executions, outcomes, heapGrowth, crashes } = await fuzzHellos({ executions: 20_000, seed: 20_261_123 })
  t.is(executions, 20_000)
  t.deepEqual(crashes, [])
  t.true(heapGrowth < MAX_GROWTH, `${heapGrowth}`)
  for (const way of ['hello', 'hello, bad name', 'more', 'several-names', 'duplicate-extension', 'truncated-field'])
    t.true((outcomes[way] ?? 0) > 50, `${way}: ${JSON.stringify(outcomes)}`)
})
