import fs from 'node:fs'

/** The kernel's clock for /proc times on every Linux architecture Node runs on: USER_HZ. */
const MS_PER_TICK = 10

/** CPU time of a product since its start, in milliseconds. */
export interface Cpu {
  readonly totalMs: number
  /** The same by part of the product; the parts add up to the total. */
  readonly parts: ReadonlyMap<string, number>
}

/** Memory of a product now, in KiB. PSS counts a shared page once over all processes, RSS in each of them. */
export interface Memory {
  readonly rssKib: number
  readonly pssKib: number
}

/** Names the part of a product that a process (`comm` its command line) or one of its threads belongs to; null for a thread: to its process. */
export interface Parts {
  process(pid: number, commandLine: string): string
  thread?(comm: string, part: string): string | null
}

/** The process and everything below it. */
export function processTree(root: number): number[] {
  const pids = [root]
  for (const pid of pids) {
    for (const tid of list(`/proc/${pid}/task`)) {
      pids.push(...read(`/proc/${pid}/task/${tid}/children`).split(' ').filter(Boolean).map(Number))
    }
  }
  return pids
}

/**
 * User and system time of a product, of the processes that live and of those that have ended and been waited for:
 * helpers that are started per need count as much as those that stay.
 */
export function cpuOf(root: number, parts: Parts): Cpu {
  const sums = new Map<string, number>()
  const add = (part: string, ms: number) => sums.set(part, (sums.get(part) ?? 0) + ms)
  let totalMs = 0
  for (const pid of processTree(root)) {
    const stat = parseStat(read(`/proc/${pid}/stat`))
    if (stat === null) continue
    const part = parts.process(pid, read(`/proc/${pid}/cmdline`).replaceAll('\0', ' '))
    totalMs += stat.cpuMs + stat.childrenMs
    add(part, stat.cpuMs + stat.childrenMs)
    if (parts.thread === undefined) continue
    for (const tid of list(`/proc/${pid}/task`)) {
      const thread = parseStat(read(`/proc/${pid}/task/${tid}/stat`))
      const own = thread === null ? null : parts.thread(thread.comm, part)
      if (thread === null || own === null) continue
      add(own, thread.cpuMs)
      add(part, -thread.cpuMs)
    }
  }
  return { totalMs, parts: sums }
}

/** What was used from `before` to `after`. */
export function cpuBetween(before: Cpu, after: Cpu): Cpu {
  const parts = new Map<string, number>()
  for (const [part, ms] of after.parts) parts.set(part, ms - (before.parts.get(part) ?? 0))
  return { totalMs: after.totalMs - before.totalMs, parts }
}

export function memoryOf(root: number): Memory {
  let rssKib = 0
  let pssKib = 0
  for (const pid of processTree(root)) {
    const text = read(`/proc/${pid}/smaps_rollup`)
    rssKib += kib(text, 'Rss')
    pssKib += kib(text, 'Pss')
  }
  return { rssKib, pssKib }
}

export interface Stat {
  readonly comm: string
  readonly cpuMs: number
  /** Of children that have ended and been waited for. */
  readonly childrenMs: number
}

/** `/proc/PID/stat`; null when it is not one (the process has ended). The name may hold blanks and brackets: proc(5) quotes nothing. */
export function parseStat(text: string): Stat | null {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 0 || close < open) return null
  // From field 3 (state) on; utime, stime, cutime and cstime are fields 14 to 17.
  const fields = text.slice(close + 2).split(' ')
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number)
  if (cstime === undefined || Number.isNaN(utime! + stime! + cutime! + cstime)) return null
  return {
    comm: text.slice(open + 1, close),
    cpuMs: (utime! + stime!) * MS_PER_TICK,
    childrenMs: (cutime! + cstime) * MS_PER_TICK,
  }
}

function kib(smaps: string, key: string): number {
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(smaps)?.[1] ?? 0)
}

/** Processes end while they are looked at: what is gone reads as nothing. */
function read(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

function list(dir: string): string[] {
  try {
    return fs.readdirSync(dir)
  } catch {
    return []
  }
}
