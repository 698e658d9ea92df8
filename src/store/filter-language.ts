/**
 * The filter of the traffic log: `host:example.org -tier:pass status:5xx took:>500ms word`. All terms must hold; a comma
 * gives alternatives, `-` negates, quotes keep blanks. Parsed once here, compiled to SQL with bound parameters for live
 * view, pages, counts and links alike, so that these agree.
 */
export class FilterError extends Error {
  override name = 'FilterError'
}

export type RowKind = 'exchange' | 'connection'

export interface Sql {
  /** A boolean expression over the columns of the kind's table. */
  sql: string
  params: (string | number)[]
}

interface Term {
  negated: boolean
  field: Field
  values: string[]
}

export interface Filter {
  readonly terms: readonly Term[]
  /** Only rows that began at or after this time can match; 0: any. */
  readonly since: number
}

const MAX_LENGTH = 1000
const MAX_TERMS = 20
const MAX_VALUES = 20

const UNITS: Record<string, number> = { '': 1, ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZES: Record<string, number> = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9 }

type Compile = (value: string, kind: RowKind) => Sql
type Field = { name: string; compile: Compile }

const OF_EXCHANGE_ONLY = new Set(['method', 'path', 'status', 'content_type', 'cache', 'cache_reason', 'revocation'])

/** The column, or its constant for connections, which have none of it. */
function column(name: string, kind: RowKind): string {
  if (kind === 'exchange' || !OF_EXCHANGE_ONLY.has(name)) return name
  return name === 'status' ? '0' : name === 'cache' ? "'none'" : "''"
}

/** What only the connection knows is true of its requests too, once it is over and has a row. */
function ofConnection(kind: RowKind, { sql, params }: Sql): Sql {
  if (kind === 'connection') return { sql, params }
  return { sql: `EXISTS (SELECT 1 FROM connections WHERE connections.conn = exchanges.conn AND ${sql})`, params }
}

const FIELDS: Record<string, Compile> = {
  host: value => hostMatch(value.toLowerCase()),
  client: (value, kind) => textMatch(column('client', kind), value, 'exact'),
  method: (value, kind) => textMatch(column('method', kind), value.toUpperCase(), 'exact'),
  path: (value, kind) => textMatch(column('path', kind), value, 'part'),
  type: (value, kind) => textMatch(column('content_type', kind), value, 'start'),
  rule: value => textMatch('rule', value, 'exact'),
  list: value => textMatch('list', value, 'exact'),
  error: value => (value === '*' ? { sql: "error <> ''", params: [] } : textMatch('error', value, 'start')),
  reason: value => textMatch('reason', value, 'exact'),
  conn: value => textMatch('conn', value, 'exact'),
  ja3: (value, kind) => ofConnection(kind, textMatch('ja3', value.toLowerCase(), 'exact')),
  ja4: (value, kind) => ofConnection(kind, textMatch('ja4', value.toLowerCase(), 'exact')),
  handshake: (value, kind) => ofConnection(kind, textMatch('handshake', value, 'exact')),
  ech: (value, kind) => ofConnection(kind, word('ech', value, { yes: 1, no: 0 })),
  exception: value => exception(value),
  revocation: (value, kind) => textMatch(column('revocation', kind), value, 'exact'),
  verdict: value =>
    word('verdict', value, {
      allow: 'allow',
      allowed: 'allow',
      block: 'block',
      blocked: 'block',
      fail: 'fail',
      failed: 'fail',
    }),
  tier: value =>
    word('tier', value, { inspect: 'inspect', inspected: 'inspect', names: 'names', pass: 'pass', passed: 'pass' }),
  cache: (value, kind) =>
    word(column('cache', kind), value, {
      none: 'none',
      miss: 'miss',
      hit: 'hit',
      revalidated: 'revalidated',
      bypass: 'bypass',
    }),
  kind: (value, kind) => {
    if (value !== 'exchange' && value !== 'connection') throw new FilterError('kind: is "exchange" or "connection".')
    return { sql: value === kind ? '1' : '0', params: [] }
  },
  port: value => number('port', 'port', value, { '': 1 }),
  line: value => number('line', 'rule_line', value, { '': 1 }),
  status: (value, kind) => status(column('status', kind), value),
  took: value => number('took', 'duration_ms', value, UNITS),
  size: value => number('size', '(bytes_up + bytes_down)', value, SIZES),
  after: value => ({ sql: 'time >= ?', params: [instant('after', value)] }),
  until: value => ({ sql: 'time < ?', params: [instant('until', value)] }),
  last: value => ({ sql: 'time >= ?', params: [Date.now() - span(value)] }),
}

