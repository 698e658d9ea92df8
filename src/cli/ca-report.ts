import { describeCa } from '../../ca/describe.ts'
import type { Cas } from '../../ca/load.ts'
import { anchorOf } from '../../ca/read.ts'
import type { CaPublic } from '../core/ca.ts'

const ORIGINS = {
  made: 'made on this box',
  'imported-root': 'imported, a root',
  'imported-intermediate': 'imported, an intermediate',
} as const

/** What `weir ca show` prints. */
export function caReport(cas: Cas<CaPublic> & { encrypted: boolean }, file: string): string {
  const lines = part(cas.current)
  lines.push(['key file', cas.encrypted ? 'encrypted' : 'not encrypted'], ['file', file])
  const blocks = [lines]
  if (cas.next !== null)
    blocks.push([['next', 'being rolled out; "weir ca rotate --finish" lets it sign'], ...part(cas.next)])
  for (const earlier of cas.previous)
    blocks.push([['previous', 'no longer signs; its key is destroyed'], ...part(earlier)])
  for (const warning of cas.warnings) blocks.push([['warning', warning]])
  return blocks
    .map(block => block.map(([word, text]) => `${`${word}:`.padEnd(11)}${plain(text)}\n`).join(''))
    .join('\n')
}

function part(pub: CaPublic): [string, string][] {
  const facts = describeCa(pub)
  const lines: [string, string][] = [
    ['subject', facts.subject === `CN=${facts.name}` ? facts.name : facts.subject],
    ['kind', `${facts.key}, ${ORIGINS[facts.origin]}`],
    ['sha-256', colons(facts.sha256)],
    ['sha-1', colons(facts.sha1)],
    ['valid', `${new Date(facts.notBefore).toISOString()} to ${new Date(facts.notAfter).toISOString()}`],
    ['below it', below(facts.pathLength)],
    ['certifies', facts.permitted.length === 0 ? 'every name and address' : facts.permitted.join(', ')],
  ]
  if (facts.excluded.length > 0) lines.push(['never', facts.excluded.join(', ')])
  for (const link of facts.chain) lines.push(['sent with', link])
  const anchor = anchorOf(pub)
  if (anchor !== pub) lines.push(['trust', `${anchor.subject}, sha-256 ${colons(anchor.sha256)}`])
  return lines
}

function below(pathLength: number): string {
  if (pathLength === -1) return 'any number of CAs'
  return pathLength === 0 ? 'no further CAs' : `CAs up to ${pathLength} deep`
}

function colons(hex: string): string {
  return hex.replace(/..(?=.)/g, '$&:')
}

/** A subject is somebody else's text: no control characters on the terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}
