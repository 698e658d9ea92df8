import fs from 'node:fs'
import tty from 'node:tty'
import { passphraseFromEnv, passphraseFromFile } from '../../ca/passphrase.ts'
import { MAX_PASSPHRASE } from '../../ca/protect.ts'
import { UserError } from '../core/errors.ts'

/** Never the passphrase itself: command lines are seen by every user and kept in histories. */
export const PASSPHRASE_OPTIONS = {
  'passphrase-file': { type: 'string' },
  'passphrase-env': { type: 'string' },
} as const

/** What the options name, or null when they name nothing. */
export function namedPassphrase(file: string | undefined, env: string | undefined): string | null {
  if (file !== undefined) return passphraseFromFile(file)
  return env === undefined ? null : passphraseFromEnv(env)
}

/** Asks on the terminal without showing what is typed; `twice` for a new one. Throws UserError where there is no terminal. */
export async function askPassphrase(question: string, twice = false): Promise<string> {
  let fd: number
  try {
    fd = fs.openSync('/dev/tty', 'r+')
  } catch {
    throw new UserError('A passphrase is needed and there is no terminal. Use --passphrase-file or --passphrase-env.')
  }
  const terminal = new tty.ReadStream(fd)
  try {
    // Before the question is shown: who types fast must not see it either.
    terminal.setRawMode(true)
    terminal.setEncoding('utf8')
    const [typed, again] = await readLines(terminal, fd, twice ? [`${question}: `, 'Once more: '] : [`${question}: `])
    if (twice && again !== typed) throw new UserError('The two are not the same. Nothing was changed.')
    return typed!
  } finally {
    terminal.setRawMode(false)
    terminal.destroy()
  }
}

/** One line for each question. In raw mode every key arrives as a character, and what they do is up to us. */
function readLines(terminal: tty.ReadStream, fd: number, questions: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  let typed: string[] = []
  fs.writeSync(fd, questions[0]!)
  return new Promise((resolve, reject) => {
    terminal.on('data', (chunk: string) => {
      for (const char of chunk) {
        if (char === CTRL_C || char === CTRL_D) {
          fs.writeSync(fd, '\n')
          return reject(new UserError('Given up. Nothing was changed.'))
        }
        if (char === '\r' || char === '\n') {
          lines.push(typed.join(''))
          typed = []
          fs.writeSync(fd, `\n${questions[lines.length] ?? ''}`)
          if (lines.length === questions.length) return resolve(lines)
        } else if (char === DELETE || char === '\b') typed.pop()
        else if (char === CTRL_U) typed = []
        else if (char >= ' ' && typed.length < MAX_PASSPHRASE) typed.push(char)
      }
    })
  })
}

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const CTRL_U = '\x15'
const DELETE = '\x7f'