const WORD: Field = {
  name: '',
  compile: (value, kind) => {
    const like = `%${escapeLike(value)}%`
    const path = kind === 'exchange' ? " OR path LIKE ? ESCAPE '\\'" : ''
    const params = kind === 'exchange' ? [like, like, like] : [like, like]
    return { sql: `(host LIKE ? ESCAPE '\\' OR client LIKE ? ESCAPE '\\'${path})`, params }
  },
}

/** Throws FilterError with a sentence for the person who typed it. */
export function parseFilter(q: string): Filter {
  if (q.length > MAX_LENGTH) throw new FilterError(`The filter is longer than ${MAX_LENGTH} characters.`)
  const terms = split(q).map(parseTerm)
  if (terms.length > MAX_TERMS) throw new FilterError(`The filter has more than ${MAX_TERMS} terms.`)
  let since = 0
  for (const term of terms) {
    for (const value of term.values) {
      // Compiled for both kinds now, so that a mistake is found before anything is asked of the database.
      term.field.compile(value, 'exchange')
      const { params } = term.field.compile(value, 'connection')
      const isStart =
        (term.field.name === 'after' || term.field.name === 'last') && !term.negated && term.values.length === 1
      if (isStart) since = Math.max(since, params[0] as number)
    }
  }
  return { terms, since }
}

export function compileFilter(filter: Filter, kind: RowKind): Sql {
  const parts: string[] = []
  const params: (string | number)[] = []
  for (const term of filter.terms) {
    const any = term.values.map(value => term.field.compile(value, kind))
    for (const one of any) params.push(...one.params)
    const sql = any.map(one => one.sql).join(' OR ')
    parts.push(term.negated ? `NOT (${sql})` : `(${sql})`)
  }
  return { sql: parts.length === 0 ? '1' : parts.join(' AND '), params }
}

/** A value as it must be written to mean exactly this text (`host:=…`, `rule:=…`). */
export function exactly(field: 'host' | 'client' | 'rule' | 'list', value: string): string {
  return `${field}:="${value.replace(/["\\]/g, '\\$&')}"`
}

/** Cuts at blanks outside quotes. A piece keeps its quotes, so that `"a:b"` stays a word. */
function split(q: string): string[] {
  const pieces: string[] = []
  let piece = ''
  let quoted = false
  for (let i = 0; i < q.length; i++) {
    const c = q[i]!
    if (c === '\\' && quoted && i + 1 < q.length) piece += c + q[++i]!
    else if (c === '"') {
      quoted = !quoted
      piece += c
    } else if (/\s/.test(c) && !quoted) {
      if (piece !== '') pieces.push(piece)
      piece = ''
    } else piece += c
  }
  if (quoted) throw new FilterError('A quotation mark is not closed.')
  if (piece !== '') pieces.push(piece)
  return pieces
}

function parseTerm(piece: string): Term {
  const negated = piece.length > 1 && piece.startsWith('-')
  const body = negated ? piece.slice(1) : piece
  const match = /^([a-z]+\d?):(.*)$/s.exec(body)
  if (match === null) return { negated, field: WORD, values: [unquote(body)] }
  const [, name = '', rest = ''] = match
  if (!Object.hasOwn(FIELDS, name)) {
    throw new FilterError(
      `There is no "${name}:". Known: ${Object.keys(FIELDS).join(', ')}. Put quotes round it to search for the text.`,
    )
  }
  if (rest === '') throw new FilterError(`"${name}:" needs a value.`)
  const values = rest.includes('"') ? [unquote(rest)] : rest.split(',').filter(value => value !== '')
  if (values.length === 0) throw new FilterError(`"${name}:" needs a value.`)
  if (values.length > MAX_VALUES) throw new FilterError(`"${name}:" has more than ${MAX_VALUES} values.`)
  return { negated, field: { name, compile: FIELDS[name]! }, values }
}

