import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { UserError } from '../src/core/errors.ts'
import { createLab } from '../test/lab/lab.ts'
import { Bench } from './bench.ts'
import { allowedCores, Gateway, pinProcess } from './gateway.ts'
import type { Product, Subject } from './products.ts'
import { folderName, functionName, hotSpots, workerProfile } from './profile.ts'
import { COLUMNS, cells, figure, markdownTable, plainTable, type RowResult, type Sample, summarise } from './report.ts'
import { ROWS, type Row, type Size, visitNames } from './rows.ts'
import { startSite } from './site.ts'
import { startSquid } from './squid.ts'
import { startWeir } from './weir.ts'

/**
 * `npm run bench`: the same work through Weir and Squid, and through nothing, in the same lab, in turn. The product has
 * one core, client and origin the others. What counts is work per CPU second of the product: a busy machine makes a run
 * longer and hardly worse.
 */
const USAGE = `npm run bench -- [--quick] [--only ROW]… [--subject weir|squid|direct]… [--out FILE.md] [--profile]
rows: ${[...ROWS.map(row => row.key), 'idle'].join(' ')}
`
const FULL: Size = { rounds: 2, runS: 2, cpuS: 2, limitS: 8, warmS: 1.5, visits: 1000, bulkFiles: 8, idle: 5000 }
const QUICK: Size = { rounds: 1, runS: 1, cpuS: 0.7, limitS: 4, warmS: 1, visits: 1000, bulkFiles: 2, idle: 1000 }
/** Two ends of 5,000 connections in one process, and what else it needs. Root may raise the limit nearly everywhere, lower it everywhere. */
const OPEN_FILES = 16_384

/** By Ctrl-C: nothing that fails from then on is of interest. */
let interrupted = false

interface Options {
  readonly size: Size
  readonly wanted: (key: string) => boolean
  readonly subjects: readonly Subject[]
  readonly out: string | null
  readonly profileDir: string | null
}

interface Results {
  readonly rows: RowResult[]
  readonly idle: string[][]
  readonly errors: string[]
}

