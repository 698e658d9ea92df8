import fs from 'node:fs'
import path from 'node:path'

/** What `--cpu-prof` writes, as far as it is needed here. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  /** Microseconds since the sample before. */
  timeDeltas: number[]
}

export interface HotSpot {
  readonly name: string
  /** Of the time that was not idle. */
  readonly share: number
}

/** Functions by the time spent in themselves, the hottest first. */
export function hotSpots(profile: CpuProfile, count: number): HotSpot[] {
  const names = new Map(profile.nodes.map(node => [node.id, frameName(node.callFrame)]))
  const self = new Map<string, number>()
  let busy = 0
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? ''
    if (name === '(idle)') return
    const micros = profile.timeDeltas[i] ?? 0
    busy += micros
    self.set(name, (self.get(name) ?? 0) + micros)
  })
  return [...self]
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([name, micros]) => ({ name, share: micros / busy }))
}

function frameName({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return name
  const file = url.startsWith('node:')
    ? url
    : path.relative(path.resolve(import.meta.dirname, '..'), new URL(url).pathname)
  return `${name} ${file}:${lineNumber + 1}`
}

/** The profile of the process that handled the traffic: the one in which the worker's own code runs. */
export function workerProfile(dir: string): CpuProfile | null {
  for (const file of fs.readdirSync(dir)) {
    if (!file.endsWith('.cpuprofile')) continue
    const profile = JSON.parse(fs.readFileSync(path.join(dir, file), 'utf8')) as CpuProfile
    if (profile.nodes.some(node => node.callFrame.url.includes('/src/pipeline/'))) return profile
  }
  return null
}
