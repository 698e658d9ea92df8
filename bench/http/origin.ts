/** `node origin.ts CERT KEY OUT`: the origin of all cases on ports 80 and 443. On SIGTERM it writes what it saw and ends. */
import fs from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import { CaseOrigin } from '../../test/http-cases/origin.ts'
import { CASES } from '../../test/http-cases/tables/index.ts'

const [certFile = '', keyFile = '', out = ''] = process.argv.slice(2)
const origin = new CaseOrigin(CASES)
const half = { allowHalfOpen: true, noDelay: true }
const secureContext = tls.createSecureContext({ cert: fs.readFileSync(certFile), key: fs.readFileSync(keyFile) })
const plain = net.createServer(half, socket => origin.accept(socket))
const secure = net.createServer(half, raw => {
  const socket = new tls.TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] })
  socket.allowHalfOpen = true
  origin.accept(socket, raw)
})
plain.listen(80, () => secure.listen(443, () => console.log('ready')))

process.once('SIGTERM', () => {
  fs.writeFileSync(out, JSON.stringify(Object.fromEntries(origin.views)))
  process.exit(0)
})
