import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest, { type TestFn } from 'ava'
import { curl } from '../lab/client.ts'
import { createLab, type Lab, waitForLine } from '../lab/lab.ts'
import type { WeirProcess } from '../lab/weir.ts'

/** Origins that let in only who has a certificate: on TLS 1.2 the handshake fails, on TLS 1.3 it fails after it. */
const test = anyTest.serial as TestFn

/** One server at each, TLS 1.2 and 1.3; a name per test, because what is learned of a name stays. */
const ADDRS = { 'TLSv1.2': '203.0.113.201', 'TLSv1.3': '203.0.113.202' } as const
const NAMES = ['once.bank.test', 'twice.bank.test', 'desk.bank.test']

const SERVER = `
import fs from 'node:fs'
import tls from 'node:tls'
const [dir, ca, ...listen] = process.argv.slice(1)
const read = file => fs.readFileSync(file)
for (const [host, version] of listen.map(word => word.split('='))) {
  const options = { key: read(dir + '/mtls.key'), cert: read(dir + '/mtls.pem'), ca: read(ca), requestCert: true, minVersion: version, maxVersion: version }
  const server = tls.createServer(options, socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      const who = socket.getPeerCertificate().subject.CN
      socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: ' + who.length + '\\r\\nConnection: close\\r\\n\\r\\n' + who)
    })
  })
  server.on('tlsClientError', () => {})
  server.listen(443, host, () => console.log('listening ' + host))
}
`

let lab: Lab
let weir: WeirProcess
let files: string

test.before(async () => {
  lab = await createLab()
  files = path.dirname(lab.origin.caFile)
  certificate('mtls', `/CN=${NAMES[0]}`, NAMES.map(name => `DNS:${name}`).join(','))
  certificate('gateway', '/CN=the gateway', 'DNS:gateway.test')
  certificate('person', '/CN=a person', 'DNS:person.test')
  for (const addr of Object.values(ADDRS))
    await lab.exec('origin', ['ip', 'addr', 'replace', `${addr}/24`, 'dev', 'eth0'])
  const logFile = `${lab.dir}/mtls.log`
  const listen = Object.entries(ADDRS).map(([version, addr]) => `${addr}=${version}`)
  const argv = [process.execPath, '--input-type=module', '-e', SERVER, '--', files, lab.origin.caFile, ...listen]
  const child = lab.spawn('origin', argv, { logFile })
  await waitForLine(child, logFile, /listening.*\nlistening/, 10_000)
  const own = { host: 'desk.bank.test', cert: `${files}/gateway.pem`, key: `${files}/gateway.key` }
  weir = await lab.startWeir({ tls: { clientCertificates: [own] }, workers: 2 })
})
test.after.always(async () => {
  await weir?.stop()
  await lab?.close()
})

function certificate(file: string, subject: string, san: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: files, stdio: 'pipe' })
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${file}.key`)
  const extensions = ['basicConstraints=CA:FALSE', `subjectAltName=${san}`, 'extendedKeyUsage=serverAuth,clientAuth']
  const added = extensions.flatMap(text => ['-addext', text])
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-key', `${file}.key`]
  openssl('req', '-x509', '-new', ...sign, '-subj', subject, '-days', '30', '-out', `${file}.pem`, ...added)
}

/** A program with a certificate of its own, which trusts Weir and the lab's internet. */
function visit(name: string, addr: string, trusts: string) {
  const own = ['--cert', `${files}/person.pem`, '--key', `${files}/person.key`]
  return curl(lab, [...own, '--resolve', `${name}:443:${addr}`, `https://${name}/`], { ca: trusts })
}

for (const [i, version] of (['TLSv1.2', 'TLSv1.3'] as const).entries()) {
  test(`${version}: the first attempt fails fast and says why, the second is left to the client and its own certificate`, async t => {
    const name = NAMES[i]!
    const startedMono = performance.now()
    const first = await visit(name, ADDRS[version], weir.caFile)
    t.true(performance.now() - startedMono < 10_000)
    t.is(first.status, 502)
    t.regex(first.body, /certificate of this device/)
    await sleep(1500) // events travel once a second
    const second = await visit(name, ADDRS[version], lab.origin.caFile)
    t.is(second.body, 'a person', second.error)
  })

  test(`${version}: a certificate configured for the host is shown there`, async t => {
    const answer = await visit('desk.bank.test', ADDRS[version], weir.caFile)
    t.is(answer.body, 'the gateway', answer.error)
  })
}
