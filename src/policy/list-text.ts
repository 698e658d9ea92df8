import net from 'node:net'
import { canonicalName } from './names.ts'

export interface ListCounts {
  entries: number
  /** Lines that are neither empty nor comment nor a domain; downloaded lists have some. */
  skipped: number
  /** From 1; 0 = none. */
  firstSkipped: number
}

/** Names that hosts files carry for the machine itself. */
const HOUSEKEEPING = new Set(['localhost.localdomain', 'ip6-localhost', 'ip6-loopback'])

/**
 * Reads a list line by line without splitting it: one domain a line (`=` exact, `*.` and leading dot allowed), or the hosts
 * format (`0.0.0.0 name name`), where a name is a host and therefore exact. `#` and `!` begin a comment.
 * `add` returns false when the caller's cap is reached; reading ends there.
 */
export function readListText(text: string, add: (name: string, exact: boolean, line: number) => boolean): ListCounts {
  const counts: ListCounts = { entries: 0, skipped: 0, firstSkipped: 0 }
  let line = 0
  for (let start = text.charCodeAt(0) === 0xfeff ? 1 : 0; start < text.length; ) {
    let end = text.indexOf('\n', start)
    if (end < 0) end = text.length
    line++
    const content = withoutComment(text.slice(start, end))
    start = end + 1
    if (content === '') continue
    const added = readLine(content, line, add)
    if (added < 0) break
    counts.entries += added
    if (added === 0 && !isHosts(content)) {
      counts.skipped++
      counts.firstSkipped ||= line
    }
  }
  return counts
}

/** How many entries the line gave; -1 when the cap is reached. */
function readLine(content: string, line: number, add: (name: string, exact: boolean, line: number) => boolean): number {
  if (!/\s/.test(content)) {
    const exact = content.startsWith('=')
    const name = canonicalName(exact ? content.slice(1) : content.replace(/^\*?\./, ''))
    if (name === null || name === 'localhost') return 0
    return add(name, exact || net.isIP(name) !== 0, line) ? 1 : -1
  }
  if (!isHosts(content)) return 0
  let added = 0
  for (const host of content.split(/\s+/).slice(1)) {
    const name = canonicalName(host)
    if (name === null || !name.includes('.') || HOUSEKEEPING.has(name) || net.isIP(name) !== 0) continue
    if (!add(name, true, line)) return -1
    added++
  }
  return added
}

function isHosts(content: string): boolean {
  const gap = content.search(/\s/)
  return gap > 0 && net.isIP(content.slice(0, gap)) !== 0
}

function withoutComment(line: string): string {
  if (line.startsWith('!')) return ''
  const hash = line.indexOf('#')
  return (hash < 0 ? line : line.slice(0, hash)).trim()
}
