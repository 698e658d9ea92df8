import net from 'node:net'
import { stringify } from 'yaml'
import type { LearnedEntry, LearnedKind } from '../core/tls-policy.ts'

const WORDS: Record<LearnedKind, string> = {
  untrusting: 'trusts no certificate of this box',
  pinned: 'turns our certificate down',
  'client-cert': 'wants a client certificate',
}
/** The policy document's own bound for the name of a rule. */
const MAX_NAME = 120

/** Conclusions as rules of the policy document, to stand above the rules that open; '' for none. Ends with a newline. */
export function rulesText(entries: readonly LearnedEntry[]): string {
  if (entries.length === 0) return ''
  return stringify(entries.map(ruleOf), { lineWidth: 0, flowCollectionPadding: true, collectionStyle: 'any' })
}

function ruleOf({ kind, client, host }: LearnedEntry): Record<string, unknown> {
  const who = host === '' ? client : host
  const words = WORDS[kind]
  const room = MAX_NAME - words.length - 1
  const rule: Record<string, unknown> = { name: `${who.length > room ? `${who.slice(0, room - 1)}…` : who} ${words}` }
  if (client !== '') rule.clients = [client]
  if (host !== '') rule.domains = [net.isIP(host) === 0 ? `=${host}` : host]
  rule.tier = 'names'
  return rule
}
