/** `node client.ts KIND NAME MODE WAY HOST`: runs one case on the lab's client and prints the `Run` it was. */
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import http2 from 'node:http2'
import { json } from 'node:stream/consumers'
import { Asker } from './asking.ts'
import { ASKS } from './asks.ts'
import { call } from './grpc.ts'
import { exchangeMessages, loseServer } from './sockets.ts'
import { HOSTS, type HostName, type Mode, type Run, WAYS, type Way } from './ways.ts'

const [kind, name, mode, way, host] = process.argv.slice(2) as [string, string, Mode, Way, HostName]
const LIMIT_MS = 55_000
const run = randomUUID()
const agent = new http.Agent({ keepAlive: true })

/** Beside the way under test. */
async function aside(path: string): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  http.get({ agent, host: HOSTS['web.test'], port: WAYS.direct.http, path }, resolve).on('error', reject)
  return json(await promise)
}

async function runCase(): Promise<{ events: string[]; remark: string }> {
  if (kind === 'messages') {
    const events = name === 'dropped' ? await loseServer(mode, way, run) : await exchangeMessages(mode, way, run)
    return { events, remark: '' }
  }
  if (kind === 'call') {
    const session = http2.connect(`https://${host}:${WAYS[way].https}`)
    const events = await call(session, name, run)
    session.close()
    return { events, remark: '' }
  }
  const asker = new Asker(host, mode, way, run)
  await ASKS[name]!(asker, async event => void (await aside(`/ack?run=${run}&event=${event}`)))
  asker.close()
  return { events: asker.trace.events, remark: asker.remark }
}

setTimeout(() => {
  process.stderr.write(`${name} (${mode}, ${way}) has no end`)
  process.exit(1)
}, LIMIT_MS).unref()
const started = performance.now()
const { events, remark } = await runCase()
const took = `${Math.round(performance.now() - started)} ms`
const { events: origin, via } = (await aside(`/trace?run=${run}`)) as { events: string[]; via: string }
const whole: Run = { client: events, origin, via, remark: remark === '' ? took : `${took}, ${remark}` }
process.stdout.write(JSON.stringify(whole), () => process.exit(0))
