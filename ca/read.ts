import { createHash, X509Certificate } from 'node:crypto'
import type { CaPublic } from '../src/core/ca.ts'
import type { IpSubtree, NameLimits } from '../src/core/name-limits.ts'
import { children, content, dotted, fromDer, type Node, pem } from './asn1.ts'
import { extensionsOf, tbsParts } from './certificate.ts'

/** What the extensions of a CA certificate allow it to do. */
export interface CaFacts {
  isCa: boolean
  /** null: no limit. A malformed one can be negative. */
  pathLength: number | null
  /** keyCertSign; true also where the extension is absent. */
  maySign: boolean
  /** extKeyUsage is absent or has serverAuth (or any) in it. */
  mayServe: boolean
  hasKeyId: boolean
  limits: NameLimits | null
  /** OIDs of critical extensions that no browser would know. */
  unknownCritical: string[]
}

const OID = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  policyConstraints: '2.5.29.36',
  extKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
} as const
const KNOWN = new Set<string>(Object.values(OID))
const SERVER_AUTH = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0']

/** Throws when the certificate is not v3 or an extension is not what its OID says. */
export function readCaFacts(der: Buffer): CaFacts {
  const facts: CaFacts = {
    isCa: false,
    pathLength: null,
    maySign: true,
    mayServe: true,
    hasKeyId: false,
    limits: null,
    unknownCritical: [],
  }
  const extensions = extensionsOf(tbsParts(der).extensions)
  // RFC 5280 §4.2: not more than one of a kind; of two, one program reads the first and another the last.
  if (new Set(extensions.map(({ id }) => id)).size !== extensions.length) throw new Error('an extension twice')
  for (const { id, critical, value } of extensions) {
    const node = KNOWN.has(id) ? fromDer(value) : null
    if (node === null) {
      if (critical) facts.unknownCritical.push(id)
    } else if (id === OID.basicConstraints) {
      const [isCa, pathLength] = children(node)
      facts.isCa = isCa !== undefined && content(isCa)[0] === 0xff
      if (pathLength !== undefined) facts.pathLength = smallNumber(content(pathLength))
    } else if (id === OID.keyUsage) {
      facts.maySign = ((content(node)[1] ?? 0) & 0x04) !== 0
    } else if (id === OID.extKeyUsage) {
      facts.mayServe = children(node).some(purpose => SERVER_AUTH.includes(dotted(purpose)))
    } else if (id === OID.subjectKeyId) {
      facts.hasKeyId = true
    } else if (id === OID.nameConstraints) {
      facts.limits = readLimits(node)
    }
  }
  return facts
}

/** Negative stays negative: whoever asks must be able to refuse it. */
function smallNumber(octets: Buffer): number {
  if (octets.length === 0 || octets.length > 4) throw new Error('not a path length')
  return octets.readIntBE(0, octets.length)
}

function readLimits(node: Node): NameLimits {
  const limits: NameLimits = { permittedDns: null, permittedIp: null, excludedDns: [], excludedIp: [] }
  for (const list of children(node)) {
    for (const subtree of children(list)) {
      const base = children(subtree)[0]!
      const kind = base.type as number
      const permitted = (list.type as number) === 0
      if (kind === 2) {
        const name = content(base).toString('latin1').toLowerCase()
        if (permitted) limits.permittedDns = [...(limits.permittedDns ?? []), name]
        else limits.excludedDns.push(name)
      } else if (kind === 7) {
        const network = ipSubtree(content(base))
        if (permitted) limits.permittedIp = [...(limits.permittedIp ?? []), network]
        else limits.excludedIp.push(network)
      }
    }
  }
  return limits
}

function ipSubtree(octets: Buffer): IpSubtree {
  if (octets.length !== 8 && octets.length !== 32) throw new Error('not an address with its mask')
  const half = octets.length / 2
  return { address: octets.subarray(0, half), mask: octets.subarray(half) }
}

/** Every certificate of a PEM text, in order. Throws on one that cannot be read. */
export function readCertificates(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]+-----/g) ?? []
  const certs = blocks.map(block => new X509Certificate(block))
  if (!certs.every(hasKnownKey)) throw new Error('a key of an unknown kind')
  return certs
}

/** Comparing and verifying throw on any other certificate. */
export function hasKnownKey(cert: X509Certificate): boolean {
  try {
    return cert.publicKey.type === 'public'
  } catch {
    return false
  }
}

/** `path`: the CA, then each issuer up to a root. `sent` (PEM): what leaves are sent with. */
export function publicSide(path: readonly X509Certificate[], sent: string, imported: boolean): CaPublic {
  const cert = path[0]!
  const root = path[path.length - 1]!
  return {
    certPem: cert.toString(),
    certDer: Buffer.from(cert.raw),
    sha256: createHash('sha256').update(cert.raw).digest('hex'),
    subject: subjectOf(cert),
    notBefore: Math.max(...path.map(each => each.validFromDate.getTime())),
    notAfter: Math.min(...path.map(each => each.validToDate.getTime())),
    chainPem: sent,
    rootPem: root.toString(),
    imported,
    limits: path.map(each => readCaFacts(Buffer.from(each.raw)).limits).filter(limits => limits !== null),
  }
}

/** The common name, or all of the subject where there is none. */
export function subjectOf(cert: X509Certificate): string {
  return /(?:^|\n)CN=([^\n]*)/.exec(cert.subject)?.[1] ?? cert.subject.replaceAll('\n', ', ')
}

/** The certificate that devices must trust, as a public side of its own: what exports and guides are about. */
export function anchorOf(pub: CaPublic): CaPublic {
  return pub.rootPem === pub.certPem ? pub : publicSide([new X509Certificate(pub.rootPem)], '', pub.imported)
}

export function isSelfSigned(cert: X509Certificate): boolean {
  return cert.subject === cert.issuer && cert.checkIssued(cert) && cert.verify(cert.publicKey)
}

export function pemOf(cert: X509Certificate): string {
  return pem('CERTIFICATE', Buffer.from(cert.raw))
}

/** PEM readers skip text outside the blocks (RFC 7468 §2), so the chain's file can say where the CA came from. */
export const IMPORTED = 'Imported'

export function wasImported(chainPem: string): boolean {
  return chainPem.startsWith(IMPORTED)
}
