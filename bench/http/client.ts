/** `node client.ts OUT LANE INDEX…`: asks these cases on one lane and writes what the client saw of each. */
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import { ask, type ClientView } from '../../test/http-cases/client.ts'
import { CASES } from '../../test/http-cases/tables/index.ts'
import { AT_ONCE, addressAt, isTls, type Lane, NAME, productOf, SOURCES } from './lanes.ts'

const [out = '', laneName = '', ...indices] = process.argv.slice(2)
const lane = laneName as Lane
const seen: Record<string, ClientView> = {}

interface Wire {
  readonly socket: net.Socket
  /** The same, or what is below TLS. */
  readonly raw: net.Socket
}

async function connect(host: string): Promise<Wire> {
  const localAddress = SOURCES[productOf(lane)]
  const port = isTls(lane) ? 443 : 80
  const raw = net.connect({ host, port, localAddress, allowHalfOpen: true, noDelay: true })
  await once(raw, 'connect')
  if (!isTls(lane)) return { socket: raw, raw }
  // Whose certificate it is, is no matter here
  const socket = tls.connect({ socket: raw, servername: NAME, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false })
  socket.allowHalfOpen = true
  await once(socket, 'secureConnect')
  return { socket, raw }
}

/** One address of the origin for each that works: no late answer goes to another case. */
async function work(address: string): Promise<void> {
  for (let index = indices.shift(); index !== undefined; index = indices.shift()) {
    const id = `${lane}-${index}`
    const names = { ID: id, HOST: NAME, ...(isTls(lane) ? HTTPS : HTTP) }
    try {
      const { socket, raw } = await connect(address)
      seen[id] = await ask(socket, CASES[Number(index)]!, names, raw)
    } catch (e) {
      seen[id] = { client: String(e), clientEnd: 'reset' }
    }
  }
}
const HTTP = { SCHEME: 'http', PORT: 80 } as const
const HTTPS = { SCHEME: 'https', PORT: 443 } as const

await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => work(addressAt(i))))
fs.writeFileSync(out, JSON.stringify(seen))
process.exit(0)
