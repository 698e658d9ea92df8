import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../../test/lab/lab.ts'
import { curlCode, gatewayCode, sClientCode } from './codes.ts'
import { SOURCES } from './gateway.ts'
import type { OddJob } from './odd-client.ts'
import { type Client, type Lane, MARKER, type Outcome, type Trial } from './trial.ts'

/** Whom the client trusts on each lane, as a PEM file: the origins' roots, or the gateway's CA and nobody else. */
export interface Trust extends Readonly<Record<Lane, string>> {
  /** Both together, for a client that may be let through. */
  readonly both: Readonly<Record<Lane, string>>
}

/** A client that has no answer by then hangs. */
const LIMIT_S = 18
/** The lane stands in it, so that the origin can say whose request it got. */
const REQUEST = (name: string, lane: Lane) =>
  `GET / HTTP/1.0\r\nHost: ${name}\r\nUser-Agent: ${lane}\r\nAccept: application/json\r\n\r\n`

const isAddress = (name: string) => /^[\d.]+$/.test(name)

/** A gateway that learns something from a failure does so in the background. */
const PAUSE_MS = 1500

/** What a client sees of the page behind `address`. */
export async function probe(lab: Lab, trust: Trust, lane: Lane, trial: Trial, address: string): Promise<Outcome> {
  const began = performance.now()
  const asked: Asked = { lab, lane, caFile: trust[lane], bothFile: trust.both[lane], name: trial.name, address }
  let seen = await ask(asked, trial.client)
  for (let i = 2; i <= (trial.attempts ?? 1) && seen.result !== 'served'; i++) {
    await sleep(PAUSE_MS)
    seen = await ask(asked, trial.client)
    if (seen.result === 'served') seen = { ...seen, code: `from attempt ${i} on` }
  }
  return { ...seen, ms: Math.round(performance.now() - began) }
}

type Seen = Omit<Outcome, 'ms'>

interface Asked {
  lab: Lab
  lane: Lane
  caFile: string
  bothFile: string
  name: string
  address: string
}

function ask(alone: Asked, client: Client): Promise<Seen> {
  const asked = 'trust' in client ? { ...alone, caFile: alone.bothFile } : alone
  switch (client.kind) {
    case 'page':
      return asked.lane === 'openssl' ? bySClient(asked, []) : byCurl(asked)
    case 'openssl':
      return bySClient(asked, client.args)
    case 'shell':
      return byShell(asked, client.script)
    case 'odd':
      return byOddClient(asked, client.oddity)
  }
}

async function byCurl({ lab, lane, caFile, name, address }: Asked): Promise<Seen> {
  const ran = await lab.exec(
    'client',
    [
      ...['curl', '-q', '-sS', '-i', '--http1.1', '--max-time', String(LIMIT_S), '--interface', SOURCES[lane]],
      ...['--cacert', caFile, '-A', lane, '-H', 'Accept: application/json', '--resolve', `${name}:443:${address}`],
      `https://${name}/`,
    ],
    { timeoutMs: (LIMIT_S + 5) * 1000 },
  )
  if (ran.stdout.includes(MARKER)) return { result: 'served', code: '' }
  if (ran.code === 28) return { result: 'hung', code: '' }
  return { result: 'refused', code: gatewayCode(ran.stdout) || curlCode(ran.stderr) }
}

async function bySClient({ lab, lane, caFile, name, address }: Asked, args: readonly string[]): Promise<Seen> {
  const named = isAddress(name)
    ? ['-verify_ip', name, '-noservername']
    : ['-verify_hostname', name, '-servername', name]
  const ran = await lab.exec(
    'client',
    [
      ...['timeout', String(LIMIT_S), 'openssl', 's_client', '-connect', `${address}:443`],
      ...['-bind', `${SOURCES[lane]}:0`, '-verify', '8', '-verify_return_error', '-quiet', '-no-CApath', '-no-CAstore'],
      ...['-CAfile', caFile, ...named, ...args.map(arg => arg.replace('{DIR}', lab.dir))],
    ],
    { timeoutMs: (LIMIT_S + 5) * 1000, input: REQUEST(name, lane) },
  )
  if (ran.stdout.includes(MARKER)) return { result: 'served', code: '' }
  if (ran.code === 124) return { result: 'hung', code: '' }
  return { result: 'refused', code: gatewayCode(ran.stdout) || sClientCode(ran.stderr) }
}

/** LANE, ADDRESS, NAME, SOURCE, CA, and WORK, a folder of its own; what it says on stderr is the code. */
async function byShell({ lab, lane, caFile, name, address }: Asked, script: string): Promise<Seen> {
  const work = fs.mkdtempSync(path.join(lab.dir, 'shell-'))
  const env = { LANE: lane, ADDRESS: address, NAME: name, SOURCE: SOURCES[lane], CA: caFile, WORK: work }
  const ran = await lab.exec('client', ['timeout', String(LIMIT_S + 10), 'sh', '-c', script], { env })
  const code = ran.stderr.trim().split('\n').at(-1) ?? ''
  if (ran.stdout.includes(MARKER)) return { result: 'served', code }
  return { result: ran.code === 124 ? 'hung' : 'refused', code }
}

async function byOddClient({ lab, lane, caFile, name, address }: Asked, oddity: string): Promise<Seen> {
  const job: OddJob = { lane, oddity, address, source: SOURCES[lane], name, caFile, limitMs: LIMIT_S * 1000 }
  const script = path.join(import.meta.dirname, 'odd-client.ts')
  const ran = await lab.exec('client', [process.execPath, script, JSON.stringify(job)])
  if (ran.stdout === '') throw new Error(`${oddity}: ${ran.stderr}`)
  return JSON.parse(ran.stdout) as Seen
}
