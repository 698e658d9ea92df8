/** `node relay.ts SOCKET HOST PORT`: a Unix socket, reachable from every network namespace, in front of a TCP port in this one. */
import net from 'node:net'

const [file = '', host = '127.0.0.1', port = '0'] = process.argv.slice(2)
const server = net.createServer({ allowHalfOpen: true }, near => {
  const far = net.connect({ host, port: Number(port), allowHalfOpen: true })
  near.on('error', () => far.destroy())
  far.on('error', () => near.destroy())
  near.on('close', () => far.destroy())
  far.on('close', () => near.destroy())
  near.pipe(far)
  far.pipe(near)
})
server.listen(file, () => process.stdout.write('ready\n'))
