import { z } from 'zod'
import { nearest } from '../core/document.ts'
import { parseRange } from './address-map.ts'
import { parseDomain, parseUrl } from './names.ts'

/** Bounds of what one document may hold; each is far above what a school writes by hand. */
export const LIMITS = {
  documentBytes: 1 << 20,
  rules: 2000,
  groups: 500,
  lists: 500,
  /** Over all lists together. */
  listEntries: 6_000_000,
  /** Characters of one list. */
  listChars: 256 * 1024 * 1024,
  /** Mistakes told at once. */
  problems: 100,
} as const

const WORD = /^\p{L}[\p{L}\p{N}_-]{0,63}$/u
/** Zod stops checking an object after its first structural mistake; a person wants all of them at once. */
const ALWAYS = { when: () => true }

const PORT_ADVICE = 'must be a port from 1 to 65535 or a range such as 8000-8100.'

const text = z.string({
  error: issue =>
    issue.input === undefined ? 'is missing.' : 'must be text; put it in quotes if YAML reads it otherwise.',
})

/** A text of which `mistake` says what is wrong with it, or null. */
function textWith(mistake: (value: string) => string | null) {
  return text.superRefine((value, context) => {
    const message = mistake(value)
    if (message !== null) context.addIssue({ code: 'custom', message })
  })
}

/** A YAML list, never empty: an empty condition would read as "nothing" to one person and "everything" to another. */
function some<T extends z.ZodType>(item: T, example: string) {
  const list = z.array(item, { error: `must be a list, such as [${example}].` })
  return list.min(1, 'is empty; name at least one, or remove the key.')
}

function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, {
    error: issue => {
      const near = typeof issue.input === 'string' ? nearest(issue.input, words) : null
      return near === null ? `must be ${words.join(' or ')}.` : `must be ${words.join(' or ')}. Did you mean "${near}"?`
    },
  })
}

function cappedRecord<T extends z.ZodType>(item: T, max: number) {
  const record = z.record(z.string().regex(WORD), item, {
    error: issue =>
      issue.code === 'invalid_key'
        ? 'A name here is a letter, then up to 63 letters, digits, - or _.'
        : 'must be a mapping of names.',
  })
  return record.refine(value => Object.keys(value).length <= max, { error: `has more than ${max} entries.` })
}

const network = textWith(value => {
  const range = parseRange(value)
  return range === null
    ? `"${value.slice(0, 80)}" is no IP address or network.`
    : typeof range === 'string'
      ? range
      : null
})
/** An address, a network, or the name of a group (looked up in `references`). */
const client = textWith(value => {
  const range = parseRange(value)
  return typeof range === 'string' ? range : null
})
const domain = textWith(value => {
  const parsed = parseDomain(value)
  return typeof parsed === 'string' ? parsed : null
})
const url = textWith(value => {
  const parsed = parseUrl(value)
  return typeof parsed === 'string' ? parsed : null
})
const port = z.union([z.number(), z.string()], { error: PORT_ADVICE }).superRefine((value, context) => {
  if (parsePorts(value) === null) context.addIssue({ code: 'custom', message: PORT_ADVICE })
})

const group = z.strictObject(
  { clients: some(network, '10.77.1.0/24') },
  { error: 'must be a mapping with the key "clients".' },
)

const list = z
  .strictObject(
    { domains: some(domain, 'games.example').optional(), file: text.min(1, 'must name a file.').optional() },
    { error: 'must be a mapping with either "domains" or "file".' },
  )
  .refine(value => !isMapping(value) || (value.domains === undefined) !== (value.file === undefined), {
    error: 'needs either "domains" or "file", and not both.',
    ...ALWAYS,
  })

