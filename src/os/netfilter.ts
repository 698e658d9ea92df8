import { CHAIN_PREFIX, type Family } from '../../iptables/tproxy.ts'
import { run } from './run.ts'

/** What `iptables-save` says about one table: who jumps to us, our chains, how many lines each holds, and whether anything else is there. */
export interface TableState {
  /** Whole `-A CHAIN … -j WEIR_…` lines in chains that are not ours. */
  jumps: string[]
  /** Our chains with their `-A` lines. */
  readonly chains: Map<string, string[]>
  /** Rules or chains of others, or a built-in policy other than ACCEPT. */
  foreign: boolean
}

export type Tables = Map<string, TableState>

const tool = (family: Family, what: 'save' | 'restore') => `${family === 4 ? 'iptables' : 'ip6tables'}-${what}`

export function saveTables(family: Family): Tables {
  return parseSave(run(tool(family, 'save'), []))
}

/** Tables that do not exist are absent from the map. */
export function parseSave(text: string): Tables {
  const tables: Tables = new Map()
  let table: TableState | null = null
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      table = { jumps: [], chains: new Map(), foreign: false }
      tables.set(line.slice(1).trim(), table)
    } else if (table !== null && line.startsWith(':')) {
      const [name = '', policy = ''] = line.slice(1).split(' ')
      if (name.startsWith(CHAIN_PREFIX)) table.chains.set(name, [])
      else if (policy !== 'ACCEPT') table.foreign = true
    } else if (table !== null && line.startsWith('-A ')) {
      addRule(table, line)
    }
  }
  return tables
}

function addRule(table: TableState, line: string): void {
  const chain = line.split(' ', 2)[1] ?? ''
  if (table.chains.has(chain)) table.chains.get(chain)!.push(line)
  else if (new RegExp(`-[jg] ${CHAIN_PREFIX}`).test(line)) table.jumps.push(line)
  else table.foreign = true
}

/**
 * Loads `text` (iptables-restore format) and takes out, in the same transaction per table, every jump and chain of ours
 * that was there before: whatever half of an older rule set is loaded, the result is the new one, with no moment without.
 */
export function replaceTables(family: Family, text: string, before: Tables): void {
  const merged = text.replace(/^\*(\w+)$/gm, (head, name: string) => {
    const state = before.get(name)
    if (state === undefined) return head
    const stale = [...state.chains.keys()].filter(chain => !text.includes(`\n:${chain} `))
    return [head, ...deletions(state.jumps, stale)].join('\n')
  })
  run(tool(family, 'restore'), ['--noflush', '--wait', '5'], merged)
}

/** Takes all of ours out. A table in `created` that is empty afterwards did not exist before us and is dropped. */
export function clearTables(family: Family, before: Tables, created: readonly string[]): void {
  const text = [...before]
    .filter(([, state]) => state.jumps.length > 0 || state.chains.size > 0)
    .map(([name, state]) => [`*${name}`, ...deletions(state.jumps, [...state.chains.keys()]), 'COMMIT', ''].join('\n'))
    .join('')
  if (text !== '') run(tool(family, 'restore'), ['--noflush', '--wait', '5'], text)
  if (created.length === 0) return
  const after = saveTables(family)
  // Without --noflush a table that is only named is emptied and, by iptables-nft, deleted: hence only if it holds nothing.
  const empty = created.filter(name => after.get(name)?.foreign === false && after.get(name)?.jumps.length === 0)
  if (empty.length > 0) {
    run(tool(family, 'restore'), ['--wait', '5'], empty.map(name => `*${name}\nCOMMIT\n`).join(''))
  }
}

/** Jumps first, then contents, then chains: a chain that is referenced or not empty cannot be deleted. */
function deletions(jumps: readonly string[], chains: readonly string[]): string[] {
  return [
    ...jumps.map(line => line.replace(/^-A/, '-D')),
    ...chains.map(chain => `-F ${chain}`),
    ...chains.map(chain => `-X ${chain}`),
  ]
}
