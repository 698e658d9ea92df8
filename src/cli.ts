import { ca } from './cli/ca.ts'
import { check } from './cli/check.ts'
import { doctor } from './cli/doctor.ts'
import { explain } from './cli/explain.ts'
import { lab } from './cli/lab.ts'
import { type Command, UsageError } from './cli/options.ts'
import { policy } from './cli/policy.ts'
import { rules } from './cli/rules.ts'
import { run } from './cli/run.ts'
import { UserError } from './core/errors.ts'
import { VERSION } from './version.ts'

/** The words after `weir`, in the order of the help. */
const COMMANDS: readonly Command[] = [run, check, rules, ca, policy, explain, doctor, lab]

const HELP = `weir ${VERSION}: a transparent intercepting proxy

${COMMANDS.map(command => `  weir ${command.usage}\n      ${command.does}`).join('\n')}

Without --config, /etc/weir/weir.yaml is read if it is there, else the defaults are used.
Exit status: 0 done, 1 refused or failed, 2 wrong usage.
`

async function main(argv: string[]): Promise<number> {
  const [word = 'help', ...rest] = argv
  if (word === 'help' || word === '--help' || word === '-h') {
    process.stdout.write(HELP)
    return 0
  }
  if (word === '--version' || word === 'version') {
    process.stdout.write(`weir ${VERSION}\n`)
    return 0
  }
  const command = COMMANDS.find(candidate => candidate.word === word)
  if (command === undefined) throw new UsageError(`"${word}" is no command of weir; "weir help" lists them.`)
  return command.run(rest)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof UserError || error instanceof UsageError)) throw error
  process.stderr.write(`weir: ${error.message}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
