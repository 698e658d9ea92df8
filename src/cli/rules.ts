import { loadConfig } from '../config/load.ts'
import { applyRules, removeRules, rulesState, showRules } from '../os/rules.ts'
import { rulesConfig } from '../supervisor/rules-config.ts'
import { type Command, configFile, onlyWords, readOptions, UsageError } from './options.ts'

export const rules: Command = {
  word: 'rules',
  usage: 'rules apply|remove|show --config FILE',
  does: 'the kernel rules for this configuration, IPv4 and IPv6; each may be repeated without harm',
  async run(argv) {
    const { values, positionals } = readOptions(argv, {})
    onlyWords(positionals, 1)
    const config = rulesConfig(loadConfig(configFile(values.config)))
    switch (positionals[0]) {
      case 'apply':
        applyRules(config)
        process.stdout.write('rules applied\n')
        return 0
      case 'remove':
        removeRules(config)
        process.stdout.write('rules removed\n')
        return 0
      case 'show':
        process.stdout.write(`${showRules(config)}\n# now: ${rulesState(config)}\n`)
        return 0
      default:
        throw new UsageError('say "rules apply", "rules remove" or "rules show".')
    }
  },
}
