import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { ERRORS, type ErrorCode, type Fault } from '../../../src/core/errors.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const TEXT = fs.readFileSync(path.join(ROOT, 'docs/errors.md'), 'utf8')
const FAULTS: Record<string, Fault> = {
  "The client's fault": 'client',
  "The origin's fault": 'origin',
  'By policy': 'policy',
  "The gateway's fault": 'self',
}

/** What the table of docs/errors.md says of each code. */
function documented() {
  const rows: Record<string, { fault: Fault | undefined; status: number; retry: string }> = {}
  const words: string[][] = []
  for (const section of TEXT.split(/^## /m).slice(1)) {
    const fault = FAULTS[section.split('\n', 1)[0]!]
    for (const [, code = '', status, retry = '', cause = '', advice = ''] of section.matchAll(
      /^\| `([a-z-]+)` \| (\d+|—) \| (\w+) \| (.*?) \| (.*) \|$/gm,
    )) {
      rows[code] = { fault, status: status === '—' ? 0 : Number(status), retry }
      words.push([code, cause.trim(), advice.trim()])
    }
  }
  return { rows, words }
}

test('docs/errors.md has every code, with its status, whose fault it is, and whether it is tried again', t => {
  const list = Object.entries(ERRORS).map(([code, { fault, status, retry }]) => [code, { fault, status, retry }])
  t.deepEqual(documented().rows, Object.fromEntries(list))
})

test('each row says a cause and what to do', t => {
  for (const [code, cause, advice] of documented().words) t.true(cause !== '' && advice !== '', code)
})

test('limits and documents that it names exist', t => {
  const limits = fs.readFileSync(path.join(ROOT, 'docs/limits.md'), 'utf8')
  for (const [key] of TEXT.matchAll(/\b(?:max\w+(?:KiB|s)|\w+Seconds)\b/g)) t.true(limits.includes(`\`${key}\``), key)
  for (const [, file = ''] of TEXT.matchAll(/\]\((\w+\.md)\)/g))
    t.true(fs.existsSync(path.join(ROOT, 'docs', file)), file)
})

test('every code that docs/limits.md promises for the log is one', t => {
  const limits = fs.readFileSync(path.join(ROOT, 'docs/limits.md'), 'utf8')
  const promised = [...limits.matchAll(/`((?:client|origin|policy|self|idle)-[a-z-]+)`/g)].map(([, code]) => code!)
  t.true(promised.length > 10)
  for (const code of promised) t.truthy(ERRORS[code as ErrorCode], code)
})
