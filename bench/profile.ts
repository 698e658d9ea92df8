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

type Frame = CpuProfile['nodes'][number]['callFrame']

/** Where the worker's own code is: no traffic without it, nothing of interest before it. */
const OWN_CODE = '/src/pipeline/'

/**
 * Where the time went, frame by frame without what it calls, the most first. Start-up is left out: what comes before
 * the first sample in the worker's own code.
 */
export function hotSpots(
  profile: CpuProfile,
  count: number,
  nameOf: (frame: Frame) => string = functionName,
): HotSpot[] {
  const names = new Map(profile.nodes.map(node => [node.id, nameOf(node.callFrame)]))
  const idle = new Set(profile.nodes.filter(node => node.callFrame.functionName === '(idle)').map(node => node.id))
  const own = new Set(profile.nodes.filter(node => node.callFrame.url.includes(OWN_CODE)).map(node => node.id))
  const first = Math.max(
    profile.samples.findIndex(id => own.has(id)),
    0,
  )
  const self = new Map<string, number>()
  let busy = 0
  for (let i = first; i < profile.samples.length; i++) {
    const id = profile.samples[i]!
    if (idle.has(id)) continue
    const name = names.get(id) ?? ''
    const micros = profile.timeDeltas[i] ?? 0
    busy += micros
    self.set(name, (self.get(name) ?? 0) + micros)
  }
  return [...self]
    .sort((a, b) => b[1] - a[1])
    .slice(0, count)
    .map(([name, micros]) => ({ name, share: micros / busy }))
}

/** `parse src/http/h1/parse.ts:10` */
export function functionName({ functionName, url, lineNumber }: Frame): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  return url === '' ? name : `${name} ${place(url)}:${lineNumber + 1}`
}

/** `src/http/h1`, `node:internal`; what is not JavaScript by its name. */
export function folderName({ functionName, url }: Frame): string {
  if (url === '') return functionName
  return url.startsWith('node:') ? url.split('/')[0]! : path.dirname(place(url))
}

function place(url: string): string {
  return url.startsWith('node:') ? url : path.relative(path.resolve(import.meta.dirname, '..'), new URL(url).pathname)
}

/** The profile of the process that handled the traffic: the one in which the worker's own code runs. */
export function workerProfile(dir: string): CpuProfile | null {
  for (const file of fs.readdirSync(dir)) {
    if (!file.endsWith('.cpuprofile')) continue
    const profile = JSON.parse(fs.readFileSync(path.join(dir, file), 'utf8')) as CpuProfile
    if (profile.nodes.some(node => node.callFrame.url.includes(OWN_CODE))) return profile
  }
  return null
}
