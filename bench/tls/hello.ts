import { createECDH, generateKeyPairSync } from 'node:crypto'

/** A ClientHello of our own making (RFC 8446 §4.1.2): right, but for what it is told. */
export interface Hello {
  /** Entries of the server name list. */
  names?: Buffer
  /** The whole body of that extension instead. */
  nameBody?: Buffer
  suites?: number[]
  groups?: number[]
  alpn?: string[]
  version?: number
  /** No supported_versions: TLS 1.2 at most. */
  only12?: boolean
  /** No extensions at all. */
  bare?: boolean
  sessionId?: number
  extra?: { id: number; body: Buffer }[]
  /** Behind the extensions. */
  tail?: Buffer
  /** The last extension says that it is so much longer than it is. */
  cutBy?: number
}

const u8 = (n: number) => Buffer.from([n])
const u16 = (n: number) => Buffer.from([n >> 8, n & 255])
const block = (...parts: Buffer[]) => {
  const body = Buffer.concat(parts)
  return Buffer.concat([u16(body.length), body])
}
const list = (numbers: number[]) => block(...numbers.map(u16))
const MAX_RECORD = 16_384
const X25519 = 29
const SUITES = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030]
/** ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256. */
const SCHEMES = [0x0403, 0x0804, 0x0401]

/** One host_name entry (RFC 6066 §3). */
export function serverNames(name: string | Buffer): Buffer {
  return Buffer.concat([u8(0), block(Buffer.isBuffer(name) ? name : Buffer.from(name))])
}

/** In as many records as it takes. */
export function hello(spec: Hello): Buffer {
  const { version = 0x0303, suites = SUITES, sessionId = 0, tail = Buffer.alloc(0) } = spec
  const body = Buffer.concat([
    u16(version),
    Buffer.alloc(32, 7),
    u8(sessionId),
    Buffer.alloc(sessionId, 8),
    list(suites),
    Buffer.from([1, 0]),
    ...(spec.bare ? [] : [extensions(spec), tail]),
  ])
  const message = Buffer.concat([
    Buffer.from([1, body.length >> 16, (body.length >> 8) & 255, body.length & 255]),
    body,
  ])
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += MAX_RECORD)
    records.push(Buffer.from([22, 3, 1]), block(message.subarray(at, at + MAX_RECORD)))
  return Buffer.concat(records)
}

function extensions(spec: Hello): Buffer {
  const { groups = [X25519, 23], alpn = ['http/1.1'], extra = [], cutBy = 0 } = spec
  const nameBody = spec.nameBody ?? (spec.names && block(spec.names))
  const all: { id: number; body: Buffer }[] = [
    ...(nameBody ? [{ id: 0, body: nameBody }] : []),
    { id: 10, body: list(groups) },
    { id: 11, body: Buffer.from([1, 0]) },
    { id: 13, body: list(SCHEMES) },
    { id: 16, body: block(...alpn.map(name => Buffer.concat([u8(name.length), Buffer.from(name)]))) },
    ...(spec.only12 ? [] : [{ id: 43, body: Buffer.from([4, 3, 4, 3, 3]) }]),
    ...(spec.only12 ? [] : [{ id: 51, body: block(...shares(groups)) }]),
    ...extra,
  ]
  const bytes = block(...all.map(({ id, body }) => Buffer.concat([u16(id), block(body)])))
  if (cutBy > 0) {
    const last = all.at(-1)!.body.length
    bytes.writeUInt16BE(last + cutBy, bytes.length - last - 2)
  }
  return bytes
}

function shares(groups: number[]): Buffer[] {
  if (groups.includes(X25519)) {
    const { publicKey } = generateKeyPairSync('x25519')
    return [u16(X25519), block(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32))]
  }
  return groups.includes(23) ? [u16(23), block(createECDH('prime256v1').generateKeys())] : []
}
