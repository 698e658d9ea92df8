import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { UserError } from '../../../src/core/errors.ts'
import { secretFile } from '../../../src/supervisor/secret-file.ts'
import { takeStateDir } from '../../../src/supervisor/state-dir.ts'

const MODULE = new URL('../../../src/supervisor/state-dir.ts', import.meta.url).href

test.beforeEach(t => {
  t.context = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-state-'))
})
test.afterEach.always(t => fs.rmSync(t.context as string, { recursive: true, force: true }))

test('it is made private, and given back', t => {
  const dir = path.join(t.context as string, 'a/b')
  const release = takeStateDir(dir)
  t.is(fs.statSync(dir).mode & 0o777, 0o700)
  release()
  t.deepEqual(fs.readdirSync(dir), [])
})

test('a second process is refused while the first lives, and not after it was killed', async t => {
  const dir = path.join(t.context as string, 'state')
  const source = `const { takeStateDir } = await import(${JSON.stringify(MODULE)}); takeStateDir(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  t.throws(() => takeStateDir(dir), { instanceOf: UserError, message: new RegExp(`process ${holder.pid}`) })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  t.notThrows(() => takeStateDir(dir)())
})

test('a file that is no directory is one sentence', t => {
  const file = path.join(t.context as string, 'file')
  fs.writeFileSync(file, '')
  t.throws(() => takeStateDir(path.join(file, 'state')), { instanceOf: UserError, message: /ENOTDIR/ })
})

test('a secret survives restarts and is for its owner only', t => {
  const file = path.join(t.context as string, 'key')
  const first = secretFile(file, 32)
  t.is(first.length, 32)
  t.deepEqual(secretFile(file, 32), first)
  t.is(fs.statSync(file).mode & 0o777, 0o600)
})
