/**
 * One odd client on the lab's client host: `node odd-client.ts JOB`, JOB an OddJob in JSON. Prints an Outcome without its
 * time.
 */
import fs from 'node:fs'
import net from 'node:net'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { gatewayCode } from './codes.ts'
import { ODDITIES, type Oddity } from './oddities.ts'
import { type Lane, MARKER, type Outcome } from './trial.ts'

export interface OddJob {
  lane: Lane
  oddity: string
  address: string
  source: string
  name: string
  caFile: string
  limitMs: number
}

const HANDSHAKE = 22
const ALERT = 21
const SERVER_HELLO = 2
/** Names of protocols that nobody knows, and the one that everybody does. */
const HUGE_ALPN = [...Array.from({ length: 240 }, (_, i) => `${i}`.padEnd(250, 'x')), 'http/1.1']

const job = JSON.parse(process.argv[2]!) as OddJob
const oddity = ODDITIES.find(one => one.id === job.oddity)!

function end(result: Outcome['result'], code = ''): void {
  process.stdout.write(JSON.stringify({ result, code }))
  process.exit(0)
}

setTimeout(end, job.limitMs, 'hung')
const socket = net.connect({ host: job.address, port: 443, localAddress: job.source, noDelay: true })
socket.on('error', error => end('refused', error.message))
socket.once('connect', () => (oddity.raw === undefined ? askPage(oddity) : sendRaw(oddity.raw(), oddity.answer)))

function sendRaw(bytes: Buffer, answer: RegExp | undefined): void {
  let got = Buffer.alloc(0)
  if (bytes.length > 0) socket.write(bytes)
  socket.on('data', (chunk: Buffer) => {
    got = Buffer.concat([got, chunk])
    if (answer !== undefined) {
      if (answer.test(got.toString('latin1'))) end('served')
    } else if (got.length >= 6 && got[0] === HANDSHAKE && got[5] === SERVER_HELLO) end('served', 'ServerHello')
    else if (got.length >= 7 && got[0] === ALERT) end('refused', `alert ${got[6]}`)
  })
  socket.on('close', () => end('refused', got.length === 0 ? 'closed' : `closed after ${got.length} octets`))
}

function askPage({ shape, tls: options = {} }: Oddity): void {
  const { alpn = ['http/1.1'], servername = net.isIP(job.name) === 0 ? job.name : '', ...more } = options
  const secure = tls.connect({
    socket: shape === undefined ? socket : new Shaped(socket, shape),
    ca: fs.readFileSync(job.caFile),
    servername,
    host: job.name,
    // The name is what the person wanted, not its spelling on the wire.
    checkServerIdentity: (_name, cert) => tls.checkServerIdentity(job.name, cert),
    ...(alpn.length > 0 && { ALPNProtocols: alpn === 'huge' ? HUGE_ALPN : alpn }),
    ...more,
  })
  let text = ''
  secure.on('error', error => end('refused', /alert number \d+/.exec(error.message)?.[0] ?? error.message.slice(0, 80)))
  secure.once('secureConnect', () =>
    secure.write(`GET / HTTP/1.0\r\nHost: ${job.name}\r\nUser-Agent: ${job.lane}\r\nAccept: application/json\r\n\r\n`),
  )
  secure.on('data', chunk => {
    text += chunk.toString()
    if (text.includes(MARKER)) end('served')
  })
  secure.on('close', () => end('refused', gatewayCode(text) || 'closed'))
}

/** Writes the first flight in another form, and passes everything else on. */
class Shaped extends Duplex {
  readonly #below: net.Socket
  readonly #shape: NonNullable<Oddity['shape']>
  #first = true

  constructor(below: net.Socket, shape: NonNullable<Oddity['shape']>) {
    super()
    this.#below = below
    this.#shape = shape
    below.on('data', chunk => this.push(chunk))
    below.on('end', () => this.push(null))
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (!this.#first) {
      this.#below.write(chunk, done)
      return
    }
    this.#first = false
    void this.#send(this.#shape === 'octets' ? [...chunk].map(octet => Buffer.from([octet])) : inRecords(chunk)).then(
      () => done(),
      done,
    )
  }

  async #send(pieces: Buffer[]): Promise<void> {
    for (const piece of pieces) {
      this.#below.write(piece)
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  }
}

/** The handshake message of one record in many. */
function inRecords(record: Buffer): Buffer[] {
  const message = record.subarray(5)
  const out: Buffer[] = []
  for (let at = 0; at < message.length; at += 40) {
    const part = message.subarray(at, at + 40)
    out.push(Buffer.concat([record.subarray(0, 3), Buffer.from([0, part.length]), part]))
  }
  return out
}
