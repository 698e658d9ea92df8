import { randomBytes } from 'node:crypto'
import fs from 'node:fs'

/** A random secret that survives restarts: read, or made with mode 0600 at first start. */
export function secretFile(file: string, bytes: number): Buffer {
  try {
    const secret = fs.readFileSync(file)
    if (secret.length === bytes) return secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = randomBytes(bytes)
  const fresh = `${file}.new`
  fs.writeFileSync(fresh, secret, { mode: 0o600 })
  fs.renameSync(fresh, file)
  return secret
}
