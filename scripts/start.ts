import fs from 'node:fs'
import net from 'node:net'
import { parseArgs } from 'node:util'
import { UserError } from '../src/core/errors.ts'
import { runSupervisor } from '../src/main.ts'
import { curl, webSocket } from '../test/lab/client.ts'
import { createLab, type Lab } from '../test/lab/lab.ts'

/**
 * `npm start`: the appliance in its own three-host lab, with a few real requests sent through it and the admin UI on
 * this machine. `npm start -- --config FILE`: the appliance on this machine, as a real gateway.
 */
const ADMIN_PORT = 8080
/** Shown to whoever tries the lab: what each kind of decision looks like in the UI. */
const LAB_POLICY = `version: 1
rules:
  - name: Banks stay closed
    domains: [bank.example]
    tier: names
  - name: Games
    domains: [games.example]
    action: block
  - name: Advertising
    domains: [ads.example]
    action: block
`

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { config: { type: 'string' }, port: { type: 'string' } } })
  if (values.config !== undefined) return runSupervisor(values.config)
  const port = Number(values.port ?? ADMIN_PORT)
  if (process.getuid?.() !== 0) throw new UserError('the lab makes network namespaces: run npm start as root (sudo).')
  await mustBeFree(port)
  const stop = stopSignal()
  say('building the lab: client, gateway and origin …')
  const lab = await createLab()
  try {
    await runLab(lab, port, stop)
  } finally {
    say('taking the lab down')
    await lab.close()
  }
  return 0
}

async function runLab(lab: Lab, port: number, stop: Promise<unknown>): Promise<void> {
  const weir = await lab.startWeir({ policy: writePolicy(lab), workers: 0 })
  await lab.forward('gateway', { port: weir.adminPort }, port)
  const signIn = /^weir: first sign-in: (.*)$/m.exec(weir.log())?.[1] ?? 'admin'
  await sendSamples(lab, weir.caFile)
  say(`
  Weir is running in its lab.

    Admin UI        http://127.0.0.1:${port}
    First sign-in   ${signIn}
    Its CA          ${weir.caFile}
    Its database    ${weir.stateDir}/traffic.db

  Try, in another terminal, as the lab's client:

    ip netns exec ${lab.namespace('client')} curl --cacert ${weir.caFile} https://www.origin.example/
    ip netns exec ${lab.namespace('client')} curl --cacert ${weir.caFile} https://games.example/     (blocked: the page says why)
    ip netns exec ${lab.namespace('client')} curl -kv https://bank.example/                          (not opened: the origin's own certificate)
    ip netns exec ${lab.namespace('client')} curl http://www.origin.example/.well-known/weir/   (what a device that does not trust Weir yet is shown)

  Ctrl-C ends it and leaves nothing behind.
`)
  const ended = await Promise.race([stop, weir.exited.then(() => 'weir')])
  if (ended === 'weir')
    throw new UserError(`the appliance ended by itself:\n${weir.log().trimEnd().split('\n').slice(-5).join('\n')}`)
  await weir.stop()
}

/** A few of everything, so that the first look at the UI shows something real. */
async function sendSamples(lab: Lab, ca: string): Promise<void> {
  say('sending a few requests through it …')
  const get = (...args: string[]) => curl(lab, args, { ca, timeoutMs: 15_000 })
  await get('http://www.origin.example/')
  await get('--http1.1', 'https://www.origin.example/')
  await get('--http2', 'https://www.origin.example/')
  await get('-6', 'https://api.origin.example/')
  for (let i = 0; i < 3; i++) await get('https://static.origin.example/cacheable')
  await get('https://games.example/play')
  await get('http://ads.example/banner.js')
  await get('-k', 'https://bank.example/')
  await get('https://bad-expired.example/')
  await get('--data-binary', 'hello', 'https://api.origin.example/echo')
  await webSocket(lab, 'wss://www.origin.example/ws', ['hello'], { ca })
}

function writePolicy(lab: Lab): string {
  const file = `${lab.dir}/policy.yaml`
  fs.writeFileSync(file, LAB_POLICY)
  return file
}

async function mustBeFree(port: number): Promise<void> {
  const server = net.createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(
        new UserError(
          `port ${port} of this machine is taken, perhaps by another npm start; end that, or name another port: npm start -- --port 8081`,
        ),
      ),
    )
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()))
  })
}

function stopSignal(): Promise<string> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve(signal))
  })
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof UserError)) throw error
  process.stderr.write(`weir: ${error.message}\n`)
  process.exitCode = 1
}
