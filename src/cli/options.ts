import fs from 'node:fs'
import { type ParseArgsConfig, parseArgs } from 'node:util'

export interface Command {
  word: string
  usage: string
  does: string
  /** Resolves with the exit status; throws UserError (1) or UsageError (2). */
  run(argv: string[]): Promise<number>
}

/** The command line itself is wrong. */
export class UsageError extends Error {
  override name = 'UsageError'
}

const CONFIG_OPTION = { config: { type: 'string', short: 'c' } } as const

/** Parses the options, `--config` always among them. */
export function readOptions<const O extends NonNullable<ParseArgsConfig['options']>>(argv: string[], options: O) {
  try {
    return parseArgs({ args: argv, options: { ...CONFIG_OPTION, ...options }, allowPositionals: true })
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('\n', 1)[0]!}. "weir help" shows the usage.`)
  }
}

const DEFAULT_CONFIG = '/etc/weir/weir.yaml'

/** The file to read; null: there is none, and the defaults are used. */
export function configFile(named: string | undefined): string | null {
  if (named !== undefined) return named
  return fs.existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : null
}

export function onlyWords(positionals: string[], atMost: number): void {
  if (positionals.length > atMost) throw new UsageError(`"${positionals[atMost]}" is one word too many.`)
}
