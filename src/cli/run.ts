import { runSupervisor } from '../main.ts'
import { type Command, configFile, onlyWords, readOptions } from './options.ts'

export const run: Command = {
  word: 'run',
  usage: 'run --config FILE',
  does: 'runs the appliance in the foreground; SIGTERM ends it, SIGHUP reads the configuration and the policy again',
  async run(argv) {
    const { values, positionals } = readOptions(argv, {})
    onlyWords(positionals, 0)
    return runSupervisor(configFile(values.config))
  },
}
