import fs from 'node:fs'
import { checkConfig } from '../config/load.ts'
import { formatProblem } from '../core/document.ts'
import { UserError } from '../core/errors.ts'
import { trustFaults } from '../supervisor/origin-trust.ts'
import { checkPolicy } from '../supervisor/policy-keeper.ts'
import { type Command, configFile, onlyWords, readOptions } from './options.ts'

/** Every mistake of the configuration, and of the policy document it names, at once. */
export const check: Command = {
  word: 'check',
  usage: 'check --config FILE',
  does: 'names every mistake in the configuration and the policy it imports',
  async run(argv) {
    const { values, positionals } = readOptions(argv, {})
    onlyWords(positionals, 0)
    const file = configFile(values.config)
    if (file === null) throw new UserError('there is no configuration to check; name it with --config FILE.')
    const { config, problems } = checkConfig(file)
    const lines = problems.map(problem => formatProblem(file, problem))
    if (config !== null) lines.push(...trustFaults(config))
    if (config?.policy) {
      const policyFile = config.policy
      const text = fs.readFileSync(policyFile, 'utf8')
      lines.push(...checkPolicy(config, text).map(problem => formatProblem(policyFile, problem)))
    }
    if (lines.length === 0) {
      process.stdout.write(`${file}: no mistakes\n`)
      return 0
    }
    process.stderr.write(`${lines.join('\n')}\n${lines.length === 1 ? '1 mistake' : `${lines.length} mistakes`}\n`)
    return 1
  },
}
