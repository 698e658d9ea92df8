import fs from 'node:fs'

/** The shipped list as it stands in the file, so that a line number in the log is one a person can look up. */
export const NEVER_DECRYPT: string = fs.readFileSync(new URL('./never-decrypt.txt', import.meta.url), 'utf8')

export interface NeverDecryptEntry {
  /** It and everything below; `=` before a name that stands for itself alone. */
  host: string
  reason: string
  /** Of the file, from 1. */
  line: number
}

/** The list with its reasons, to be shown. */
export function neverDecryptEntries(): NeverDecryptEntry[] {
  return NEVER_DECRYPT.split('\n').flatMap((text, i) => {
    const [host = '', reason = ''] = text.split('#', 2).map(part => part.trim())
    return host === '' ? [] : [{ host, reason, line: i + 1 }]
  })
}
