import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { addrsOf, SITES } from './sites.ts'

export interface Certificates {
  readonly caFile: string
  /** One key for all leaves: what differs is what is said about it. */
  readonly keyFile: string
  /** PEM chain per name. */
  readonly leaves: Map<string, string>
  /** For clients that send no name: valid for every address of the origin. */
  readonly addressCert: string
}

/** Makes a CA, an intermediate, a CA nobody trusts, and the leaves of every site, right and wrong ones, with openssl. */
export function makeCertificates(dir: string): Certificates {
  const at = (name: string) => path.join(dir, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
  const newKey = (name: string) =>
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`)
  const authority = (name: string, subject: string, issuer: string[]) => {
    newKey(name)
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      `${name}.key`,
      '-subj',
      subject,
      '-days',
      '30',
      '-out',
      `${name}.pem`,
      ...issuer,
    )
  }
  authority('ca', '/O=Weir lab/CN=Weir lab origin root', [])
  authority('rogue', '/O=Weir lab/CN=A root nobody trusts', [])
  authority('middle', '/O=Weir lab/CN=Weir lab intermediate', ['-CA', 'ca.pem', '-CAkey', 'ca.key'])
  newKey('leaf')

  const leaf = (file: string, name: string, san: string, issuer: string | null, days = '30') => {
    const sign =
      issuer === null ? ['-key', 'leaf.key'] : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-key', 'leaf.key']
    const extensions = [`subjectAltName=${san}`, 'basicConstraints=CA:FALSE', 'extendedKeyUsage=serverAuth']
    openssl(
      'req',
      '-x509',
      '-new',
      ...sign,
      '-subj',
      `/CN=${name}`,
      '-days',
      days,
      '-out',
      file,
      ...extensions.flatMap(e => ['-addext', e]),
    )
  }
  const leaves = new Map<string, string>()
  const everyAddress: string[] = []
  for (const [name, site] of Object.entries(SITES)) {
    const { v4, v6 } = addrsOf(site)
    everyAddress.push(`IP:${v4}`, `IP:${v6}`)
    if (site.kind !== 'web') continue
    const file = `${name}.pem`
    const san = `DNS:${name}`
    leaves.set(name, at(file))
    if (site.cert === 'selfsigned') leaf(file, name, san, null)
    else if (site.cert === 'untrusted') leaf(file, name, san, 'rogue')
    else if (site.cert === 'name') leaf(file, 'other.example', 'DNS:other.example', 'ca')
    else if (site.cert === 'chain' || site.cert === 'no-chain') leaf(file, name, san, 'middle')
    else leaf(file, name, san, 'ca')
    if (site.cert === 'expired') expire(openssl, dir, file)
    if (site.cert === 'chain') execFileSync('sh', ['-c', 'cat middle.pem >>"$1"', 'sh', file], { cwd: dir })
  }
  leaf('address.pem', 'origin addresses', [...new Set(everyAddress)].join(','), 'ca')
  return { caFile: at('ca.pem'), keyFile: at('leaf.key'), leaves, addressCert: at('address.pem') }
}

/** Re-issues a leaf that ended yesterday; `openssl ca` is the one command of OpenSSL 3.0 that takes both dates. */
function expire(openssl: (...args: string[]) => Buffer, dir: string, file: string): void {
  const config =
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\npolicy=p\ncopy_extensions=copyall\n[p]\ncommonName=supplied\n'
  fs.writeFileSync(path.join(dir, 'ca.cnf'), config)
  fs.writeFileSync(path.join(dir, 'index.txt'), '')
  const digits = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$|[-:T]/g, '')
  const day = 24 * 3600_000
  const dates = ['-startdate', `${digits(Date.now() - 31 * day)}Z`, '-enddate', `${digits(Date.now() - day)}Z`]
  openssl(
    'x509',
    '-x509toreq',
    '-in',
    file,
    '-signkey',
    'leaf.key',
    '-copy_extensions',
    'copyall',
    '-out',
    'expired.csr',
  )
  const how = ['-batch', '-notext', '-md', 'sha256', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key']
  openssl('ca', ...how, ...dates, '-in', 'expired.csr', '-out', file)
}
