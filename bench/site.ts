import { execFileSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadOrCreateCa } from '../ca/create.ts'
import { mintLeaf } from '../src/tls/mint.ts'
import type { Lab } from '../test/lab/lab.ts'

/** The bench's internet: one nginx worker on the origin host, with a certificate of its own for every name. */
export interface Site {
  /** PEM of the CA that signed every certificate of the site. */
  readonly caFile: string
  /** Requests answered since the start. */
  requests(): Promise<number>
}

/** Addresses of the lab's origin host. */
export const HOSTS = {
  main: { name: 'www.bench.example', address: '203.0.113.10' },
  /** Never decrypted by anyone. */
  spliced: { name: 'spliced.bench.example', address: '203.0.113.12' },
  /** Offers HTTP/2 as well. */
  h2: { name: 'h2.bench.example', address: '203.0.113.13' },
} as const

/** Names that are visited once each. */
export const VISITS = { address: '203.0.113.11', name: (n: number) => `v${n}.visits.bench.example` } as const

export const BIG_MIB = 256
const STATUS_PORT = 8081

export async function startSite(lab: Lab, visits: number): Promise<Site> {
  const dir = path.join(lab.dir, 'site')
  fs.mkdirSync(`${dir}/html/cached`, { recursive: true })
  fs.mkdirSync(`${dir}/certs`)
  const names = [...Object.values(HOSTS).map(host => host.name), ...visitNames(visits)]
  const caFile = makeCertificates(dir, names)
  nameAddresses(lab, visits)
  for (const [file, size] of [
    ['1k', 1024],
    ['100k', 102_400],
    ['cached/1k', 1024],
  ] as const) {
    fs.writeFileSync(`${dir}/html/${file}`, Buffer.alloc(size, 'weir bench '))
  }
  fs.closeSync(fs.openSync(`${dir}/html/big`, 'w'))
  fs.truncateSync(`${dir}/html/big`, BIG_MIB << 20)
  fs.writeFileSync(`${dir}/nginx.conf`, nginxConfig(dir))
  lab.spawn('origin', ['nginx', '-p', dir, '-c', `${dir}/nginx.conf`, '-e', `${dir}/error.log`], {
    logFile: `${dir}/nginx.log`,
  })
  const site = { caFile, requests: () => countRequests(lab) }
  for (const until = Date.now() + 10_000; ; await sleep(50)) {
    if ((await site.requests()) >= 0) return site
    if (Date.now() > until) throw new Error(`nginx is not ready:\n${fs.readFileSync(`${dir}/error.log`, 'utf8')}`)
  }
}

/** -1 while nginx does not answer. This request counts itself. */
async function countRequests(lab: Lab): Promise<number> {
  const ran = await lab.exec('origin', ['curl', '-s', `http://127.0.0.1:${STATUS_PORT}/`], { timeoutMs: 5000 })
  const counts = /\n (\d+) (\d+) (\d+)/.exec(ran.stdout)
  return counts === null ? -1 : Number(counts[3])
}

/** One key, one leaf per name: what a client sees of a real internet. Answers the file of the CA. */
function makeCertificates(dir: string, names: readonly string[]): string {
  const ca = loadOrCreateCa(`${dir}/ca`, { hostname: 'bench origin' })
  execFileSync('openssl', [
    'genpkey',
    '-algorithm',
    'EC',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-out',
    `${dir}/key.pem`,
  ])
  const spki = createPublicKey(fs.readFileSync(`${dir}/key.pem`)).export({ type: 'spki', format: 'der' })
  for (const name of names)
    fs.writeFileSync(`${dir}/certs/${name}.pem`, mintLeaf(ca.key, ca.public, name, spki, Date.now()).certPem)
  const caFile = `${dir}/ca.pem`
  fs.writeFileSync(caFile, ca.public.certPem)
  return caFile
}

/** Squid looks the name of each request up and caches nothing whose address is not the one the client went to. */
function nameAddresses(lab: Lab, visits: number): void {
  const lines = Object.values(HOSTS).map(host => `${host.address} ${host.name}`)
  for (const name of visitNames(visits)) lines.push(`${VISITS.address} ${name}`)
  for (const host of ['client', 'gateway'] as const)
    fs.appendFileSync(`/etc/netns/${lab.namespace(host)}/hosts`, `${lines.join('\n')}\n`)
}

function visitNames(count: number): string[] {
  return Array.from({ length: count }, (_, n) => VISITS.name(n))
}

function nginxConfig(dir: string): string {
  const server = (listen: string, certificate: string) => `
  server {
    ${listen}
    ssl_certificate ${dir}/certs/${certificate}.pem;
    ssl_certificate_key ${dir}/key.pem;
    location / { add_header Cache-Control no-store; }
    location /cached/ { add_header Cache-Control "public, max-age=3600"; }
  }`
  return `
daemon off;
user root;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
events { worker_connections 16000; }
http {
  access_log off;
  default_type application/octet-stream;
  root ${dir}/html;
  client_body_temp_path ${dir}/tmp-body; proxy_temp_path ${dir}/tmp-proxy; fastcgi_temp_path ${dir}/tmp-fastcgi;
  uwsgi_temp_path ${dir}/tmp-uwsgi; scgi_temp_path ${dir}/tmp-scgi;
  open_file_cache max=64 inactive=1h; open_file_cache_valid 1h;
  sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 100000000; keepalive_timeout 1h;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_session_cache shared:bench:10m;
  server { listen 127.0.0.1:${STATUS_PORT}; stub_status; }
  ${server(`listen ${HOSTS.main.address}:80 backlog=8192; listen ${HOSTS.main.address}:443 ssl backlog=8192;`, HOSTS.main.name)}
  ${server(`listen ${HOSTS.spliced.address}:443 ssl;`, HOSTS.spliced.name)}
  ${server(`listen ${HOSTS.h2.address}:443 ssl http2;`, HOSTS.h2.name)}
  ${server(`listen ${VISITS.address}:443 ssl backlog=8192;`, '$ssl_server_name')}
}
`
}
