import { labCommand } from '../../test/lab/cli.ts'
import type { Command } from './options.ts'

export const lab: Command = {
  word: 'lab',
  usage: 'lab up|down|status|exec HOST -- COMMAND',
  does: 'the three-host lab: client, gateway and origin in network namespaces of this machine',
  run: labCommand,
}
