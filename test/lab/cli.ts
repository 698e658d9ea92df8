import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { attachLab, createLab, type Host, persistentDir, takeDown } from './lab.ts'

const HOSTS: readonly string[] = ['client', 'gateway', 'origin']
const USAGE = 'usage: weir lab up | down | status | exec client|gateway|origin -- COMMAND …'

/** `weir lab …`: one lab, of this name, that stays until `down`. Returns the exit status. */
export async function labCommand(argv: readonly string[], name = 'weir-lab'): Promise<number> {
  const [verb, ...rest] = argv
  if (verb === 'exec') return exec(name, rest)
  if (rest.length > 0 || verb === undefined || !['up', 'down', 'status'].includes(verb)) return usage()
  if (process.getuid?.() !== 0) {
    console.error('weir lab: network namespaces need root; run the command with sudo.')
    return 1
  }
  if (verb === 'up') return up(name)
  if (verb === 'down') return down(name)
  return status(name)
}

async function up(name: string): Promise<number> {
  if (attachLab(name) === null) {
    takeDown(name, persistentDir(name)) // what a crash may have left
    await createLab({ name, persistent: true })
  }
  return status(name)
}

function down(name: string): number {
  takeDown(name, persistentDir(name))
  console.log('weir lab: down')
  return 0
}

function status(name: string): number {
  const lab = attachLab(name)
  if (lab === null) {
    const half = HOSTS.some(host => fs.existsSync(`/run/netns/${name}-${host}`))
    console.log(half ? 'weir lab: half up ("weir lab up" repairs it)' : 'weir lab: down')
    return 1
  }
  console.log('weir lab: up')
  console.log('  client 10.77.1.10, fd77:1::10 — gateway 10.77.1.1 (lan), 203.0.113.1 (wan) — origin 203.0.113.0/24')
  console.log(`  origin CA (tls.originRoots): ${lab.origin.caFile}`)
  console.log(`  names: ${Object.keys(lab.origin.names).join(' ')}`)
  console.log('  try: weir lab exec client -- curl http://www.origin.example/')
  return 0
}

function exec(name: string, [host, dashes, ...command]: readonly string[]): Promise<number> | number {
  const argv = dashes === '--' ? command : dashes === undefined ? [] : [dashes, ...command]
  if (host === undefined || !HOSTS.includes(host) || argv.length === 0) return usage()
  const lab = attachLab(name)
  if (lab === null) {
    console.error('weir lab: the lab is not up; start it with "weir lab up".')
    return 1
  }
  // In the foreground, with this terminal: Ctrl-C belongs to the command.
  const child = spawn('ip', ['netns', 'exec', lab.namespace(host as Host), ...argv], { stdio: 'inherit' })
  const ignore = () => {}
  process.on('SIGINT', ignore)
  return new Promise(resolve => {
    child.once('error', e => {
      console.error(`weir lab: ${e.message}`)
      resolve(1)
    })
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore)
      resolve(code ?? (signal === null ? 1 : 128))
    })
  })
}

function usage(): number {
  console.error(USAGE)
  return 2
}
