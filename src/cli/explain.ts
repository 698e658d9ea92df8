import { loadConfig } from '../config/load.ts'
import { explain as explainUrl, formatExplanation } from '../policy/explain.ts'
import { compileCurrent } from '../supervisor/policy-keeper.ts'
import { type Command, configFile, onlyWords, readOptions, UsageError } from './options.ts'

export const explain: Command = {
  word: 'explain',
  usage: 'explain --client ADDR URL [--at TIME]',
  does: 'what would happen to that client at that address, and which rule says so',
  async run(argv) {
    const { values, positionals } = readOptions(argv, { client: { type: 'string' }, at: { type: 'string' } })
    onlyWords(positionals, 1)
    const [url] = positionals
    if (url === undefined || values.client === undefined) throw new UsageError('say "explain --client ADDR URL".')
    const at = values.at === undefined ? Date.now() : Date.parse(values.at)
    if (Number.isNaN(at)) throw new UsageError(`"${values.at}" is no time; write it as 2026-11-23T10:15.`)
    const policy = compileCurrent(loadConfig(configFile(values.config)))
    process.stdout.write(formatExplanation(explainUrl(policy, { client: values.client, url, at })))
    return 0
  },
}
