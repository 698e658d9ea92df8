import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/**
 * Runs ava on all tests (or on the files named) and ends with one line: `N passed, N failed[, N skipped]`.
 * TAP is read as it comes: a failure is printed at once with its diagnosis.
 */
const child = spawn(process.execPath, ['node_modules/ava/entrypoints/cli.js', '--tap', ...process.argv.slice(2)], {
  stdio: ['ignore', 'pipe', 'inherit'],
})

let passed = 0
let failed = 0
let skipped = 0
let inDiagnosis = false

createInterface({ input: child.stdout }).on('line', line => {
  const result = /^(not )?ok \d+(.*)$/.exec(line)
  if (result === null) {
    // The indented block after a failure, and whatever tests print themselves
    if (inDiagnosis || !/^(TAP version|1\.\.|#|\s*$)/.test(line)) process.stdout.write(`${line}\n`)
    return
  }
  const [, not, rest = ''] = result
  inDiagnosis = not !== undefined
  if (/# (SKIP|TODO)/i.test(rest)) {
    skipped++
    process.stdout.write(`skipped${rest}\n`)
  } else if (not === undefined) {
    passed++
  } else {
    failed++
    process.stdout.write(`FAILED${rest}\n`)
  }
})

const code = await new Promise<number>(resolve => {
  child.on('close', (status, signal) => resolve(signal === null ? (status ?? 1) : 1))
})
if (passed + failed === 0) process.stdout.write('no test was run\n')
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
process.exitCode = code !== 0 || passed === 0 ? 1 : 0
