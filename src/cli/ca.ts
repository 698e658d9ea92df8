import fs from 'node:fs'
import path from 'node:path'
import { backupCa } from '../../ca/backup.ts'
import { createCa, hasCa, loadOrCreateCa } from '../../ca/create.ts'
import { CA_FORMATS, exportCa } from '../../ca/export.ts'
import { importCa, needsPassphrase } from '../../ca/import.ts'
import { readCas } from '../../ca/load.ts'
import { checkNewPassphrase, configuredPassphrase } from '../../ca/passphrase.ts'
import { reprotect } from '../../ca/reprotect.ts'
import { cancelRotation, finishRotation, startRotation } from '../../ca/rotate.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { UserError } from '../core/errors.ts'
import { runningPid } from '../supervisor/state-dir.ts'
import { caReport } from './ca-report.ts'
import { type Command, configFile, onlyWords, readOptions, UsageError } from './options.ts'
import { askPassphrase, namedPassphrase, PASSPHRASE_OPTIONS } from './passphrase.ts'

const OPTIONS = {
  ...PASSPHRASE_OPTIONS,
  'key-passphrase-file': { type: 'string' },
  'key-passphrase-env': { type: 'string' },
  format: { type: 'string', default: 'pem' },
  out: { type: 'string' },
  key: { type: 'string' },
  next: { type: 'boolean', default: false },
  cross: { type: 'boolean', default: false },
  finish: { type: 'boolean', default: false },
  cancel: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof readOptions<typeof OPTIONS>>['values']

/** One run of `weir ca …`. */
interface Run {
  config: Config
  dir: string
  values: Values
  /** The words after the verb. */
  words: string[]
}

const VERBS: Record<string, { words: number; run(run: Run): void | Promise<void> }> = {
  show: { words: 0, run: show },
  export: { words: 0, run: writeExport },
  create: { words: 0, run: create },
  import: { words: 16, run: bringIn },
  backup: { words: 1, run: backup },
  encrypt: { words: 0, run: encrypt },
  decrypt: { words: 0, run: decrypt },
  rotate: { words: 0, run: rotate },
}

export const ca: Command = {
  word: 'ca',
  usage: `ca show | ca export --format ${CA_FORMATS.join('|')} [--next] [--out FILE]
  weir ca create | ca import FILE... [--key FILE] [--next] | ca backup FILE
  weir ca encrypt | ca decrypt | ca rotate [--cross] | ca rotate --finish | ca rotate --cancel`,
  does: `the certificate authority: its public side (made on first use), where it comes from, how its key is kept
      passphrases: --passphrase-file FILE or --passphrase-env NAME (what is imported or written),
      --key-passphrase-file or --key-passphrase-env (the key in use), else the configured one, else asked`,
  async run(argv) {
    const { values, positionals } = readOptions(argv, OPTIONS)
    const [word = '', ...words] = positionals
    const verb = Object.hasOwn(VERBS, word) ? VERBS[word] : undefined
    if (verb === undefined) throw new UsageError(`say "ca" and one of ${Object.keys(VERBS).join(', ')}.`)
    onlyWords(words, verb.words)
    const config = loadConfig(configFile(values.config))
    await verb.run({ config, dir: path.join(config.stateDir, 'ca'), values, words })
    return 0
  },
}

function show({ config, dir }: Run): void {
  ensureCa(config, dir)
  process.stdout.write(caReport(readCas(dir), path.join(dir, 'ca.pem')))
}

function writeExport({ config, dir, values }: Run): void {
  const format = CA_FORMATS.find(candidate => candidate === values.format)
  if (format === undefined)
    throw new UsageError(`"${values.format}" is no format; choose one of ${CA_FORMATS.join(', ')}.`)
  ensureCa(config, dir)
  const { current, next } = readCas(dir)
  if (values.next && next === null) throw new UserError('No next CA is being rolled out.')
  const { bytes } = exportCa(values.next ? next! : current, format)
  if (values.out === undefined) process.stdout.write(bytes)
  else writeOut(values.out, bytes)
}

function writeOut(file: string, bytes: Buffer): void {
  try {
    fs.writeFileSync(file, bytes)
  } catch (error) {
    throw new UserError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code}).`)
  }
}

/** Made on first use, like at the first start; the key of one that is there stays locked. */
function ensureCa(config: Config, dir: string): void {
  if (!hasCa(dir)) loadOrCreateCa(dir, config.tls.ca)
}

async function create(run: Run): Promise<void> {
  const { config, dir } = run
  const passphrases = given(run)
  passphrases.forEach(checkNewPassphrase)
  if (hasCa(dir) || !createCa(dir, { ...config.tls.ca, passphrases }))
    throw new UserError(`${dir} already holds a CA. "weir ca rotate" makes another one and rolls it out beside it.`)
  done(run, 'Made.')
}

async function bringIn(run: Run): Promise<void> {
  const { config, dir, values, words } = run
  const names = values.key === undefined ? words : [...words, values.key]
  if (words.length === 0) throw new UsageError('name the files with the certificates and the key.')
  if (!values.next && hasCa(dir))
    throw new UserError(`${dir} already holds a CA. Import with --next to roll this one out beside it.`)
  const files = names.map(name => ({ name, bytes: readImport(name) }))
  const passphrase = needsPassphrase(files)
    ? (given(run)[0] ?? (await askPassphrase('Passphrase of the files to import')))
    : null
  importCa(dir, files, passphrase, { passphraseFile: config.tls.ca.passphraseFile, asNext: values.next })
  done(run, 'Imported. The files it came from hold the key as well: keep them away from here.')
}

async function backup(run: Run): Promise<void> {
  const { dir, words } = run
  const [file] = words
  if (file === undefined) throw new UsageError('name the file to write; with the ending .pem it is PEM, else PKCS#12.')
  const opened = await opening(run, false)
  const passphrase = given(run)[0] ?? (await askPassphrase('Passphrase for the backup', true))
  backupCa(dir, file, passphrase, opened)
  process.stdout.write(
    `${file} holds the CA with its key. Whoever has it and the passphrase can read intercepted traffic.\n`,
  )
}

async function encrypt(run: Run): Promise<void> {
  const { config, dir } = run
  const opened = await opening(run, false)
  const passphrase =
    given(run)[0] ??
    configuredPassphrase(config.tls.ca.passphraseFile) ??
    (await askPassphrase('New passphrase of the CA key', true))
  checkNewPassphrase(passphrase)
  // First the new one: cut short, an earlier run may have changed one of two keys already.
  reprotect(dir, passphrase, { ...opened, passphrases: [passphrase, ...(opened.passphrases ?? [])] })
  done(run, 'Encrypted. Weir needs tls.ca.passphraseFile or the credential weir-ca-passphrase to start from now on.')
}

async function decrypt(run: Run): Promise<void> {
  reprotect(run.dir, null, await opening(run, true))
  done(run, 'The key is no longer encrypted; unset tls.ca.passphraseFile.')
}

async function rotate(run: Run): Promise<void> {
  const { config, dir, values } = run
  if (Number(values.finish) + Number(values.cancel) + Number(values.cross) > 1)
    throw new UsageError('--cross, --finish and --cancel exclude each other.')
  if (values.cancel) {
    cancelRotation(dir)
    return done(run, 'The next CA is dropped. Take its certificate off the devices that already have it.')
  }
  if (values.finish) {
    finishRotation(dir, await opening(run, true))
    return done(run, 'The next CA signs from now on. The key of the old one is destroyed.')
  }
  const overlap = startRotation(dir, { ...config.tls.ca, ...(await opening(run, true)), cross: values.cross })
  const crossed = overlap.oldDevices
    ? 'The two certify each other: devices that have only one of them accept both.\n'
    : overlap.newDevices
      ? 'The next one certifies the current one, so devices need only the next. The current one may certify no CA (its path length is 0): devices that have only it will refuse the next.\n'
      : ''
  done(
    run,
    `The next CA is made. Install it on every device, then run "weir ca rotate --finish".\n${crossed}`.trimEnd(),
  )
}

/**
 * What opens the key: options (`--passphrase-…` too, where the command has no other use for it), else the configuration,
 * else the terminal when the key is encrypted.
 */
async function opening(
  run: Run,
  plainOptions: boolean,
): Promise<{ passphrases?: string[]; passphraseFile: string | null }> {
  const { config, dir, values } = run
  const { passphraseFile } = config.tls.ca
  const named = namedPassphrase(values['key-passphrase-file'], values['key-passphrase-env'])
  const passphrases = [...(named === null ? [] : [named]), ...(plainOptions ? given(run) : [])]
  if (passphrases.length > 0) return { passphrases, passphraseFile }
  if (!readCas(dir).encrypted || configuredPassphrase(passphraseFile) !== null) return { passphraseFile }
  return { passphrases: [await askPassphrase('Passphrase of the CA key')], passphraseFile }
}

function given({ values }: Run): string[] {
  const named = namedPassphrase(values['passphrase-file'], values['passphrase-env'])
  return named === null ? [] : [named]
}

const MAX_IMPORT = 1 << 20

function readImport(name: string): Buffer {
  try {
    if (fs.statSync(name).size > MAX_IMPORT) throw new UserError(`${name} is too large for certificates and a key.`)
    return fs.readFileSync(name)
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`${name} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}

function done({ config, dir }: Run, text: string): void {
  process.stdout.write(`${text}\n${caReport(readCas(dir), path.join(dir, 'ca.pem'))}`)
  const pid = runningPid(config.stateDir)
  if (pid === null) return
  process.kill(pid, 'SIGHUP')
  process.stdout.write(`process ${pid} was told to read it.\n`)
}
