import fs from 'node:fs'

/** The shipped list as it stands in the file, so that a line number in the log is one a person can look up. */
export const NEVER_DECRYPT: string = fs.readFileSync(new URL('./never-decrypt.txt', import.meta.url), 'utf8')
