import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Lab, waitForLine } from '../test/lab/lab.ts'
import type { Product } from './products.ts'
import { HOSTS, type Site } from './site.ts'

const PORTS = { plain: 3130, tls: 3131 }
const CERTGEN = '/usr/lib/squid/security_file_certgen'

let count = 0

/**
 * Debian's squid-openssl with ssl-bump on the gateway, set up as well as its manual allows for this work: everything in
 * memory, no certificate store on disk, which makes first visits three times as slow.
 */
export async function startSquid(lab: Lab, site: Pick<Site, 'caFile'>): Promise<Product> {
  const dir = path.join(lab.dir, `squid-${++count}`)
  fs.mkdirSync(dir)
  makeAuthority(dir)
  fs.writeFileSync(`${dir}/squid.conf`, squidConfig(dir, site))
  execFileSync('chown', ['-R', 'proxy:proxy', dir])

  const logFile = `${dir}/out.log`
  // Its shared memory would outlive it when it is killed; in a /dev/shm of its own it does not.
  const start = `mount -t tmpfs tmpfs /dev/shm && exec squid --foreground -f ${dir}/squid.conf`
  const child = lab.spawn('gateway', ['unshare', '--mount', 'sh', '-c', start], { logFile })
  await waitForLine(child, `${dir}/cache.log`, /Accepting TPROXY intercepted SSL bumped/, 20_000)
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  return {
    name: 'squid',
    pid: child.pid!,
    caFile: `${dir}/ca.pem`,
    ports: PORTS,
    parts: {
      process: (_pid, line) => (/^\(squid-/.test(line) ? 'squid' : line.includes('certgen') ? 'certgen' : 'rest'),
    },
    logLost: async () => 0, // it waits for its log
    async stop() {
      child.ref()
      child.kill('SIGTERM')
      const limit = new AbortController()
      await Promise.race([exited, sleep(10_000, null, { signal: limit.signal }).catch(() => null)])
      limit.abort()
    },
  }
}

/** RSA, as every guide to ssl-bump says. */
function makeAuthority(dir: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
  openssl(
    ...['req', '-x509', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem'],
    ...['-subj', '/CN=Squid of the bench', '-days', '30'],
    ...extensions.flatMap(text => ['-addext', text]),
  )
}

function squidConfig(dir: string, site: Pick<Site, 'caFile'>): string {
  return `
http_port 127.0.0.1:3128
http_port ${PORTS.plain} tproxy
https_port ${PORTS.tls} tproxy ssl-bump tls-cert=${dir}/ca.pem tls-key=${dir}/ca.key generate-host-certificates=on dynamic_cert_mem_cache_size=64MB
sslcrtd_program ${CERTGEN}
sslcrtd_children 4 startup=4 idle=1
tls_outgoing_options cafile=${site.caFile}
acl hello at_step SslBump1
acl closed ssl::server_name ${HOSTS.spliced.name}
ssl_bump peek hello
ssl_bump splice closed
ssl_bump bump all
http_access allow all
# Like Weir's default: origins see the gateway's address
spoof_client_ip deny all
host_verify_strict off
via on
cache_mem 256 MB
maximum_object_size_in_memory 1 MB
memory_cache_mode always
client_idle_pconn_timeout 10 minutes
server_idle_pconn_timeout 10 minutes
pconn_lifetime 0
max_filedescriptors 16384
access_log daemon:${dir}/access.log squid
buffered_logs on
cache_log ${dir}/cache.log
cache_store_log none
logfile_rotate 0
pid_filename ${dir}/squid.pid
coredump_dir ${dir}
visible_hostname gateway.example
cache_effective_user proxy
cache_effective_group proxy
pinger_enable off
digest_generation off
shutdown_lifetime 1 second
workers 1
`
}
