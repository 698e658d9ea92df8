import test from 'ava'
import { WeirError } from '../../../../src/core/errors.ts'
import { CASES } from '../../../pki/cases/index.ts'
import { weirVerdict } from '../../../pki/weir.ts'

for (const { class: kind, title, expect, build, words, used } of CASES) {
  test(`${kind}: ${title}`, t => {
    const verdict = weirVerdict(build())
    t.is(verdict.error?.code ?? null, expect, verdict.error?.detail)
    if (words) t.regex(verdict.error?.detail ?? '', words)
    if (used) t.deepEqual(verdict.used, used)
    if (verdict.error === null) return
    t.true(verdict.error instanceof WeirError)
    // One line for the log; nothing from a certificate can break out of it.
    t.regex(verdict.error.detail, /^[ -~“”’\p{Script=Latin}]+$/u)
  })
}

test('no two cases have the same title', t => {
  t.is(new Set(CASES.map(one => `${one.class} ${one.title}`)).size, CASES.length)
  t.true(CASES.length > 250)
})
