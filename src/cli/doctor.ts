import { loadConfig } from '../config/load.ts'
import { doctor as examine, formatFindings } from '../os/doctor.ts'
import { rulesConfig } from '../supervisor/rules-config.ts'
import { type Command, configFile, onlyWords, readOptions } from './options.ts'

export const doctor: Command = {
  word: 'doctor',
  usage: 'doctor [--config FILE]',
  does: 'what on this machine would stop interception, and the command that mends it',
  async run(argv) {
    const { values, positionals } = readOptions(argv, {})
    onlyWords(positionals, 0)
    const findings = examine(rulesConfig(loadConfig(configFile(values.config))))
    process.stdout.write(`${formatFindings(findings)}\n`)
    return findings.some(finding => finding.ok === false) ? 1 : 0
  },
}
