import test from 'ava'
import { folderName, hotSpots } from '../../../bench/profile.ts'
import { cells, figure, markdownTable, plainTable, type Sample, summarise } from '../../../bench/report.ts'

const sample = (work: number, cpuMs: number, errors: string[] = []): Sample => ({
  work,
  wallMs: 2000,
  cpu: {
    totalMs: cpuMs,
    parts: new Map([
      ['worker', cpuMs * 0.75],
      ['store', cpuMs * 0.25],
    ]),
  },
  remark: '',
  errors,
})

test('rounds are added up; the spread says how far they are apart', t => {
  const summary = summarise([sample(9000, 1000), sample(11_000, 1000)])
  t.is(summary.perCpuS, 10_000)
  t.is(summary.perWallS, 5000)
  t.is(summary.busy, 0.5)
  t.true(Math.abs(summary.spread - 0.1) < 1e-9)
  t.deepEqual(
    [...summary.parts],
    [
      ['worker', 0.75],
      ['store', 0.25],
    ],
  )
})

test('a run with errors is not a figure', t => {
  const summary = summarise([sample(9000, 1000), sample(9000, 1000, ['reset', 'reset'])])
  t.is(summary.perCpuS, null)
  t.deepEqual(summary.errors, ['reset'])
  t.deepEqual(
    cells({ title: 'x', unit: 'requests', samples: new Map([['weir', [sample(1, 1, ['reset'])]]]) }).slice(2, 8),
    ['failed', '–', '', 'failed', '–', '–'],
  )
})

test('a row has both products, their ratio and where Weir spent it', t => {
  const row = {
    title: 'uncached',
    unit: 'requests',
    samples: new Map([
      ['weir', [sample(40_000, 1000)]],
      ['squid', [{ ...sample(10_000, 1000), remark: '0 % resumed' }]],
      ['direct', [{ ...sample(60_000, 0), cpu: null }]],
    ] as const),
  }
  const want = [
    'uncached',
    'requests',
    '40.0 k',
    '10.0 k (0 % resumed)',
    '4.0 ×',
    '20.0 k (50 %)',
    '5.00 k (50 %)',
    '30.0 k',
  ]
  t.deepEqual(cells(row), [...want, 'worker 75 %, store 25 %'])
})

test('figures keep three digits', t => {
  const shown = [0.654, 9.99, 12.3, 940, 999.4, 1234, 9990, 38_123, 123_456].map(figure)
  t.deepEqual(shown, ['0.65', '9.99', '12', '940', '999', '1.23 k', '9.99 k', '38.1 k', '123 k'])
})

test('tables', t => {
  t.is(plainTable(['a', 'bb'], [['ccc', 'd']]), 'a    bb\n───  ──\nccc  d')
  t.is(markdownTable(['a', 'bb'], [['ccc', 'd']]), '| a | bb |\n| --- | --- |\n| ccc | d |')
})

test('hot spots are shares of the time that was not idle, from the first sample in the own code on', t => {
  const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 9 })
  const root = new URL('../../../', import.meta.url).href
  const nodes = [
    { id: 1, callFrame: frame('(idle)') },
    { id: 2, callFrame: frame('run', `${root}src/pipeline/exchange.ts`) },
    { id: 3, callFrame: frame('writev') },
    { id: 4, callFrame: frame('', 'node:net') },
    { id: 5, callFrame: frame('more', `${root}src/pipeline/rows.ts`) },
  ]
  const profile = { nodes, samples: [3, 1, 2, 3, 5, 4], timeDeltas: [9000, 1000, 10, 70, 15, 5] }
  t.deepEqual(hotSpots(profile, 3), [
    { name: 'writev', share: 0.7 },
    { name: 'more src/pipeline/rows.ts:10', share: 0.15 },
    { name: 'run src/pipeline/exchange.ts:10', share: 0.1 },
  ])
  t.deepEqual(hotSpots(profile, 3, folderName), [
    { name: 'writev', share: 0.7 },
    { name: 'src/pipeline', share: 0.25 },
    { name: 'node:net', share: 0.05 },
  ])
})
