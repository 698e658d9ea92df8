import fs from 'node:fs'
import path from 'node:path'
import { UserError } from '../core/errors.ts'

/** Makes the state directory (0700) and takes it for this process. Throws UserError. Returns what gives it back. */
export function takeStateDir(dir: string): () => void {
  try {
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
    fs.chmodSync(dir, 0o700)
  } catch (error) {
    throw new UserError(
      `The state directory ${dir} cannot be made or owned (${(error as NodeJS.ErrnoException).code}). Set "stateDir" to a place this user may write.`,
    )
  }
  const file = path.join(dir, 'weir.pid')
  const other = holder(file)
  if (other !== null) {
    throw new UserError(
      `Weir already runs on ${dir} (process ${other}). Stop that one first, or give this one a "stateDir" of its own.`,
    )
  }
  fs.writeFileSync(file, `${process.pid} ${startOf(process.pid) ?? ''}\n`, { mode: 0o600 })
  return () => fs.rmSync(file, { force: true })
}

/** The supervisor that runs on this state directory, or null. */
export function runningPid(dir: string): number | null {
  return holder(path.join(dir, 'weir.pid'))
}

/** The live process that holds it. Pids are reused, so the process's start time must agree too. */
function holder(file: string): number | null {
  let text: string
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch {
    return null
  }
  const [pid = '', started] = text.trim().split(' ')
  const now = startOf(Number(pid))
  return now !== null && now === started && Number(pid) !== process.pid ? Number(pid) : null
}

/** Field 22 of /proc/PID/stat: start time in ticks since boot. */
function startOf(pid: number): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
