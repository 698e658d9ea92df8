import fs from 'node:fs'

/** From package.json, where it is stated once. */
export const VERSION: string = JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
