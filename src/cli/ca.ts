import fs from 'node:fs'
import path from 'node:path'
import { loadOrCreateCa } from '../../ca/create.ts'
import { exportCa } from '../../ca/export.ts'
import { loadConfig } from '../config/load.ts'
import { type Command, configFile, onlyWords, readOptions, UsageError } from './options.ts'

const FORMATS = ['pem', 'der', 'p12', 'mobileconfig'] as const

export const ca: Command = {
  word: 'ca',
  usage: 'ca show | ca export --format pem|der|p12|mobileconfig [--out FILE]',
  does: 'the public side of the certificate authority (made on first use)',
  async run(argv) {
    const { values, positionals } = readOptions(argv, {
      format: { type: 'string', default: 'pem' },
      out: { type: 'string' },
    })
    onlyWords(positionals, 1)
    const config = loadConfig(configFile(values.config))
    const facts = loadOrCreateCa(path.join(config.stateDir, 'ca')).public
    switch (positionals[0]) {
      case 'show':
        process.stdout.write(
          `subject:   ${facts.subject}\nsha-256:   ${facts.sha256.replace(/..(?=.)/g, '$&:')}\n` +
            `valid:     ${new Date(facts.notBefore).toISOString()} to ${new Date(facts.notAfter).toISOString()}\n` +
            `file:      ${path.join(config.stateDir, 'ca', 'ca.pem')}\n`,
        )
        return 0
      case 'export': {
        const format = FORMATS.find(candidate => candidate === values.format)
        if (format === undefined)
          throw new UsageError(`"${values.format}" is no format; choose one of ${FORMATS.join(', ')}.`)
        const { bytes } = exportCa(facts, format)
        if (values.out === undefined) process.stdout.write(bytes)
        else fs.writeFileSync(values.out, bytes)
        return 0
      }
      default:
        throw new UsageError('say "ca show" or "ca export --format …".')
    }
  },
}
