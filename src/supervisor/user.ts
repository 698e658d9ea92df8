import fs from 'node:fs'
import { UserError } from '../core/errors.ts'

export interface ServiceUser {
  uid: number
  gid: number
}

/** The user that workers and the admin process become; null when we are not root and have nothing to give up. */
export function serviceUser(name: string): ServiceUser | null {
  if (process.getuid?.() !== 0) return null
  const line = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined) {
    throw new UserError(`There is no user "${name}" on this machine: create it, or set "user" in the configuration.`)
  }
  if (uid === '0') throw new UserError(`"user" must not be root: it handles bytes from the network.`)
  return { uid: Number(uid), gid: Number(gid) }
}
