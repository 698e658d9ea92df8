import fs from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { formatProblem, type KnownKeys, type Problem, readDocument } from '../core/document.ts'
import { UserError } from '../core/errors.ts'
import { type Config, configSchema } from './schema.ts'

/** Larger than any hand-written file, small enough to parse in milliseconds. */
const MAX_CONFIG_BYTES = 1 << 20

/** Reads `weir.yaml`; null: the defaults. Throws one UserError that lists every mistake with line, key and advice. */
export function loadConfig(file: string | null): Config {
  if (file === null) return configSchema.parse({})
  const { config, problems } = checkConfig(file)
  if (config === null) throw new UserError(problems.map(problem => formatProblem(file, problem)).join('\n'))
  return config
}

/** The same without throwing on mistakes; files it names are looked at too. Throws UserError when it cannot be read. */
export function checkConfig(file: string): { config: Config | null; problems: Problem[] } {
  const { value, problems, lineAt } = readDocument(readText(file), configSchema, knownKeys)
  if (value === null) return { config: null, problems }
  const config = absolutePaths(value, path.dirname(path.resolve(file)))
  for (const [at, named] of namedFiles(config)) {
    const why = unreadable(named)
    if (why !== null) problems.push({ line: lineAt(at), key: keyOf(at), message: why })
  }
  return { config: problems.length === 0 ? config : null, problems }
}

function readText(file: string): string {
  try {
    if (fs.statSync(file).size > MAX_CONFIG_BYTES)
      throw new UserError(`${file} is larger than 1 MiB: this is no weir.yaml.`)
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      `${file} cannot be read: ${(error as NodeJS.ErrnoException).code}. Name the file with --config FILE.`,
    )
  }
}

function absolutePaths(config: Config, base: string): Config {
  return {
    ...config,
    stateDir: path.resolve(base, config.stateDir),
    policy: absolute(base, config.policy),
    tls: {
      ...config.tls,
      originRoots: config.tls.originRoots.map(file => path.resolve(base, file)),
      revocationLists: config.tls.revocationLists.map(file => path.resolve(base, file)),
      clientCertificates: config.tls.clientCertificates.map(({ host, cert, key }) => ({
        host,
        cert: path.resolve(base, cert),
        key: path.resolve(base, key),
      })),
      ca: { ...config.tls.ca, passphraseFile: absolute(base, config.tls.ca.passphraseFile) },
    },
  }
}

/** Every file the document names, with its place in it. */
function* namedFiles({ tls, policy }: Config): Generator<[(string | number)[], string]> {
  for (const [i, file] of tls.originRoots.entries()) yield [['tls', 'originRoots', i], file]
  for (const [i, file] of tls.revocationLists.entries()) yield [['tls', 'revocationLists', i], file]
  for (const [i, { cert, key }] of tls.clientCertificates.entries()) {
    yield [['tls', 'clientCertificates', i, 'cert'], cert]
    yield [['tls', 'clientCertificates', i, 'key'], key]
  }
  if (tls.ca.passphraseFile !== null) yield [['tls', 'ca', 'passphraseFile'], tls.ca.passphraseFile]
  if (policy !== null) yield [['policy'], policy]
}

/** `tls.originRoots[0]` */
function keyOf(at: readonly (string | number)[]): string {
  return at
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1)
}

function absolute(base: string, file: string | null): string | null {
  return file === null ? null : path.resolve(base, file)
}

function unreadable(file: string): string | null {
  try {
    fs.accessSync(file, fs.constants.R_OK)
    return null
  } catch (error) {
    return `${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`
  }
}

/** Walks the schema, so that the list of known keys cannot differ from what is accepted. */
const knownKeys: KnownKeys = at => {
  let schema: z.ZodType = configSchema
  for (const part of at) {
    schema = unwrap(schema)
    const next = schema instanceof z.ZodObject ? schema.shape[String(part)] : undefined
    if (next === undefined) return []
    schema = next as z.ZodType
  }
  schema = unwrap(schema)
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
}

function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema
  while (inner instanceof z.ZodPrefault || inner instanceof z.ZodDefault) inner = inner.unwrap() as z.ZodType
  return inner
}
