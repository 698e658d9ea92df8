import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Host, type Lab, waitForLine } from '../../test/lab/lab.ts'
import { SOURCES } from './gateway.ts'

/** What goes over the wire on either side of Weir, as tshark reads it. */

export interface Visit {
  name: string
  address: string
  caFile: string
}

/** Lines of tshark's tree that say what is offered and chosen, and how each is called here. */
const LINES: readonly (readonly [RegExp, string])[] = [
  [/^ {12}Version: (.*) \(0x/, 'legacy version'],
  [/^ +Cipher Suite: (\w+)/, 'suites'],
  [/^ {12,16}Compression Method: (.*) \(/, 'compression'],
  [/^ +Extension: ([\w ().-]+?) \(len=\d+\)/, 'extensions'],
  [/^ +Supported Version: (.*) \(0x/, 'versions'],
  [/^ +Supported Group: (.*\))/, 'groups'],
  [/^ +Named Curve: (.*\))/, 'group'],
  [/^ +Key Share Entry: Group: (.*), Key Exchange length/, 'key shares'],
  [/^ +Signature Algorithm: (\w+) \(0x/, 'signatures'],
  [/^ +ALPN Next Protocol: (.*)/, 'ALPN'],
]
const MESSAGE = /^ {8}Handshake Protocol: (.*)/
/** Newer than this tshark. */
const NEW_GROUP = /Unknown \((?:0x11ec|4588)\)/
const GROUP_NUMBER = / \((?:0x[0-9a-f]+|\d+)\)$/
/** Values by what they are, in the order of the wire. */
type Facts = Map<string, string[]>

const READY = /Capturing on/

/** Markdown: each handshake message of interest, in the order of the wire. */
export async function captureHandshakes(lab: Lab, visit: Visit): Promise<string> {
  const there = await lab.exec('client', ['tshark', '--version']).catch(() => null)
  if (there?.code !== 0) return 'No capture: tshark is not installed.'
  const out: string[] = []
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    const sides = await Promise.all([Side.open(lab, 'client', version), Side.open(lab, 'origin', version)])
    await visitOnce(lab, visit, version)
    await sleep(500)
    const [client, origin] = [await sides[0].close(), await sides[1].close()]
    // Weir offers origins the same whatever its client can do: once is enough.
    if (version === 'TLSv1.3') out.push(...section('What Weir offers an origin', origin, /^Client Hello/))
    const label = `What Weir answers a client that ${version === 'TLSv1.3' ? 'can do everything' : 'can do TLS 1.2 at most'}`
    out.push(...section(label, client, /^(Server Hello|Encrypted Extensions|Server Key Exchange|New Session Ticket)$/))
  }
  return out.join('\n')
}

function section(title: string, messages: Map<string, Facts>, wanted: RegExp): string[] {
  const lines = [...messages].flatMap(([name, facts]) =>
    wanted.test(name) ? [name, ...[...facts].map(([label, values]) => `  ${label}: ${values.join(', ')}`)] : [],
  )
  return [`### ${title}`, '', '```', ...lines, '```', '']
}

/** A client as able as the runtime is, with its keys logged so that what is encrypted can be shown. */
async function visitOnce(lab: Lab, { name, address, caFile }: Visit, maxVersion: string): Promise<void> {
  const source = `
import fs from 'node:fs'
import tls from 'node:tls'
const socket = tls.connect({
  host: ${JSON.stringify(address)}, port: 443, localAddress: ${JSON.stringify(SOURCES.weir)}, servername: ${JSON.stringify(name)},
  ca: fs.readFileSync(${JSON.stringify(caFile)}), ALPNProtocols: ['h2', 'http/1.1'], maxVersion: ${JSON.stringify(maxVersion)},
})
socket.on('keylog', line => fs.appendFileSync(${JSON.stringify(path.join(lab.dir, 'keys.log'))}, line))
socket.on('error', error => { console.error(error); process.exit(1) })
socket.on('secureConnect', () => {
  const settings = '000000040000000000'
  // GET / with :authority as a literal, HPACK without Huffman
  const authority = Buffer.from(${JSON.stringify(name)})
  const block = Buffer.concat([Buffer.from('828784', 'hex'), Buffer.from([0x41, authority.length]), authority])
  const head = Buffer.from([0, 0, block.length, 1, 5, 0, 0, 0, 1])
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n'), Buffer.from(settings, 'hex'), head, block]))
  setTimeout(() => process.exit(0), 2000)
})`
  const ran = await lab.node('client', source)
  if (ran.code !== 0) throw new Error(ran.stderr)
}

/** One tshark at work. */
class Side {
  readonly #lab: Lab
  readonly #host: Host
  readonly #file: string
  readonly #child: ReturnType<Lab['spawn']>
  readonly #ended: Promise<void>

  private constructor(lab: Lab, host: Host, file: string, child: ReturnType<Lab['spawn']>) {
    this.#lab = lab
    this.#host = host
    this.#file = file
    this.#child = child
    this.#ended = new Promise(resolve => child.once('exit', () => resolve()))
  }

  static async open(lab: Lab, host: Host, version: string): Promise<Side> {
    const file = path.join(lab.dir, `${host}-${version}.pcap`)
    const logFile = `${file}.log`
    const child = lab.spawn(host, ['tshark', '-q', '-i', 'eth0', '-w', file, 'tcp', 'port', '443'], { logFile })
    await waitForLine(child, logFile, READY, 20_000)
    await sleep(500) // it says so a little before it is true
    return new Side(lab, host, file, child)
  }

  /** Facts by name of the handshake message; of messages with one name the first. */
  async close(): Promise<Map<string, Facts>> {
    this.#child.ref()
    this.#child.kill('SIGINT')
    await this.#ended
    const keys = `tls.keylog_file:${path.join(this.#lab.dir, 'keys.log')}`
    const ran = await this.#lab.exec(this.#host, ['tshark', '-r', this.#file, '-o', keys, '-Y', 'tls.handshake', '-V'])
    return readTree(ran.stdout)
  }
}

function readTree(text: string): Map<string, Facts> {
  const messages = new Map<string, Facts>()
  let facts: Facts = new Map()
  for (const line of text.split('\n')) {
    const message = MESSAGE.exec(line)?.[1]
    if (message !== undefined) {
      facts = new Map()
      if (!messages.has(message)) messages.set(message, facts)
    }
    for (const [pattern, label] of LINES) {
      const value = pattern.exec(line)?.[1]?.replace(NEW_GROUP, 'X25519MLKEM768').replace(GROUP_NUMBER, '')
      if (value !== undefined) facts.set(label, [...(facts.get(label) ?? []), value])
    }
  }
  return messages
}
