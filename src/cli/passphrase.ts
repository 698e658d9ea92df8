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
    const typed = await readLine(terminal, fd, `${question}: `)
    if (twice && (await readLine(terminal, fd, 'Once more: ')) !== typed)
      throw new UserError('The two are not the same. Nothing was changed.')
    return typed
  } finally {
    terminal.setRawMode(false)
    terminal.destroy()
  }
}

function readLine(terminal: tty.ReadStream, fd: number, question: string): Promise<string> {
  fs.writeSync(fd, question)
  terminal.setRawMode(true)
  return new Promise((resolve, reject) => {
    let typed: string[] = []
    const end = (give: () => void) => {
      terminal.off('data', onData)
      terminal.pause()
      fs.writeSync(fd, '\n')
      give()
    }
    const onData = (chunk: Buffer) => {
      for (const char of chunk.toString('utf8')) {
        if (char === '\r' || char === '\n') return end(() => resolve(typed.join('')))
        // Ctrl-C, Ctrl-D: in raw mode they arrive as characters.
        if (char === '\x03' || char === '\x04')
          return end(() => reject(new UserError('Given up. Nothing was changed.')))
        if (char === '\x7f' || char === '\b') typed.pop()
        else if (char === '\x15') typed = []
        else if (char >= ' ' && typed.length < MAX_PASSPHRASE) typed.push(char)
      }
    }
    terminal.on('data', onData)
    terminal.resume()
  })
}
