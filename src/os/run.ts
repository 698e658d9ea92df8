import { execFileSync } from 'node:child_process'
import { UserError } from '../core/errors.ts'

/** Administration tools live in sbin, which a user's PATH may lack. */
export const toolEnv = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' }

/** Debian package of each tool we call, for the advice when it is missing. */
const PACKAGE_OF: Record<string, string> = { ip: 'iproute2' }

/** Result of a tool that ended, well or badly. `out` and `err` are UTF-8 text. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a tool in the current network namespace and waits for it. Throws a UserError only if it cannot be started at all. */
export function tryRun(tool: string, args: readonly string[], input = ''): Ran {
  try {
    const out = execFileSync(tool, args, {
      env: toolEnv,
      input,
      encoding: 'utf8',
      stdio: 'pipe',
      maxBuffer: 64 << 20,
      timeout: 60_000,
    })
    return { code: 0, out, err: '' }
  } catch (e) {
    const failed = e as { code?: string; status?: number | null; stdout?: string; stderr?: string }
    if (failed.code === 'ENOENT') {
      throw new UserError(
        `"${tool}" is not installed; install it with: apt-get install ${PACKAGE_OF[tool] ?? 'iptables'}`,
      )
    }
    return { code: failed.status ?? 1, out: failed.stdout ?? '', err: failed.stderr ?? String(e) }
  }
}

/** The same, but a failure is a UserError: one sentence with the tool's own complaint. */
export function run(tool: string, args: readonly string[], input = ''): string {
  const ran = tryRun(tool, args, input)
  if (ran.code === 0) return ran.out
  const complaint = ran.err.trim().split('\n')[0] ?? ''
  if (/permission denied|operation not permitted|must be root/i.test(ran.err)) {
    throw new UserError(
      `Kernel rules can only be changed by root (CAP_NET_ADMIN); run the command with sudo. (${tool}: ${complaint})`,
    )
  }
  throw new UserError(`"${tool} ${args.join(' ')}" failed: ${complaint || `exit status ${ran.code}`}`)
}
