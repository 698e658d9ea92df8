import fs from 'node:fs'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { formatProblem } from '../core/document.ts'
import { UserError } from '../core/errors.ts'
import { PolicyHistory } from '../policy/history.ts'
import { checkPolicy, policyDir } from '../supervisor/policy-keeper.ts'
import { runningPid } from '../supervisor/state-dir.ts'
import { type Command, configFile, onlyWords, readOptions, UsageError } from './options.ts'

/** Works on the history in the state directory; a running Weir is told to read it again. */
export const policy: Command = {
  word: 'policy',
  usage: 'policy export [N] | import FILE | diff A B | history | rollback N',
  does: 'the whole policy as one readable document, every version of it',
  async run(argv) {
    const { values, positionals } = readOptions(argv, { note: { type: 'string', default: '' } })
    const [word, ...words] = positionals
    const config = loadConfig(configFile(values.config))
    const history = new PolicyHistory(policyDir(config))
    switch (word) {
      case 'export':
        onlyWords(words, 1)
        process.stdout.write(
          words[0] === undefined ? history.currentOrImport(null, 'command').text : history.get(version(words[0])).text,
        )
        return 0
      case 'import':
        onlyWords(words, 1)
        return importFile(config, history, words[0], values.note)
      case 'history':
        onlyWords(words, 0)
        for (const { n, time, who, note } of history.list()) {
          process.stdout.write(`${String(n).padStart(4)}  ${new Date(time).toISOString()}  ${who}  ${note}\n`)
        }
        return 0
      case 'diff':
        onlyWords(words, 2)
        process.stdout.write(history.diff(version(words[0]), version(words[1])))
        return 0
      case 'rollback': {
        onlyWords(words, 1)
        const back = history.rollback(version(words[0]), 'command')
        process.stdout.write(`the current policy is now version ${back.n}\n${tellRunning(config)}`)
        return 0
      }
      default:
        throw new UsageError('say "policy export", "import FILE", "diff A B", "history" or "rollback N".')
    }
  },
}

function importFile(config: Config, history: PolicyHistory, file: string | undefined, note: string): number {
  if (file === undefined) throw new UsageError('name the document: "policy import FILE", or - for standard input.')
  let text: string
  try {
    text = fs.readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}.`)
  }
  const problems = checkPolicy(config, text)
  if (problems.length > 0)
    throw new UserError(`not imported:\n${problems.map(problem => formatProblem(file, problem)).join('\n')}`)
  const { n } = history.import(text, 'command', note)
  process.stdout.write(`the current policy is now version ${n}\n${tellRunning(config)}`)
  return 0
}

function tellRunning(config: Config): string {
  const pid = runningPid(config.stateDir)
  if (pid === null) return 'Weir does not run on this state directory; it takes effect at the next start.\n'
  process.kill(pid, 'SIGHUP')
  return `process ${pid} was told to read it.\n`
}

function version(word: string | undefined): number {
  if (word === undefined || !/^\d{1,9}$/.test(word))
    throw new UsageError('name a version by its number; "policy history" lists them.')
  return Number(word)
}
