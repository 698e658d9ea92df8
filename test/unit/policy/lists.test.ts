import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { listReader } from '../../../src/policy/list-reader.ts'
import { readListText } from '../../../src/policy/list-text.ts'

function read(text: string, cap = Infinity): { entries: string[]; skipped: number; firstSkipped: number } {
  const entries: string[] = []
  const counts = readListText(text, (name, exact, line) => {
    if (entries.length >= cap) return false
    entries.push(`${line} ${exact ? '=' : ''}${name}`)
    return true
  })
  return { entries, skipped: counts.skipped, firstSkipped: counts.firstSkipped }
}

test('one domain a line, the hosts format, comments, and lines that are neither', t => {
  const text = [
    '\ufeff# a list',
    'ads.example',
    '  Track.Example.  # why',
    '',
    '=only.example',
    '*.wild.example',
    '! adblock comment',
    '0.0.0.0 one.example two.example',
    '127.0.0.1\tlocalhost',
    '::1 localhost ip6-localhost ip6-loopback',
    '0.0.0.0 0.0.0.0',
    'not a domain',
    '||adblock.example^',
    '192.0.2.7',
    'bücher.example\r',
  ].join('\n')
  t.deepEqual(read(text), {
    entries: [
      '2 ads.example',
      '3 track.example',
      '5 =only.example',
      '6 wild.example',
      '8 =one.example',
      '8 =two.example',
      '14 =192.0.2.7',
      '15 xn--bcher-kva.example',
    ],
    skipped: 2,
    firstSkipped: 12,
  })
})

test('reading ends at the cap, and no text makes it throw', t => {
  t.is(read('a.example\n'.repeat(100), 7).entries.length, 7)
  t.is(read('0.0.0.0 a.example b.example c.example', 2).entries.length, 2)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 500 }), text => {
      for (const entry of read(text).entries) t.regex(entry, /^\d+ =?[a-z0-9_.:-]+$/)
    }),
  )
  t.pass()
})

test('list files are read from their own place only', t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-lists-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }))
  const base = path.join(dir, 'policy')
  fs.mkdirSync(path.join(base, 'lists'), { recursive: true })
  fs.writeFileSync(path.join(base, 'lists', 'ads.txt'), 'ads.example\n')
  fs.writeFileSync(path.join(dir, 'secret'), 'secret')
  fs.symlinkSync('../../secret', path.join(base, 'lists', 'link'))
  execFileSync('mkfifo', [path.join(base, 'lists', 'pipe')])
  const reader = listReader(base)
  t.is(reader('lists/ads.txt'), 'ads.example\n')
  t.is(reader(path.join(base, 'lists/ads.txt')), 'ads.example\n')
  for (const outside of ['../secret', '/etc/passwd', 'lists/link'])
    t.throws(() => reader(outside), { message: /outside/ }, outside)
  t.throws(() => reader('lists/none'), { code: 'ENOENT' })
  t.throws(() => reader('lists'), { message: /no file/ })
  t.throws(() => reader('lists/pipe'), { message: /no file/ })
})
