import fs from 'node:fs'
import { CLASSES, isLeak, isWrong, LANES, type Lane, type Outcome, type Row } from './trial.ts'

const NAMES: Readonly<Record<Lane, string>> = { openssl: 'OpenSSL', squid: 'Squid', weir: 'Weir' }

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

function shown(row: Row, lane: Lane): string {
  const outcome = row.outcomes[lane]
  if (outcome === undefined) return '–'
  const what = isLeak(row.trial, outcome) ? `${outcome.result}, but the origin got the request` : outcome.result
  const text = outcome.code === '' ? what : `${what}: ${cell(outcome.code)}`
  return isWrong(row.trial, outcome) ? `**${text}**` : text
}

const answered = (rows: readonly Row[], lane: Lane): [Row, Outcome][] =>
  rows.flatMap(row => (row.outcomes[lane] === undefined ? [] : [[row, row.outcomes[lane]]]))

/** `3` or `3 of 40`, when not all could be asked. */
function count(rows: readonly Row[], lane: Lane): string {
  const all = answered(rows, lane)
  const wrong = all.filter(([row, outcome]) => isWrong(row.trial, outcome)).length
  return all.length === rows.length ? String(wrong) : all.length === 0 ? '–' : `${wrong} of ${all.length}`
}

/** Per class: how many cases, and where each was wrong. */
export function summary(rows: readonly Row[]): string {
  const bad = rows.filter(row => row.trial.expect === 'refused')
  const good = rows.filter(row => row.trial.expect === 'served')
  const head = [
    'Class',
    'to be refused',
    ...LANES.map(lane => `served by ${NAMES[lane]}`),
    'to be served',
    ...LANES.map(lane => `refused by ${NAMES[lane]}`),
  ]
  const of = (name: string, here: readonly Row[]) => {
    const [b, g] = [bad, good].map(list => list.filter(row => here.includes(row))) as [Row[], Row[]]
    return line([
      name,
      String(b.length),
      ...LANES.map(lane => count(b, lane)),
      String(g.length),
      ...LANES.map(lane => count(g, lane)),
    ])
  }
  const classes = CLASSES.flatMap(name => {
    const here = rows.filter(row => row.trial.class === name)
    return here.length === 0 ? [] : [of(name, here)]
  })
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...classes, of('**all**', rows)].join('\n')
}

/** Every case; what is wrong stands in bold. */
export function table(rows: readonly Row[]): string {
  const head = ['Case', 'must be', ...LANES.map(lane => NAMES[lane])]
  return CLASSES.flatMap(name => {
    const here = rows.filter(row => row.trial.class === name)
    if (here.length === 0) return []
    return [
      `### ${name[0]!.toUpperCase()}${name.slice(1)}`,
      '',
      line(head),
      line(head.map(() => '---')),
      ...here.map(row => line([cell(row.trial.title), row.trial.expect, ...LANES.map(lane => shown(row, lane))])),
      '',
    ]
  }).join('\n')
}

/** Puts `text` between `<!-- NAME: begin … -->` and `<!-- NAME: end -->` of a document. */
export function writePart(file: string, name: string, text: string): void {
  const document = fs.readFileSync(file, 'utf8')
  const parts = new RegExp(`(<!-- ${name}: begin[^>]*-->\n)[\\s\\S]*(<!-- ${name}: end -->)`)
  if (!parts.test(document)) throw new Error(`${file} has no part called ${name}`)
  fs.writeFileSync(
    file,
    document.replace(parts, (_all, begin: string, end: string) => `${begin}\n${text.trim()}\n\n${end}`),
  )
}
