import test from 'ava'
import fc from 'fast-check'
import { unifiedDiff } from '../../../src/policy/diff.ts'

/** What `patch` would make of it: the proof that a diff says all of the change, at the right lines. */
function patched(before: string[], diff: string): string[] {
  const out: string[] = []
  let at = 0
  for (const line of diff.split('\n').slice(2, -1)) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? /.exec(line)
    if (hunk !== null) {
      const start = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1)
      out.push(...before.slice(at, start))
      at = start
    } else if (line.startsWith('+')) out.push(line.slice(1))
    else {
      if (before[at] !== line.slice(1)) throw new Error(`context differs at ${at}: ${line}`)
      if (line.startsWith(' ')) out.push(before[at]!)
      at++
    }
  }
  return [...out, ...before.slice(at)]
}

test('a small change shows with three lines round it', t => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\ni\n'
  const expected = '--- version 1\n+++ version 2\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n'
  t.is(unifiedDiff(before, before.replace('e', 'E'), 'version 1', 'version 2'), expected)
  t.is(unifiedDiff(before, before, 'a', 'b'), '')
})

test('a diff applied to the old text gives the new one', t => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'rules:', ''), { maxLength: 40 })
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const text = (all: string[]) => all.map(line => `${line}\n`).join('')
      const diff = unifiedDiff(text(before), text(after), 'x', 'y')
      t.deepEqual(diff === '' ? before : patched(before, diff), after)
    }),
    { numRuns: 500 },
  )
})

test('texts with nothing in common are shown as replaced, in reasonable time', t => {
  const before = Array.from({ length: 6000 }, (_, i) => `a${i}`)
  const after = Array.from({ length: 6000 }, (_, i) => `b${i}`)
  const start = performance.now()
  t.deepEqual(patched(before, unifiedDiff(`${before.join('\n')}\n`, `${after.join('\n')}\n`, 'x', 'y')), after)
  t.true(performance.now() - start < 10_000)
})
