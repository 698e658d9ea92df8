import type { ExecResult } from '../../test/lab/exec.ts'
import type { Lab } from '../../test/lab/lab.ts'
import { SOURCES } from './gateway.ts'
import { type Lane, MARKER, type Outcome, type Trial } from './trial.ts'

/** Whom the client trusts on each lane, as a PEM file: the origins' roots, or the gateway's CA and nobody else. */
export type Trust = Readonly<Record<Lane, string>>

/** A client that has no answer by then hangs. */
const LIMIT_S = 20
const REQUEST = (name: string) => `GET / HTTP/1.0\r\nHost: ${name}\r\nAccept: application/json\r\n\r\n`

const isAddress = (name: string) => /^[\d.]+$/.test(name)

/** What a client sees of the page behind `address`. */
export async function probe(lab: Lab, trust: Trust, lane: Lane, trial: Trial, address: string): Promise<Outcome> {
  const began = performance.now()
  const { client } = trial
  const outcome =
    client.kind === 'openssl' || lane === 'openssl'
      ? await bySClient(lab, trust, lane, trial, address, client.kind === 'openssl' ? client.args : [])
      : await byCurl(lab, trust, lane, trial, address)
  return { ...outcome, ms: Math.round(performance.now() - began) }
}

type Seen = Omit<Outcome, 'ms'>

async function byCurl(lab: Lab, trust: Trust, lane: Lane, { name }: Trial, address: string): Promise<Seen> {
  const ran = await lab.exec(
    'client',
    [
      ...['curl', '-q', '-sS', '-i', '--http1.1', '--max-time', String(LIMIT_S), '--interface', SOURCES[lane]],
      ...['--cacert', trust[lane], '-H', 'Accept: application/json', '--resolve', `${name}:443:${address}`],
      `https://${name}/`,
    ],
    { timeoutMs: (LIMIT_S + 5) * 1000 },
  )
  if (ran.stdout.includes(MARKER)) return { result: 'served', code: '' }
  if (ran.code === 28) return { result: 'hung', code: '' }
  return { result: 'refused', code: gatewayCode(ran) }
}

/** Weir's JSON, Squid's page, or what curl made of the handshake. */
function gatewayCode({ stdout, stderr }: ExecResult): string {
  const weir = /"error":\s*"([a-z-]+)"/.exec(stdout)?.[1]
  if (weir !== undefined) return weir
  const squid = /^X-Squid-Error: (\w+)/im.exec(stdout)?.[1]
  if (squid !== undefined)
    return /\b(?:X509_V_ERR|SQUID_X509_V_ERR|SQUID_TLS_ERR|SQUID_ERR)_\w+/.exec(stdout)?.[0] ?? squid
  if (/no alternative certificate|does not match target host/.test(stderr)) return 'its certificate has another name'
  if (/SSL certificate problem/.test(stderr)) return 'not opened: the client sees the origin’s own certificate'
  return (
    /alert[\w ]*|unexpected eof[\w ]*|reset by peer|Empty reply|Connection refused|wrong version number|[\w ]+ failure/i.exec(
      stderr,
    )?.[0] ?? stderr.trim().slice(0, 60)
  )
}

async function bySClient(
  lab: Lab,
  trust: Trust,
  lane: Lane,
  { name }: Trial,
  address: string,
  args: readonly string[],
): Promise<Seen> {
  const named = isAddress(name)
    ? ['-verify_ip', name, '-noservername']
    : ['-verify_hostname', name, '-servername', name]
  const ran = await lab.exec(
    'client',
    [
      ...['timeout', String(LIMIT_S), 'openssl', 's_client', '-connect', `${address}:443`],
      ...['-bind', `${SOURCES[lane]}:0`, '-verify', '8', '-verify_return_error', '-quiet', '-no-CApath', '-no-CAstore'],
      ...['-CAfile', trust[lane], ...named, ...args],
    ],
    { timeoutMs: (LIMIT_S + 5) * 1000, input: REQUEST(name) },
  )
  if (ran.stdout.includes(MARKER)) return { result: 'served', code: '' }
  if (ran.code === 124) return { result: 'hung', code: '' }
  const code =
    /verify error:num=\d+:(.*)/.exec(ran.stderr)?.[1] ??
    /:(?:SSL routines|ssl)[^:]*:[^:]*:([\w ]+)/i.exec(ran.stderr)?.[1] ??
    /"error":\s*"([a-z-]+)"/.exec(ran.stdout)?.[1] ??
    ran.stderr.trim().split('\n').at(-1)?.slice(0, 60) ??
    ''
  return { result: 'refused', code }
}
