import type { LearnedEntry } from '../../../src/core/tls-policy.ts'

/** A JSON string is a YAML string too (YAML 1.2 §1.3), and needs no thought about what a hostile name may contain. */
const quoted = (text: string): string => JSON.stringify(text)

/** The policy's own bound for the name of a rule. */
const MAX_NAME = 120

/** The entry as one rule of the policy document: for every client where a name is its subject, else for that client. */
export function ruleText({ kind, host, client }: Pick<LearnedEntry, 'kind' | 'host' | 'client'>): string {
  const subject = host === '' ? client : host
  const lines = [`- name: ${quoted(`Learned (${kind}): ${subject}`.slice(0, MAX_NAME))}`]
  if (host === '') lines.push(`  clients: [${quoted(client)}]`)
  else lines.push(`  domains: [${quoted(`=${host}`)}]`)
  lines.push('  tier: names')
  return `${lines.join('\n')}\n`
}
