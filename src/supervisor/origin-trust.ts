import fs from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config/schema.ts'
import { UserError } from '../core/errors.ts'
import { MAX_LIST_BYTES, readRevocationList } from '../tls/revocation/lists.ts'
import { originContext, systemRoots } from '../tls/roots.ts'

/** What workers need to judge origins and cannot read themselves once they have no rights. */
export interface OriginTrust {
  /** PEM, each item one or more certificates: the system's and `tls.originRoots`. */
  originRootsPem: string[]
  /** As the administrator wrote them; checked when they are loaded. */
  revocationLists: { name: string; content: Buffer }[]
  clientCertificates: { host: string; certPem: string; keyPem: string }[]
  fetchNetworks: string[]
}

/** The system's store changes some times a year, by a package update. */
const LOOK_MS = 60_000

/** Throws one UserError that tells every mistake in the files. */
export function readOriginTrust(config: Config): OriginTrust {
  const faults = trustFaults(config)
  if (faults.length > 0) throw new UserError(faults.join('\n'))
  const { tls } = config
  return {
    originRootsPem: readRoots(tls.originRoots),
    revocationLists: tls.revocationLists.map(name => ({ name, content: fs.readFileSync(name) })),
    clientCertificates: tls.clientCertificates.map(({ host, cert, key }) => ({
      host,
      certPem: fs.readFileSync(cert, 'utf8'),
      keyPem: fs.readFileSync(key, 'utf8'),
    })),
    fetchNetworks: tls.fetchNetworks,
  }
}

/** Every mistake in the files the configuration names for TLS, a sentence each; the files can be read. */
export function trustFaults({ tls }: Config): string[] {
  const faults = tls.originRoots.flatMap(file => {
    try {
      originContext([fs.readFileSync(file, 'utf8')])
      return []
    } catch (error) {
      return [`${file}: ${(error as Error).message}`]
    }
  })
  for (const file of tls.revocationLists) faults.push(...listFaults(file))
  for (const { host, cert, key } of tls.clientCertificates) {
    try {
      createSecureContext({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) })
    } catch {
      // OpenSSL's message may quote what it could not read
      faults.push(`${cert} and ${key}, for ${host}: not a certificate and its private key in PEM form.`)
    }
  }
  return faults
}

function listFaults(file: string): string[] {
  if (fs.statSync(file).size > MAX_LIST_BYTES)
    return [`${file}: larger than ${MAX_LIST_BYTES >> 20} MiB; this is no list of revoked certificates.`]
  return readRevocationList(file, fs.readFileSync(file)).faults
}

function readRoots(files: readonly string[]): string[] {
  return [...systemRoots(), ...files.map(file => fs.readFileSync(file, 'utf8'))]
}

/** Calls back when the roots have changed on disk: a root that is distrusted must not be trusted until the next restart. */
export function watchRoots(files: readonly string[], onChange: (rootsPem: string[]) => void): () => void {
  let known = readRoots(files).join()
  const timer = setInterval(() => {
    let roots: string[]
    try {
      roots = readRoots(files)
    } catch {
      return // in the middle of being replaced
    }
    if (roots.join() === known) return
    known = roots.join()
    onChange(roots)
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