async function main(): Promise<number> {
  const options = readOptions()
  if (process.getuid?.() !== 0)
    throw new UserError('the lab makes network namespaces: run the benchmark as root (sudo).')
  const cores = allowedCores()
  if (cores.length < 2)
    throw new UserError('the benchmark needs two cores: one for the gateway, one for client and origin.')
  const [gatewayCore = 0, ...others] = cores
  const began = Date.now()
  // Everything started from here inherits both
  pinProcess(process.pid, others)
  execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${OPEN_FILES}:${OPEN_FILES}`])

  const lab = await createLab({ origin: false })
  fs.chmodSync(lab.dir, 0o755)
  const interrupt = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        interrupted = true
        reject(new UserError('interrupted'))
      })
    }
  })
  try {
    const results = await Promise.race([interrupt, runAll(lab, options, gatewayCore)])
    const report = `${render(results, plainTable)}\n`
    process.stdout.write(report)
    if (options.profileDir !== null) printHotSpots(options.profileDir)
    progress(`${Math.round((Date.now() - began) / 1000)} s`)
    if (options.out !== null) fs.writeFileSync(options.out, `${about(began)}\n\n${render(results, markdownTable)}\n`)
    return results.errors.length === 0 ? 0 : 1
  } finally {
    await lab.close()
    if (interrupted) process.exit(130) // what still waits for the lab would wait for nothing
  }
}

async function runAll(
  lab: Awaited<ReturnType<typeof createLab>>,
  options: Options,
  gatewayCore: number,
): Promise<Results> {
  const { size, wanted, subjects } = options
  const site = await startSite(lab, visitNames(size))
  const bench = new Bench({
    lab,
    site,
    gateway: new Gateway(lab),
    size,
    gatewayCore,
    start: { weir: () => startWeir(lab, site, options.profileDir), squid: () => startSquid(lab, site) },
  })
  const results: Results = { rows: [], idle: [], errors: [] }
  try {
    for (const row of ROWS.filter(each => wanted(each.key)))
      results.rows.push(await runRow(bench, row, options, results))
    if (wanted('idle')) {
      for (const name of ['weir', 'squid'] as const) if (subjects.includes(name)) await runIdle(bench, name, results)
    }
  } finally {
    await bench.end()
  }
  return results
}

async function runRow(bench: Bench, row: Row, { size, subjects }: Options, results: Results): Promise<RowResult> {
  const turn = row.subjects.filter(subject => subjects.includes(subject))
  const samples = new Map<Subject, Sample[]>(turn.map(subject => [subject, []]))
  for (let round = 0; round < size.rounds; round++) {
    // The other way round each time: who comes first has no lasting advantage
    for (const subject of round % 2 === 0 ? turn : turn.toReversed()) {
      const soFar = samples.get(subject)!
      if (soFar.some(sample => sample.errors.length > 0)) continue
      const sample = await bench.measure(row, subject, round).catch((error: Error) => failed(error))
      soFar.push(sample)
      const { perCpuS, perWallS, busy, errors } = summarise([sample])
      for (const error of errors) results.errors.push(`${row.key}, ${subject}: ${error}`)
      const speed =
        perCpuS === null ? '' : `${figure(perCpuS)} ${row.unit} per CPU s, core ${Math.round(busy * 100)} %, `
      progress(`${row.key} ${subject}: ${errors.length > 0 ? errors.join('; ') : `${speed}${figure(perWallS)} per s`}`)
    }
  }
  return { title: row.title, unit: row.unit, samples }
}

async function runIdle(bench: Bench, name: Product['name'], results: Results): Promise<void> {
  const cost = await bench
    .idle(name)
    .catch((error: Error) => ({ connections: 0, rssKib: 0, pssKib: 0, errors: [error.message] }))
  for (const error of cost.errors) results.errors.push(`idle, ${name}: ${error}`)
  const value = (kib: number) => (cost.errors.length > 0 ? 'failed' : `${kib.toFixed(1)} KiB`)
  results.idle.push([name, String(cost.connections), value(cost.rssKib), value(cost.pssKib)])
  progress(`idle ${name}: ${cost.errors.join('; ') || value(cost.pssKib)}`)
}

function failed(error: Error): Sample {
  return { work: 0, wallMs: 0, cpu: null, remark: '', errors: [error.message.split('\n')[0]!] }
}

function render({ rows, idle, errors }: Results, table: typeof plainTable): string {
  const parts: string[] = []
  if (rows.length > 0)
    parts.push(
      'Per CPU second of the gateway; beside it per second of the clock (share of the core used).',
      table(COLUMNS, rows.map(cells)),
    )
  if (idle.length > 0)
    parts.push(
      'Memory per idle decrypted connection, all processes:',
      table(['product', 'connections', 'RSS', 'PSS'], idle),
    )
  if (errors.length > 0) parts.push(`Not measured:\n${errors.map(error => `- ${error}`).join('\n')}`)
  return parts.join('\n\n')
}

/** Where the figures come from. */
function about(began: number): string {
  const version = (command: string, args: string[], pattern: RegExp) => {
    const text = execFileSync('sh', ['-c', `${[command, ...args].join(' ')} 2>&1`], { encoding: 'utf8' })
    return pattern.exec(text)?.[1] ?? '?'
  }
  const args = process.argv.slice(2).filter((arg, i, all) => !arg.startsWith('--out') && all[i - 1] !== '--out')
  const lines = [
    new Date(began).toISOString().slice(0, 10),
    `${os.cpus()[0]?.model.trim()}, ${os.cpus().length} cores, Linux ${os.release()}`,
    `Weir ${version('git', ['rev-parse', '--short', 'HEAD'], /(\w+)/)} on Node ${process.versions.node} (OpenSSL ${process.versions.openssl})`,
    `Squid ${version('squid', ['-v'], /Version (\S+)/)} (OpenSSL ${version('openssl', ['version'], /OpenSSL (\S+)/)}), nginx ${version('nginx', ['-v'], /nginx\/(\S+)/)}, ${version('h2load', ['--version'], /(nghttp2\/\S+)/)}`,
    `\`npm run bench${args.length > 0 ? ` -- ${args.join(' ')}` : ''}\`, ${Math.round((Date.now() - began) / 1000)} s`,
  ]
  return lines.map(line => `- ${line}`).join('\n')
}

function printHotSpots(dir: string): void {
  const profile = workerProfile(dir)
  if (profile === null) {
    progress(`no worker profile in ${dir}`)
    return
  }
  const list = (nameOf: typeof functionName, count: number) =>
    hotSpots(profile, count, nameOf)
      .map(({ name, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${name}`)
      .join('\n')
  process.stdout.write(`
Weir's worker, time by function without what it calls (profiles in ${dir}):
${list(functionName, 15)}

by folder:
${list(folderName, 12)}
`)
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      subject: { type: 'string', multiple: true, default: [] },
      out: { type: 'string' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const keys = [...ROWS.map(row => row.key), 'idle']
  const wrong = values.only.find(key => !keys.includes(key))
  if (values.help || wrong !== undefined)
    throw new UserError(`${wrong === undefined ? '' : `no row "${wrong}"\n`}${USAGE}`)
  const subjects = (['weir', 'squid', 'direct'] as const).filter(
    each => values.subject.length === 0 || values.subject.includes(each),
  )
  return {
    size: values.quick ? QUICK : FULL,
    wanted: key => values.only.length === 0 || values.only.includes(key),
    subjects,
    out: values.out ?? null,
    profileDir: values.profile ? newProfileDir() : null,
  }
}

/** Weir's processes have given up root when they write their profiles. */
function newProfileDir(): string {
  const dir = path.join(import.meta.dirname, 'profiles', new Date().toISOString().replace(/[:.]/g, '-'))
  fs.mkdirSync(dir, { recursive: true })
  fs.chmodSync(dir, 0o777)
  return dir
}

function progress(text: string): void {
  if (!interrupted) process.stderr.write(`bench: ${text}\n`)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof UserError)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = 1
}
