import type { Case } from '../../test/http-cases/case.ts'
import { LANES, type Lane } from './lanes.ts'

/** A case and what was wrong on each lane: null is right. */
export interface Row {
  readonly table: string
  readonly trial: Case
  readonly wrong: Partial<Record<Lane, string | null>>
}

const NAMES: Readonly<Record<Lane, string>> = {
  'weir.plain': 'Weir',
  'weir.tls': 'Weir, inspected',
  'squid.plain': 'Squid',
  'squid.tls': 'Squid, inspected',
}

/** No control character may reach the document. */
const cell = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replace(/[^ -~–…]/g, c => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const rule = (columns: number, numbers: boolean): string =>
  line(Array.from({ length: columns }, (_, i) => (numbers && i > 0 ? '---:' : '---')))

function wrongOn(rows: readonly Row[], lane: Lane): string {
  const asked = rows.filter(row => row.wrong[lane] !== undefined)
  return asked.length === 0 ? '–' : String(asked.filter(row => row.wrong[lane] !== null).length)
}

function counts(title: string, rows: readonly Row[]): string {
  return line([title, String(rows.length), ...LANES.map(lane => wrongOn(rows, lane))])
}

/** How many cases there are, and on how many each was wrong: by table, then by clause. */
export function summary(rows: readonly Row[]): string {
  const lanes = LANES.map(lane => NAMES[lane])
  const sections = [...new Set(rows.map(row => row.trial.section))].sort(bySection)
  const tables = [...new Set(rows.map(row => row.table))]
  return [
    line(['Table', 'cases', ...lanes]),
    rule(2 + lanes.length, true),
    ...tables.map(table =>
      counts(
        table,
        rows.filter(row => row.table === table),
      ),
    ),
    counts('**all**', rows),
    '',
    line(['Clause', 'cases', ...lanes]),
    rule(2 + lanes.length, true),
    ...sections.map(section =>
      counts(
        `RFC ${section}`,
        rows.filter(row => row.trial.section === section),
      ),
    ),
  ].join('\n')
}

function bySection(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function mustBe({ expect }: Case): string {
  const statuses = expect.statuses
    .slice(0, 3)
    .map(status => [status].flat().join(' or '))
    .join(', ')
  const more = expect.statuses.length > 3 ? ', …' : ''
  return expect.kind === 'cut' ? 'cut off' : `${statuses}${more}`
}

function told(row: Row, lane: Lane): string {
  const wrong = row.wrong[lane]
  return wrong === undefined ? '–' : wrong === null ? 'right' : `**${cell(wrong)}**`
}

/** Every case; what is wrong stands in bold. */
export function details(rows: readonly Row[]): string {
  const tables = [...new Set(rows.map(row => row.table))]
  const head = ['RFC', 'Case', 'must be', ...LANES.map(lane => NAMES[lane])]
  return tables
    .map(table => {
      const own = rows.filter(row => row.table === table)
      const lines = own.map(row => {
        const { section, title } = row.trial
        return line([section, cell(title), mustBe(row.trial), ...LANES.map(lane => told(row, lane))])
      })
      return `### ${table}\n\n${line(head)}\n${rule(head.length, false)}\n${lines.join('\n')}`
    })
    .join('\n\n')
}
