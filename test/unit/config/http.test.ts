import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import YAML from 'yaml'
import { limitsOf } from '../../../src/config/http.ts'
import { checkConfig, loadConfig } from '../../../src/config/load.ts'
import { TICK_MS } from '../../../src/core/clock.ts'
import { LIMITS } from '../../../src/core/limits.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')

/** Mistakes in a document as `key: message`, and its value. */
function check(text: string) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-http-config-'))
  const file = path.join(dir, 'weir.yaml')
  fs.writeFileSync(file, text)
  try {
    const { config, problems } = checkConfig(file)
    return { config, problems: problems.map(({ line, key, message }) => `${line} ${key}: ${message}`) }
  } finally {
    fs.rmSync(dir, { recursive: true })
  }
}

const defaults = loadConfig(null).http

test('without a word about them the limits are the standard ones', t => {
  t.deepEqual(limitsOf(defaults), LIMITS)
})

test('by default a client that is slow or idle, in whatever phases, is gone within 60 s', t => {
  const { client, http } = LIMITS
  for (const ms of [
    client.helloMs + client.handshakeMs + http.headMs,
    http.idleMs,
    http.bodyProgressMs,
    http.writeProgressMs,
  ])
    t.true(ms + 4 * TICK_MS < 60_000, `${ms}`)
})

test('every key moves one limit and no other', t => {
  const leaves = (value: object, at = ''): [string, number][] =>
    Object.entries(value).flatMap(([key, below]) =>
      typeof below === 'number' ? [[`${at}${key}`, below] as [string, number]] : leaves(below, `${at}${key}.`),
    )
  const standard = leaves(LIMITS)
  const moved = new Set<string>()
  for (const key of Object.keys(defaults) as (keyof typeof defaults)[]) {
    const now = leaves(limitsOf({ ...defaults, [key]: defaults[key] + 1 }))
    const changed = now.filter(([, value], i) => value !== standard[i]![1]).map(([name]) => name)
    t.is(changed.length, 1, key)
    moved.add(changed[0]!)
  }
  t.deepEqual(
    standard.map(([name]) => name).filter(name => !moved.has(name)),
    ['http.maxBlankLines'],
    'what is not to be set',
  )
})

test('every mistake at once: ranges, kinds, unknown keys, and what contradicts another key', t => {
  const { config, problems } = check(`http:
  headSeconds: 0
  idleSeconds: 1.5
  maxHeaders: many
  maxHeadKB: 10
  maxTargetKiB: 200
  maxOriginConnections: 10
  tunnelIdleSeconds: 10
`)
  t.is(config, null)
  t.deepEqual(problems, [
    '2 http.headSeconds: must be a whole number from 1 to 300',
    '3 http.idleSeconds: must be a whole number from 1 to 3600',
    '4 http.maxHeaders: must be a whole number from 16 to 10000',
    '5 http.maxHeadKB: unknown key. Did you mean "maxHeadKiB"?',
    '6 http.maxTargetKiB: must not be more than maxHeadKiB (100): the target is a part of the head',
    '7 http.maxOriginConnections: must not be less than maxOriginConnectionsPerClient (192): one client cannot have more than all have',
    '8 http.tunnelIdleSeconds: must not be less than tunnelHalfIdleSeconds (30): a tunnel that has ended one way is the less worth waiting for',
  ])
  for (const nothing of ['http: 5\n', 'http: []\n', 'http: null\n']) t.is(check(nothing).problems.length, 1, nothing)
})

test('the smallest and the largest of every key are accepted, one beyond is not', t => {
  for (const key of Object.keys(defaults)) {
    const [problem = ''] = check(`http: { ${key}: -1 }\n`).problems
    const [, min, max] = /from (\d+) to (\d+)$/.exec(problem) ?? t.fail(`${key}: ${problem}`) ?? []
    for (const [value, fine] of [
      [Number(min), true],
      [Number(max), true],
      [Number(min) - 1, false],
      [Number(max) + 1, false],
    ] as const) {
      const range = check(`http: { ${key}: ${value} }\n`).problems.filter(text => text.includes('whole number'))
      t.is(range.length === 0, fine, `${key}: ${value}`)
    }
  }
})

test('README lists every key with its default', t => {
  const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')
  const example = /```yaml\n([\s\S]*?)```/.exec(readme)![1]!
  t.deepEqual(YAML.parse(example).http, defaults)
  t.deepEqual(check(example).problems, [])
})

test('docs/limits.md has a row for every key, with its default', t => {
  const text = fs.readFileSync(path.join(ROOT, 'docs/limits.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` \| ([\d,]+) \|/gm)].map(([, key, value]) => [
    key,
    Number(value!.replaceAll(',', '')),
  ])
  t.deepEqual(Object.fromEntries(rows), defaults)
  t.is(rows.length, Object.keys(defaults).length)
})