const rule = z
  .strictObject(
    {
      name: text.trim().min(1, 'must not be empty.').max(120, 'must be at most 120 characters long.'),
      clients: some(client, 'year7, 10.9.0.1').optional(),
      destinations: some(network, '192.0.2.0/24').optional(),
      ports: some(port, '443, 8000-8100').optional(),
      domains: some(domain, 'bank.example').optional(),
      lists: some(text, 'games').optional(),
      urls: some(url, 'shop.example/checkout').optional(),
      action: oneOf(['allow', 'block']).optional(),
      tier: oneOf(['inspect', 'names', 'pass']).optional(),
    },
    { error: 'must be a mapping that begins with "- name: …".' },
  )
  .refine(value => !isMapping(value) || value.action !== undefined || value.tier !== undefined, {
    error: 'decides nothing; add "action: allow", "action: block" or "tier: …".',
    ...ALWAYS,
  })
  // The tier is chosen before the first request, so a URL cannot take part in it
  .refine(value => !isMapping(value) || value.urls === undefined || value.tier === undefined, {
    path: ['tier'],
    error: 'cannot depend on a URL, which is only seen after the tier is chosen; make it a rule of its own, by domain.',
    ...ALWAYS,
  })

const rules = z
  .array(rule, { error: 'must be a list of rules, each beginning with "- name: …".' })
  .max(LIMITS.rules, `has more than ${LIMITS.rules} rules; put the domains of similar rules into a list.`)

const fallback = z.strictObject(
  { action: oneOf(['allow', 'block']) },
  { error: 'must be a mapping with the key "action".' },
)

const version = z.literal(1, {
  error: issue => (issue.input === undefined ? 'is missing; write "version: 1" first.' : 'must be 1.'),
})

/** An empty key (`rules:` with everything under it commented out) is YAML's null and means "none". */
const shape = {
  version,
  groups: cappedRecord(group, LIMITS.groups).nullish(),
  lists: cappedRecord(list, LIMITS.lists).nullish(),
  rules: rules.nullish(),
  default: fallback.nullish(),
}

export const policySchema = z
  .strictObject(shape, { error: 'must be a mapping that begins with "version: 1".' })
  .superRefine((document, context) => {
    let told = 0
    for (const [path, message] of brokenReferences(document)) {
      context.addIssue({ code: 'custom', path, message })
      if (++told === LIMITS.problems) return
    }
  }, ALWAYS)

export type PolicyDocument = z.output<typeof policySchema>
export type RuleDocument = z.output<typeof rule>

/** Keys allowed in the mapping at that path of the document. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(shape)
  switch (path[0]) {
    case 'groups':
      return Object.keys(group.shape)
    case 'lists':
      return Object.keys(list.shape)
    case 'rules':
      return Object.keys(rule.shape)
    default:
      return Object.keys(fallback.shape)
  }
}

/** First and last port, or null when it is neither a port nor a range. */
export function parsePorts(value: number | string): [number, number] | null {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(value))
  if (match === null) return null
  const first = Number(match[1])
  const last = Number(match[2] ?? match[1])
  return first >= 1 && first <= last && last <= 65535 ? [first, last] : null
}

/** Groups and lists that rules name and nobody defines. The document may have any other mistake at the same time. */
function* brokenReferences(document: unknown): Generator<[PropertyKey[], string]> {
  if (!isMapping(document) || !Array.isArray(document.rules)) return
  const groups = isMapping(document.groups) ? Object.keys(document.groups) : []
  const lists = isMapping(document.lists) ? Object.keys(document.lists) : []
  for (const [i, value] of document.rules.entries()) {
    if (!isMapping(value)) continue
    for (const [j, name] of textsOf(value.clients)) {
      if (parseRange(name) !== null || groups.includes(name)) continue
      yield [['rules', i, 'clients', j], unknownName('group', name, groups)]
    }
    for (const [j, name] of textsOf(value.lists)) {
      if (!lists.includes(name)) yield [['rules', i, 'lists', j], unknownName('list', name, lists)]
    }
  }
}

function* textsOf(value: unknown): Generator<[number, string]> {
  if (!Array.isArray(value)) return
  for (const [i, item] of value.entries()) if (typeof item === 'string') yield [i, item]
}

function unknownName(what: string, name: string, known: readonly string[]): string {
  const near = nearest(name.slice(0, 64), known)
  const advice = near !== null ? `Did you mean "${near}"?` : `Define it under "${what}s".`
  return `There is no ${what} "${name.slice(0, 80)}". ${advice}`
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
