import { execFile } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'

const WEIR = path.resolve(import.meta.dirname, '../../bin/weir')

interface Ran {
  code: number
  stdout: string
  stderr: string
}

function weir(...args: string[]): Promise<Ran> {
  return new Promise(resolve => {
    execFile(WEIR, args, { timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
    })
  })
}

function folder(t: { teardown(f: () => void): void }): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-start-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }))
  return dir
}

function config(t: { teardown(f: () => void): void }, text: string): string {
  const file = path.join(folder(t), 'weir.yaml')
  fs.writeFileSync(file, text)
  return file
}

const oneSentence = (stderr: string) =>
  stderr
    .trim()
    .split('\n')
    .filter(line => line.startsWith('weir: ')).length === 1 && !/\n\s+at /.test(stderr)

test('a wrong configuration is refused with every mistake', async t => {
  const file = config(t, 'workers: many\nlisten: { tproxi: 1 }\n')
  for (const command of ['check', 'run']) {
    const ran = await weir(command, '--config', file)
    t.is(ran.code, 1)
    t.regex(ran.stderr, /:1: workers: /)
    t.regex(ran.stderr, /:2: listen\.tproxi: unknown key\. Did you mean "tproxy"\?/)
  }
})

test('check also reads the policy it imports', async t => {
  const file = config(t, 'policy: policy.yaml\n')
  fs.writeFileSync(
    path.join(path.dirname(file), 'policy.yaml'),
    'version: 1\nrules:\n  - name: A\n    domain: [x.example]\n    action: block\n',
  )
  const ran = await weir('check', '--config', file)
  t.is(ran.code, 1)
  t.regex(ran.stderr, /policy\.yaml:4: .*domain.*Did you mean "domains"\?/)
})

test('a port in use is one sentence', async t => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as net.AddressInfo
  const ran = await weir('run', '--config', config(t, `stateDir: state\nlisten: { admin: "127.0.0.1:${port}" }\n`))
  t.is(ran.code, 1)
  t.true(oneSentence(ran.stderr), ran.stderr)
  t.regex(ran.stderr, /EADDRINUSE/)
})

test('a CA key that others may read is refused', async t => {
  const file = config(t, 'stateDir: state\n')
  t.is((await weir('ca', 'show', '--config', file)).code, 0)
  fs.chmodSync(path.join(path.dirname(file), 'state/ca/ca.key'), 0o644)
  const ran = await weir('ca', 'show', '--config', file)
  t.is(ran.code, 1)
  t.true(oneSentence(ran.stderr), ran.stderr)
})

test('wrong usage is status 2', async t => {
  for (const args of [
    ['fly'],
    ['rules'],
    ['rules', 'sideways'],
    ['run', '--nope'],
    ['explain', 'https://x.example/'],
    ['ca', 'export', '--format', 'doc'],
  ]) {
    const ran = await weir(...args)
    t.is(ran.code, 2, args.join(' '))
    t.true(oneSentence(ran.stderr), ran.stderr)
  }
})

test('policy import, history, diff, rollback and explain', async t => {
  const file = config(t, 'stateDir: state\n')
  const policy = path.join(path.dirname(file), 'p.yaml')
  const rule = (name: string) =>
    `version: 1\nrules:\n  - name: ${name}\n    domains: [games.example]\n    action: block\n`
  fs.writeFileSync(policy, rule('Games'))
  t.is((await weir('policy', 'import', policy, '--config', file)).code, 0)
  fs.writeFileSync(policy, rule('Play'))
  t.is((await weir('policy', 'import', policy, '--config', file)).code, 0)
  t.regex((await weir('policy', 'diff', '1', '2', '--config', file)).stdout, /- {2}- name: Games\n\+ {2}- name: Play/)
  t.is((await weir('policy', 'rollback', '1', '--config', file)).code, 0)
  t.regex((await weir('policy', 'history', '--config', file)).stdout, /^ {3}3 .*rollback to version 1/m)
  const said = await weir('explain', '--client', '10.0.0.9', 'https://www.games.example/', '--config', file)
  t.regex(said.stdout, /verdict {2}block/)
  t.regex(said.stdout, /rule "Games", line 3/)
  fs.writeFileSync(policy, 'rules: 5\n')
  const bad = await weir('policy', 'import', policy, '--config', file)
  t.is(bad.code, 1)
  t.regex(bad.stderr, /not imported/)
})
