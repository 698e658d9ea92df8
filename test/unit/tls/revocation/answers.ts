/** OCSP answers and CRLs for the tests, right and wrong ones, and a web server on loopback that hands them out. */
import { createHash } from 'node:crypto'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Fetch, Fetcher, type FetchOptions } from '../../../../src/tls/fetch/fetch.ts'
import { type CertificateFacts, parseCertificate } from '../../../../src/tls/x509.ts'
import { algorithmOf, type Cert, DAY, type Digest, signed } from '../../../pki/certificate.ts'
import { bits, explicit, implicit, int, nul, octets, oid, seq, time, tlv } from '../../../pki/der.ts'
import { extension } from '../../../pki/extensions.ts'
import { spkiOf } from '../../../pki/keys.ts'

export function facts(cert: Cert): CertificateFacts {
  const parsed = parseCertificate(cert.der)
  if (parsed === null) throw new Error('the test certificate does not parse')
  return parsed
}

export const gtime = (ms: number): Buffer =>
  tlv(0x18, Buffer.from(`${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`))

const digestIds: Record<string, string> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  md5: '1.2.840.113549.2.5',
}

/** The last element of an SPKI is the BIT STRING; P-256 and RSA 2048 keys only differ in its length. */
function keyBitsOf(cert: Cert): Buffer {
  const spki = spkiOf(cert.keys)
  return cert.keys.publicKey.asymmetricKeyType === 'ec' ? spki.subarray(26) : spki.subarray(24)
}

export function certId(cert: Cert, issuer: Cert, digest = 'sha1'): Buffer {
  const hash = (bytes: Buffer) => octets(createHash(digest).update(bytes).digest())
  return seq(seq(oid(digestIds[digest]!), nul()), hash(issuer.name), hash(keyBitsOf(issuer)), int(facts(cert).serial))
}

export interface SingleSpec {
  cert: Cert
  issuer: Cert
  status?: 'good' | 'revoked' | 'unknown' | Buffer
  reason?: number
  revokedAt?: number
  thisUpdate?: number
  nextUpdate?: number | null
  idDigest?: string
  extensions?: Buffer[]
}

export function single(spec: SingleSpec): Buffer {
  const { status = 'good', thisUpdate = Date.now() - 3600_000 } = spec
  const nextUpdate = spec.nextUpdate === undefined ? Date.now() + 3 * DAY : spec.nextUpdate
  const reason = spec.reason === undefined ? [] : [explicit(0, tlv(0x0a, Buffer.from([spec.reason])))]
  const words = {
    good: tlv(0x80),
    revoked: tlv(0xa1, gtime(spec.revokedAt ?? Date.now() - DAY), ...reason),
    unknown: tlv(0x82),
  }
  return seq(
    certId(spec.cert, spec.issuer, spec.idDigest),
    Buffer.isBuffer(status) ? status : words[status],
    gtime(thisUpdate),
    ...(nextUpdate === null ? [] : [explicit(0, gtime(nextUpdate))]),
    ...(spec.extensions === undefined ? [] : [explicit(1, seq(...spec.extensions))]),
  )
}

export interface OcspSpec extends Partial<SingleSpec> {
  cert: Cert
  issuer: Cert
  /** Who signs; the issuer by default. */
  signer?: Cert
  /** Who is said to have signed. */
  responder?: Cert
  by?: 'key' | 'name'
  certs?: Cert[]
  singles?: Buffer[]
  digest?: Digest
  responseExtensions?: Buffer[]
  responseStatus?: number
  signature?: Buffer
}

