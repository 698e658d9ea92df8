import * as libc from './libc.ts'

const PR_SET_KEEPCAPS = 8
const PR_CAPBSET_DROP = 24
const PR_SET_NO_NEW_PRIVS = 38
const CAP_NET_RAW = 13
/** Linux 6 ends at CAP_CHECKPOINT_RESTORE (40); dropping one that does not exist answers EINVAL and harms nothing. */
const LAST_CAP = 63

/**
 * Gives up root for good: groups, user, bounding set, and the right to ever gain any again.
 * Done in the process itself rather than by starting it as the user, because the code may lie where that user cannot
 * read it (a clone in /root); so everything must be loaded, and every file and thread opened, before this call.
 * `keepNetRaw` leaves CAP_NET_RAW, which is enough for IP_TRANSPARENT on sockets bound to the client's address.
 * Throws when any step fails: a half-dropped process must not see the network.
 */
export function dropPrivileges(options: { uid: number; gid: number; keepNetRaw: boolean }): void {
  const kept = options.keepNetRaw ? 1n << BigInt(CAP_NET_RAW) : 0n
  for (let cap = 0; cap <= LAST_CAP; cap++) {
    if (!(options.keepNetRaw && cap === CAP_NET_RAW)) libc.prctl(PR_CAPBSET_DROP, cap)
  }
  must('keep capabilities', libc.prctl(PR_SET_KEEPCAPS, options.keepNetRaw ? 1 : 0))
  process.setgroups?.([])
  process.setgid?.(options.gid)
  process.setuid?.(options.uid)
  must('set capabilities', libc.capset(kept, kept, 0n))
  must('forbid new privileges', libc.prctl(PR_SET_NO_NEW_PRIVS, 1))
  if (process.getuid?.() !== options.uid || process.geteuid?.() !== options.uid) {
    throw new Error('privileges were not given up: the user id did not change')
  }
}

function must(what: string, result: number): void {
  if (result < 0) throw new Error(`privileges were not given up: could not ${what} (errno ${-result})`)
}
