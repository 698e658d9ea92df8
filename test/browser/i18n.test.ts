import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import type { CacheWord, DashboardProblem } from '../../src/admin/api.ts'
import type { ReasonCode } from '../../src/core/decision.ts'
import { ERRORS } from '../../src/core/errors.ts'
import { de } from '../../web-ui/src/i18n/de.ts'
import { en, type Key } from '../../web-ui/src/i18n/en.ts'

const keys = Object.keys(en) as Key[]
const SOURCE = path.resolve(import.meta.dirname, '../../web-ui/src')

function placeholders(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(m => m[1]!).sort()
}

test('both languages have every key, something in it, and the same placeholders', t => {
  t.deepEqual(Object.keys(de).sort(), [...keys].sort())
  for (const key of keys) {
    t.not(de[key].trim(), '', key)
    t.deepEqual(placeholders(de[key]), placeholders(en[key]), key)
  }
})

test('every error code of the gateway has words', t => {
  for (const code of Object.keys(ERRORS)) t.true(`failure.${code}` in en, code)
  const known = keys.filter(key => key.startsWith('failure.')).map(key => key.slice('failure.'.length))
  t.deepEqual(known.sort(), Object.keys(ERRORS).sort(), 'and no code is left that the gateway no longer has')
})

test('every reason, cache result and problem has words', t => {
  // Records, so that a code added to a union is a type error here until it is listed.
  const reasons: Record<ReasonCode, true> = {
    default: true,
    rule: true,
    list: true,
    'not-http': true,
    'server-first': true,
    'no-name': true,
    ech: true,
    'learned-untrusting': true,
    'learned-pinned': true,
    'learned-client-cert': true,
    'ca-limits': true,
    'never-decrypt': true,
    alpn: true,
    'old-client': true,
    enrolling: true,
    malformed: true,
    loop: true,
    error: true,
  }
  const cache: Record<CacheWord, true> = { none: true, miss: true, hit: true, revalidated: true, bypass: true }
  const problems: Record<DashboardProblem['code'], true> = {
    'clients-distrust': true,
    'origin-certificate': true,
    'origin-failing': true,
    'log-dropped': true,
    'log-error': true,
    'worker-restarts': true,
    'worker-down': true,
    'rules-removed': true,
    'ca-expires': true,
    'no-status': true,
    'devices-untrusting': true,
    'names-pinned': true,
    'exception-ends': true,
    'ca-rotation': true,
  }
  for (const code of Object.keys(reasons)) t.true(`reason.${code}` in en, code)
  for (const code of Object.keys(cache)) t.true(`cache.${code}` in en && `drawer.cache.${code}` in en, code)
  for (const code of Object.keys(problems)) t.true(`problem.${code}` in en || `problem.${code}.one` in en, code)
})

test('no key is left that nothing uses', t => {
  const files = fs.readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(name => /\.tsx?$/.test(name))
  const source = files
    .filter(name => !/i18n\/(en|de|codes\.)/.test(name))
    .map(name => fs.readFileSync(path.join(SOURCE, name), 'utf8'))
    .join('\n')
  const prefixes = [...source.matchAll(/`([a-zA-Z.]+\.)\$\{/g)].map(m => m[1]!)
  for (const key of keys) {
    const base = key.replace(/\.(one|other)$/, '')
    const used = source.includes(`'${base}'`) || source.includes(`"${base}"`) || prefixes.some(p => key.startsWith(p))
    t.true(used, key)
  }
})
