import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** The real openssl, in a folder that goes with the test. */
export class Pki {
  readonly dir: string

  constructor(t: { teardown(fn: () => void): void }) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-ca-'))
    t.teardown(() => fs.rmSync(this.dir, { recursive: true, force: true }))
  }

  at(name: string): string {
    return path.join(this.dir, name)
  }

  read(name: string): string {
    return fs.readFileSync(this.at(name), 'latin1')
  }

  openssl(...args: string[]): string {
    return execFileSync('openssl', args, { cwd: this.dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** A private key; kinds as `openssl genpkey` has them. */
  key(name: string, kind: 'p256' | 'p384' | 'p521' | 'rsa1024' | 'rsa2048' | 'ed25519' = 'p256'): string {
    const spec = kind.startsWith('rsa')
      ? ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${kind.slice(3)}`]
      : kind === 'ed25519'
        ? ['-algorithm', 'ED25519']
        : ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:P-${kind.slice(1)}`]
    this.openssl('genpkey', ...spec, '-out', `${name}.key`)
    return `${name}.key`
  }

  /** A certificate for `<name>.key`, self-signed without `issuer`. `extensions`: lines of an openssl section. */
  cert(name: string, spec: CertSpec = {}): string {
    const extensions = spec.extensions ?? CA_EXTENSIONS
    fs.writeFileSync(this.at(`${name}.cnf`), `[e]\n${extensions.join('\n')}\n`)
    this.openssl('req', '-new', '-key', `${name}.key`, '-subj', spec.subject ?? `/CN=${name}`, '-out', `${name}.csr`)
    const signer =
      spec.issuer === undefined
        ? ['-signkey', `${name}.key`]
        : ['-CA', `${spec.issuer}.pem`, '-CAkey', `${spec.issuer}.key`, '-CAcreateserial']
    const days = ['-days', String(spec.days ?? 365)]
    const digest = spec.digest ?? '-sha256'
    this.openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signer,
      ...days,
      digest,
      '-extfile',
      `${name}.cnf`,
      '-extensions',
      'e',
      '-out',
      `${spec.out ?? name}.pem`,
    )
    return `${spec.out ?? name}.pem`
  }

  /** A web server's certificate below the CA in `caDir`, signed by openssl: `leaf.pem`. */
  leafBelow(caCert: string, caKey: string, san: string): string {
    this.key('leaf')
    fs.writeFileSync(
      this.at('leaf.cnf'),
      `[e]\nsubjectAltName=critical,${san}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n`,
    )
    this.openssl('req', '-new', '-key', 'leaf.key', '-subj', '/', '-out', 'leaf.csr')
    this.openssl(
      'x509',
      '-req',
      '-in',
      'leaf.csr',
      '-CA',
      caCert,
      '-CAkey',
      caKey,
      '-CAcreateserial',
      '-CAserial',
      'leaf.srl',
      '-days',
      '10',
      '-extfile',
      'leaf.cnf',
      '-extensions',
      'e',
      '-out',
      'leaf.pem',
    )
    return this.at('leaf.pem')
  }

  /** What `openssl verify -x509_strict` says: '' when it is content. */
  verify(trusted: string, cert: string, untrusted: string | null = null): string {
    const more = untrusted === null ? [] : ['-untrusted', untrusted]
    if (cert !== trusted) more.push('-purpose', 'sslserver')
    const args = ['verify', '-x509_strict', '-no-CApath', '-no-CAstore', '-CAfile', trusted, ...more, cert]
    const run = spawnSync('openssl', args, { cwd: this.dir, encoding: 'utf8' })
    return run.status === 0 ? '' : run.stderr
  }
}

export interface CertSpec {
  subject?: string
  issuer?: string
  days?: number
  digest?: string
  extensions?: string[]
  out?: string
}

export const CA_EXTENSIONS = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
  'authorityKeyIdentifier=keyid',
]
