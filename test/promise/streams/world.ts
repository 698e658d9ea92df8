import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { type Lab, waitForLine } from '../../lab/lab.ts'
import { HOSTS, type HostName, type Mode, type Run, type Way } from './ways.ts'

/** Puts the servers of these tests into a lab, with names and certificates. */
export async function startStreamOrigin(lab: Lab): Promise<void> {
  const dir = path.dirname(lab.origin.caFile)
  const names = Object.keys(HOSTS)
  const hosts = Object.entries(HOSTS).map(([name, addr]) => `${addr} ${name}\n`)
  fs.appendFileSync(`/etc/netns/${lab.namespace('client')}/hosts`, hosts.join(''))
  const san = `subjectAltName=${names.map(name => `DNS:${name}`).join(',')}`
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'streams.key']
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-subj', `/CN=${names[0]}`, '-days', '30', '-out', 'streams.pem']
  const extensions = ['-addext', san, '-addext', 'basicConstraints=CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth']
  execFileSync('openssl', ['req', '-x509', ...key, ...signed, ...extensions], { cwd: dir, stdio: 'pipe' })
  const logFile = path.join(lab.dir, 'streams.log')
  const argv = [
    process.execPath,
    path.join(import.meta.dirname, 'origin.ts'),
    `${dir}/streams.pem`,
    `${dir}/streams.key`,
  ]
  await waitForLine(lab.spawn('origin', argv, { logFile }), logFile, /^ready$/m, 10_000)
}

/** `caFile`: PEM of every CA that signs on one of the two ways. */
export async function runCase(
  lab: Lab,
  caFile: string,
  kind: 'ask' | 'call' | 'messages',
  name: string,
  mode: Mode,
  way: Way,
  host: HostName = kind === 'call' ? 'calls.test' : 'web.test',
): Promise<Run> {
  const argv = [process.execPath, path.join(import.meta.dirname, 'client.ts'), kind, name, mode, way, host]
  const LARGE_BYTES = process.env.WEIR_LARGE_BYTES ?? '200000000'
  const ran = await lab.exec('client', argv, { env: { NODE_EXTRA_CA_CERTS: caFile, LARGE_BYTES } })
  if (ran.code !== 0) throw new Error(`${ran.stderr}\n${ran.stdout}`)
  return JSON.parse(ran.stdout) as Run
}