function unquote(text: string): string {
  return text.replace(/\\(.)|"/gs, (_, escaped: string | undefined) => escaped ?? '')
}

/** The domain and all below it, by label; `=name` only this; `*` stands for any text. */
function hostMatch(value: string): Sql {
  if (value.startsWith('=') || value.includes('*')) return textMatch('host', value, 'exact')
  return { sql: "(host = ? OR host LIKE ? ESCAPE '\\')", params: [value, `%.${escapeLike(value)}`] }
}

function textMatch(col: string, value: string, how: 'exact' | 'start' | 'part'): Sql {
  if (value.startsWith('=')) return { sql: `${col} = ?`, params: [value.slice(1)] }
  if (how === 'exact' && !value.includes('*')) {
    // Addresses come from us and are indexed; names of rules are typed by people.
    return col === 'rule' || col === 'list'
      ? { sql: `${col} = ? COLLATE NOCASE`, params: [value] }
      : { sql: `${col} = ?`, params: [value] }
  }
  const body = escapeLike(value).replaceAll('*', '%')
  const pattern = how === 'part' ? `%${body}%` : how === 'start' ? `${body}%` : body
  return { sql: `${col} LIKE ? ESCAPE '\\'`, params: [pattern] }
}

function escapeLike(value: string): string {
  return value.replace(/[\\%_]/g, '\\$&')
}

function word(col: string, value: string, words: Record<string, string | number>): Sql {
  const key = value.toLowerCase()
  if (!Object.hasOwn(words, key)) {
    const known = Object.entries(words).map(([typed, stored]) => (typeof stored === 'string' ? stored : typed))
    throw new FilterError(`"${value}" is none of ${[...new Set(known)].join(', ')}.`)
  }
  return { sql: `${col} = ?`, params: [words[key]!] }
}

/** `yes`, `no`, or what was overlooked: `expired`. */
function exception(value: string): Sql {
  if (value === 'yes') return { sql: "exception <> ''", params: [] }
  if (value === 'no') return { sql: "exception = ''", params: [] }
  return textMatch('exception', value, 'part')
}

/** `404`, `5xx`, `>=400`. */
function status(col: string, value: string): Sql {
  const group = /^([1-5])xx$/i.exec(value)
  if (group === null) return number('status', col, value, { '': 1 })
  const from = Number(group[1]) * 100
  return { sql: `(${col} >= ? AND ${col} < ?)`, params: [from, from + 100] }
}

function number(field: string, expression: string, value: string, units: Record<string, number>): Sql {
  const match = /^(>=|<=|>|<|=)?(\d{1,12}(?:\.\d{1,3})?)([a-z]*)$/i.exec(value)
  const unit = match === null ? undefined : units[match[3]!.toLowerCase()]
  if (match === null || unit === undefined) {
    const known = Object.keys(units).filter(name => name !== '')
    const hint = known.length === 0 ? '' : ` with one of ${known.join(', ')}`
    throw new FilterError(`"${field}:${value}" is not a number${hint}; before it may stand >, >=, < or <=.`)
  }
  return { sql: `${expression} ${match[1] ?? '='} ?`, params: [Number(match[2]) * unit] }
}

function span(value: string): number {
  const match = /^(\d{1,9})(s|m|min|h|d)$/.exec(value)
  if (match === null) throw new FilterError(`"last:${value}" is not a time such as 15m, 2h or 7d.`)
  return Number(match[1]) * UNITS[match[2]!]!
}

/** Milliseconds since the epoch, or an ISO date and time. */
function instant(field: string, value: string): number {
  const time = /^\d{9,15}$/.test(value)
    ? Number(value)
    : /^\d{4}-\d\d-\d\d/.test(value)
      ? Date.parse(value)
      : Number.NaN
  if (Number.isNaN(time)) throw new FilterError(`"${field}:${value}" is not a time such as 2026-11-20T09:00.`)
  return time
}
