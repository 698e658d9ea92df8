import { z } from 'zod'
import { nearest } from '../core/document.ts'
import { parseRange } from './address-map.ts'
import { headersPart } from './headers-part.ts'
import { parseDomain, parseUrl } from './names.ts'
import { ALWAYS, cappedRecord, isMapping, oneOf, some, text, textWith } from './schema-parts.ts'
import { exceptionShape, exceptions, tlsPart } from './tls-schema.ts'

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

const PORT_ADVICE = 'must be a port from 1 to 65535 or a range such as 8000-8100.'

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
      learned: oneOf(['never']).optional(),
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
  .refine(value => !isMapping(value) || value.learned === undefined || value.tier === 'inspect', {
    path: ['learned'],
    error: 'keeps open what the rule opens; it needs "tier: inspect" beside it.',
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
  tls: tlsPart.nullish(),
  headers: headersPart.nullish(),
  exceptions: exceptions.nullish(),
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
    case 'tls':
      return Object.keys(tlsPart.shape)
    case 'headers':
      return Object.keys(headersPart.shape)
    case 'exceptions':
      return Object.keys(exceptionShape)
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
