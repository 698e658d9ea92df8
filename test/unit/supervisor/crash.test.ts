import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'

const MODULE = new URL('../../../src/supervisor/crash.ts', import.meta.url).href

async function run(source: string): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', `import { guardCrash } from ${JSON.stringify(MODULE)}\n${source}`],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  let stdout = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout }
}

test('the last act is done before it ends, also for a promise nobody waited for', async t => {
  for (const mistake of ['throw new Error("oops")', 'Promise.reject(new Error("oops"))']) {
    const source = `guardCrash(error => console.log('last act', error.message)); setTimeout(() => { ${mistake} })`
    t.deepEqual(await run(source), { code: 1, stdout: 'last act oops\n' })
  }
})

test('a last act that fails itself ends it too', async t => {
  t.is(
    (await run(`guardCrash(() => { throw new Error('twice') }); setTimeout(() => { throw new Error('once') })`)).code,
    1,
  )
})

test('output that nobody reads is no crash', async t => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { guardCrash } from ${JSON.stringify(MODULE)}
       guardCrash(() => {})
       process.on('SIGTERM', () => { process.stdout.write('x'); setTimeout(() => process.exit(7), 100) })
       process.stdout.write('ready')
       setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  await once(child.stdout, 'data')
  child.stdout.destroy()
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number | null]
  t.is(code, 7)
})
