import fs from 'node:fs'
import type { Config } from '../config/schema.ts'
import { UserError } from '../core/errors.ts'
import { systemRoots } from '../tls/roots.ts'

/** What workers need to judge origins and cannot read themselves once they have no rights. */
export interface OriginTrust {
  /** PEM, each item one or more certificates: the system's and `tls.originRoots`. */
  originRootsPem: string[]
  /** As the administrator wrote them; checked when they are loaded. */
  revocationLists: { name: string; content: Buffer }[]
  clientCertificates: { host: string; certPem: string; keyPem: string }[]
  fetchNetworks: string[]
}

/** A CRL of a large CA reaches some ten megabytes. */
const MAX_LIST_BYTES = 64 << 20
/** The system's store changes some times a year, by a package update. */
const LOOK_MS = 60_000

/** Throws UserError. */
export function readOriginTrust({ tls }: Config): OriginTrust {
  return {
    originRootsPem: readRoots(tls.originRoots),
    revocationLists: tls.revocationLists.map(name => ({ name, content: readList(name) })),
    clientCertificates: tls.clientCertificates.map(({ host, cert, key }) => ({
      host,
      certPem: fs.readFileSync(cert, 'utf8'),
      keyPem: fs.readFileSync(key, 'utf8'),
    })),
    fetchNetworks: tls.fetchNetworks,
  }
}

function readRoots(files: readonly string[]): string[] {
  return [...systemRoots(), ...files.map(file => fs.readFileSync(file, 'utf8'))]
}

function readList(file: string): Buffer {
  if (fs.statSync(file).size > MAX_LIST_BYTES)
    throw new UserError(`${file} is larger than ${MAX_LIST_BYTES >> 20} MiB: this is no list of revoked certificates.`)
  return fs.readFileSync(file)
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