export function ocspAnswer(spec: OcspSpec): Buffer {
  if (spec.responseStatus !== undefined) return seq(tlv(0x0a, Buffer.from([spec.responseStatus])))
  const signer = spec.signer ?? spec.issuer
  const responder = spec.responder ?? signer
  const key = octets(createHash('sha1').update(keyBitsOf(responder)).digest())
  const data = seq(
    spec.by === 'name' ? explicit(1, responder.name) : explicit(2, key),
    gtime(Date.now() - 3600_000),
    seq(...(spec.singles ?? [single(spec)])),
    ...(spec.responseExtensions === undefined ? [] : [explicit(1, seq(...spec.responseExtensions))]),
  )
  const basic = seq(
    data,
    algorithmOf(signer.keys, spec),
    bits(spec.signature ?? signed(data, signer.keys, spec)),
    ...(spec.certs === undefined ? [] : [explicit(0, seq(...spec.certs.map(cert => cert.der)))]),
  )
  return seq(tlv(0x0a, Buffer.from([0])), explicit(0, seq(oid('1.3.6.1.5.5.7.48.1.1'), octets(basic))))
}

export interface CrlSpec {
  issuer: Cert
  /** Certificates or serial numbers' octets. */
  entries?: (Cert | Buffer)[]
  reason?: number
  revokedAt?: number
  entryExtensions?: Buffer[]
  thisUpdate?: number
  nextUpdate?: number | null
  extensions?: Buffer[]
  signer?: Cert
  digest?: Digest
  version?: number | null
}

export const reasonCode = (code: number): Buffer => extension('2.5.29.21', tlv(0x0a, Buffer.from([code])))

/** IssuingDistributionPoint: the URIs of the point, and raw further parts. */
export function issuingPoint(urls: string[], ...parts: Buffer[]): Buffer {
  const uris = urls.map(url => implicit(6, Buffer.from(url)))
  return extension('2.5.29.28', seq(...(urls.length > 0 ? [explicit(0, explicit(0, ...uris))] : []), ...parts), true)
}

export function crlOf(spec: CrlSpec): Buffer {
  const now = Date.now()
  const signer = spec.signer ?? spec.issuer
  const extras = [...(spec.reason === undefined ? [] : [reasonCode(spec.reason)]), ...(spec.entryExtensions ?? [])]
  const entries = (spec.entries ?? []).map(entry =>
    seq(
      int(Buffer.isBuffer(entry) ? entry : facts(entry).serial),
      time(spec.revokedAt ?? now - DAY),
      ...(extras.length > 0 ? [seq(...extras)] : []),
    ),
  )
  const algorithm = algorithmOf(signer.keys, spec)
  const tbs = seq(
    ...(spec.version === null ? [] : [int(spec.version ?? 1)]),
    algorithm,
    spec.issuer.name,
    time(spec.thisUpdate ?? now - 3600_000),
    ...(spec.nextUpdate === null ? [] : [time(spec.nextUpdate ?? now + 7 * DAY)]),
    ...(entries.length > 0 ? [tlv(0x30, Buffer.concat(entries))] : []),
    ...(spec.extensions === undefined ? [] : [explicit(0, seq(...spec.extensions))]),
  )
  return seq(tbs, algorithm, bits(signed(tbs, signer.keys, spec)))
}

export interface Web {
  port: number
  /** `http://pki.example:port/path`. */
  url(path: string): string
  /** Method and path of every request, in order. */
  seen: string[]
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void
  close(): void
}

/** A web server on loopback; `answer` may be replaced at any time. */
export async function web(answer: Web['answer'] = (_request, response) => response.end()): Promise<Web> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      it.seen.push(`${request.method} ${request.url}`)
      it.answer(request, response, Buffer.concat(chunks))
    })
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const it: Web = {
    port,
    url: path => `http://pki.example:${port}${path}`,
    seen: [],
    answer,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return it
}

/** Fetches from loopback, where every name leads. */
export function loopbackFetcher(options: Partial<FetchOptions> = {}): Fetcher {
  return new Fetcher({
    isOwn: () => false,
    networks: ['127.0.0.0/8'],
    resolve: (_host, done) => done(null, ['127.0.0.1']),
    ...options,
  })
}

/** The same for tests that are not about time: a busy machine may take long for what takes a millisecond. */
export function patientFetch(options: Partial<FetchOptions> = {}): Fetch {
  const { fetch } = loopbackFetcher(options)
  return (request, done) => fetch({ ...request, timeMs: 60_000 }, done)
}
