import test from 'ava'
import { parseH2load } from '../../../bench/load.ts'

const report = (finished: string, requests: string, codes: string) => `starting benchmark...
progress: 100% done

finished in ${finished}, 12345.67 req/s, 14.20MB/s
requests: ${requests}, 0 timeout
status codes: ${codes}
traffic: 50.10MB (52533000) total, 9.10MB (9540000) headers (space savings 0.00%), 39.06MB (40960000) data
`
const GOOD = '40000 total, 40000 started, 40000 done, 40000 succeeded, 0 failed, 0 errored'

test('a good run', t => {
  t.deepEqual(parseH2load(report('3.24s', GOOD, '40000 2xx, 0 3xx, 0 4xx, 0 5xx')), {
    done: 40_000,
    wallMs: 3240,
    errors: [],
  })
  t.is(parseH2load(report('324.5ms', GOOD, '40000 2xx, 0 3xx, 0 4xx, 0 5xx')).wallMs, 324.5)
})

test('failed requests and wrong answers are errors', t => {
  const bad = '40000 total, 40000 started, 40000 done, 39990 succeeded, 10 failed, 10 errored'
  const load = parseH2load(report('3s', bad, '39000 2xx, 0 3xx, 0 4xx, 990 5xx'))
  t.deepEqual(load.errors, ['10 of 40000 requests failed', '1000 of 40000 answers were not 2xx'])
})

test('no report is an error', t => {
  t.deepEqual(parseH2load('starting benchmark...\ncould not connect').errors, [
    'h2load did not finish: could not connect',
  ])
  t.is(parseH2load('').errors.length, 1)
})
