import { execFileSync } from 'node:child_process'
import test from 'ava'

const asRoot = process.getuid?.() === 0 ? test : test.skip
const MODULE = new URL('../../../src/os/privileges.ts', import.meta.url).href

/** Drops in a process of its own and answers what the kernel then says of it. */
function dropped(keepNetRaw: boolean): string {
  const source = `
    import fs from 'node:fs'
    const { dropPrivileges } = await import(${JSON.stringify(MODULE)})
    dropPrivileges({ uid: 65534, gid: 65534, keepNetRaw: ${keepNetRaw} })
    let back = 'no'
    try { process.setuid(0); back = 'yes' } catch {}
    console.log(fs.readFileSync('/proc/thread-self/status', 'utf8') + 'Back: ' + back)`
  return execFileSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' })
}

asRoot('nothing of root is left, and there is no way back', t => {
  const status = dropped(false)
  t.regex(status, /Uid:\t65534\t65534\t65534\t65534/)
  t.regex(status, /Gid:\t65534\t65534\t65534\t65534/)
  t.regex(status, /Groups:\t\s*\n/)
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) t.regex(status, new RegExp(`${set}:\t0{16}\n`))
  t.regex(status, /NoNewPrivs:\t1/)
  t.regex(status, /Back: no/)
})

asRoot('the one capability that keeping client addresses needs, when asked', t => {
  const status = dropped(true)
  t.regex(status, /CapEff:\t0000000000002000/)
  t.regex(status, /CapBnd:\t0000000000002000/)
})
