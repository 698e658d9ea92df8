import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { routingCommands, tproxyRules } from '../../iptables/tproxy.ts'
import { RULES_DEFAULTS } from '../../src/os/rules.ts'
import { type Lab, waitForLine } from '../../test/lab/lab.ts'
import type { Lane } from './trial.ts'

/** Addresses of the client host: whose connections go which way. */
export const SOURCES: Readonly<Record<Lane, string>> = {
  weir: '10.77.1.10',
  squid: '10.77.1.11',
  openssl: '10.77.1.12',
}
/** Networks that are routed to the origin host, which owns every address in them. */
export const ORIGIN_NETS = ['198.18.0.0/15', '198.51.100.0/24', '192.0.2.0/24', '192.0.3.0/24']
/** Also at the origin, but nowhere that a gateway may be sent to by a certificate. */
export const PRIVATE_NET = '10.99.0.0/24'

/** Both gateways run at the same time: the kernel tells by the client's address who gets a connection. */
export function divide(lab: Lab, ports: { weir: number; squid: number }): void {
  const run = (argv: string[], input = '') =>
    execFileSync('ip', ['netns', 'exec', lab.namespace('gateway'), ...argv], { input, stdio: 'pipe' })
  const config = {
    ...RULES_DEFAULTS,
    interface: 'lan',
    ports: [443],
    tproxyPort: ports.weir,
    exclude: [`${SOURCES.openssl}/32`],
  }
  const { rule, route } = routingCommands(config)
  run(['ip', 'rule', 'add', ...rule])
  run(['ip', 'route', 'add', ...route])
  const usual = /^-A WEIR_PREROUTING .*--on-port.*$/m.exec(tproxyRules(config, 4))![0]
  const squids = usual
    .replace('-p tcp', `-s ${SOURCES.squid} -p tcp`)
    .replace(`--on-port ${ports.weir}`, `--on-port ${ports.squid}`)
  run(['iptables-restore'], tproxyRules(config, 4).replace(usual, `${squids}\n${usual}`))
}

/** Before anything is dialled: the origin's networks. */
export function routeOrigins(lab: Lab): void {
  const run = (host: 'gateway' | 'origin', ...argv: string[]) =>
    execFileSync('ip', ['-n', lab.namespace(host), ...argv], { stdio: 'pipe' })
  for (const net of [...ORIGIN_NETS, PRIVATE_NET]) {
    run('gateway', 'route', 'add', net, 'via', '203.0.113.10')
    run('origin', 'route', 'add', 'local', net, 'dev', 'lo')
  }
}

/**
 * Squid looks a request's host up before it goes where the client wanted to; here no name server answers, and it would wait.
 * No site has that address.
 */
export function nameHosts(lab: Lab, names: Iterable<string>): void {
  const lines = [...new Set(names)].filter(name => !/^[\d.]+$/.test(name)).map(name => `198.19.255.254 ${name}`)
  fs.appendFileSync(`/etc/netns/${lab.namespace('gateway')}/hosts`, `${lines.join('\n')}\n`)
}

/**
 * A web server on the gateway's own loopback and addresses, with a certificate that certificates of origins point to: a
 * gateway that fetches it can be sent anywhere inside.
 */
export async function startInside(lab: Lab, bodies: Record<string, string>): Promise<void> {
  const logFile = `${lab.dir}/inside.log`
  fs.writeFileSync(`${lab.dir}/inside.json`, JSON.stringify(bodies))
  const source = `
import fs from 'node:fs'
import http from 'node:http'
const bodies = JSON.parse(fs.readFileSync(${JSON.stringify(`${lab.dir}/inside.json`)}, 'utf8'))
http.createServer((request, response) => {
  const body = bodies[request.url]
  if (body === undefined) response.writeHead(404).end()
  else response.end(Buffer.from(body, 'base64'))
}).listen(80, '0.0.0.0', () => console.log('ready'))`
  const child = lab.spawn('gateway', [process.execPath, '--input-type=module', '-e', source], { logFile })
  await waitForLine(child, logFile, /^ready$/m, 10_000)
}
