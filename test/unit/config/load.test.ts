import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { checkConfig, loadConfig } from '../../../src/config/load.ts'
import { parseListen } from '../../../src/config/schema.ts'
import { UserError } from '../../../src/core/errors.ts'

function withFile<T>(text: string, use: (file: string, dir: string) => T): T {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-config-'))
  const file = path.join(dir, 'weir.yaml')
  fs.writeFileSync(file, text)
  try {
    return use(file, dir)
  } finally {
    fs.rmSync(dir, { recursive: true })
  }
}

test('an empty file runs on the defaults', t => {
  withFile('', file => {
    const config = loadConfig(file)
    t.is(config.listen.tproxy, 3129)
    t.deepEqual(config.intercept.ports, [80, 443])
    t.is(config.tls.tier, 'inspect')
    t.deepEqual(config, loadConfig(null))
  })
})

test('every mistake at once, with the line and the nearest right key', t => {
  withFile(
    'listen:\n  tproxi: 1\n  admin: localhost\nworkers: many\ncahce: {}\ntls: { originRoots: [nope.pem] }\n',
    file => {
      const error = t.throws(() => loadConfig(file), { instanceOf: UserError })
      const lines = error!.message.split('\n')
      t.true(lines.some(line => line.startsWith(`${file}:2: listen.tproxi: unknown key. Did you mean "tproxy"?`)))
      t.true(lines.some(line => line.startsWith(`${file}:3: listen.admin: `)))
      t.true(lines.some(line => line.startsWith(`${file}:4: workers: `)))
      t.true(lines.some(line => line.startsWith(`${file}:5: cahce: unknown key. Did you mean "cache"?`)))
    },
  )
})

test('files it names must be readable, and are told with their line', t => {
  withFile('tls:\n  originRoots:\n    - nope.pem\npolicy: p.yaml\n', file => {
    const { config, problems } = checkConfig(file)
    t.is(config, null)
    t.deepEqual(
      problems.map(problem => [problem.line, problem.key]),
      [
        [3, 'tls.originRoots[0]'],
        [4, 'policy'],
      ],
    )
  })
})

test('relative paths are relative to the file', t => {
  withFile('stateDir: state\n', (file, dir) => t.is(loadConfig(file).stateDir, path.join(dir, 'state')))
})

test('a file that is not there is one clear sentence', t => {
  const error = t.throws(() => loadConfig('/nowhere/weir.yaml'), { instanceOf: UserError })
  t.regex(error!.message, /cannot be read: ENOENT/)
})

test('listen addresses', t => {
  t.deepEqual(parseListen('127.0.0.1:8080'), { host: '127.0.0.1', port: 8080 })
  t.deepEqual(parseListen('[::1]:80'), { host: '::1', port: 80 })
  for (const bad of ['', '8080', 'localhost:80', '1.2.3.4:0', '1.2.3.4:70000', '::1:80', '1.2.3.4:'])
    t.is(parseListen(bad), null, bad)
})
