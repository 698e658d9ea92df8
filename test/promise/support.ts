import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { createLab, type Lab } from '../lab/lab.ts'
import type { WeirOverrides, WeirProcess } from '../lab/weir.ts'

/** A lab with a Weir of its own on the gateway. */
export interface Bench {
  lab: Lab
  weir: WeirProcess
  /** Rows of a view, oldest first. */
  rows(view: 'v_exchanges' | 'v_connections', where: string, ...params: unknown[]): Row[]
  /** Waits until there is such a row: the log is written in batches. */
  row(view: 'v_exchanges' | 'v_connections', where: string, ...params: unknown[]): Promise<Row>
  close(): Promise<void>
}

export type Row = Record<string, string | number | null>

const ROW_WAIT_MS = 10_000

/** `policy` is the text of a policy document. */
export async function startBench(policy: string | null = null, overrides: WeirOverrides = {}): Promise<Bench> {
  const lab = await createLab()
  try {
    let file: string | null = null
    if (policy !== null) {
      file = `${lab.dir}/policy.yaml`
      fs.writeFileSync(file, policy)
    }
    const weir = await lab.startWeir({ policy: file, ...overrides })
    const rows = (view: string, where: string, ...params: unknown[]) => query(weir, view, where, params)
    return {
      lab,
      weir,
      rows,
      async row(view, where, ...params) {
        const until = Date.now() + ROW_WAIT_MS
        for (;;) {
          const found = rows(view, where, ...params)
          if (found.length > 0) return found[0]!
          if (Date.now() > until)
            throw new Error(`no row in ${view} where ${where} (${params.join(', ')})\n${weir.log().slice(-2000)}`)
          await sleep(50)
        }
      },
      async close() {
        await weir.stop()
        await lab.close()
      },
    }
  } catch (error) {
    await lab.close()
    throw error
  }
}

function query(weir: WeirProcess, view: string, where: string, params: unknown[]): Row[] {
  const db = new Database(`${weir.stateDir}/traffic.db`, { readonly: true })
  try {
    return db.prepare(`SELECT * FROM ${view} WHERE ${where} ORDER BY id`).all(...params) as Row[]
  } finally {
    db.close()
  }
}

/** Pids of the processes below the supervisor, by what they are. */
export function childrenOf(pid: number): { workers: number[]; admin: number[] } {
  const kids = fs
    .readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
  const is = (file: string) => (kid: number) => fs.readFileSync(`/proc/${kid}/cmdline`, 'utf8').includes(file)
  return { workers: kids.filter(is('src/worker.ts')), admin: kids.filter(is('src/admin/main.ts')) }
}

/** Resident memory in bytes. */
export function rssOf(pid: number): number {
  const kb = /^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kb) * 1024
}
