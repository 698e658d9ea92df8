import net from 'node:net'
import type { HelloFacts } from '../core/conn.ts'
import { ja3, ja4 } from './fingerprint.ts'
import { hostName } from './hostname.ts'
import { Malformed, Reader } from './reader.ts'

/** Post-quantum hellos reach 2 KiB, PSKs and ECH some more; 64 KiB is beyond any client and still cheap to hold. */
export const MAX_HELLO_BYTES = 65_536

export interface ClientHello {
  /** Lower case, no final dot; null when there is none or it is no host name (see `sniFault`). */
  sni: string | null
  /** Why a server name that was sent is not in `sni`: an address (RFC 6066 §3 forbids it), or no host name at all. */
  sniFault: 'address' | 'invalid' | null
  /** The address that was sent as a name, as sent; null. */
  sniAddress: string | null
  /** One character per octet, GREASE included, in order of preference. */
  alpn: string[]
  /** legacy_version: 0x0303 for anything modern. */
  legacyVersion: number
  /** supported_versions as sent; empty without that extension. */
  versions: number[]
  cipherSuites: number[]
  /** Extension ids in the order sent. */
  extensions: number[]
  groups: number[]
  pointFormats: number[]
  signatureSchemes: number[]
  keyShareGroups: number[]
  /** encrypted_client_hello (0xfe0d), real or GREASE. */
  ech: boolean
  /** A non-empty RFC 5077 session ticket. */
  sessionTicket: boolean
  preSharedKey: boolean
}

/** Closed words, for the log. */
export type HelloFault =
  | 'sslv2'
  | 'record-type'
  | 'record-version'
  | 'record-length'
  | 'not-client-hello'
  | 'too-large'
  | 'trailing-bytes'
  | 'truncated-field'
  | 'bad-length'
  | 'duplicate-extension'
  | 'several-names'
  | 'bad-server-name'
  | 'bad-alpn'

/** `need`: how many bytes in all are wanted before another attempt can tell more. */
export type HelloResult =
  | { state: 'more'; need: number }
  | { state: 'hello'; hello: ClientHello }
  | { state: 'malformed'; why: HelloFault }

const RECORD_HEADER = 5
const MAX_FRAGMENT = 16_384 // RFC 8446 §5.1
const EXT_SERVER_NAME = 0
const EXT_GROUPS = 10
const EXT_POINT_FORMATS = 11
const EXT_SIGNATURES = 13
const EXT_ALPN = 16
const EXT_SESSION_TICKET = 35
const EXT_PRE_SHARED_KEY = 41
const EXT_VERSIONS = 43
const EXT_KEY_SHARE = 51
const EXT_ECH = 0xfe0d
const ECDSA_SECP256R1_SHA256 = 0x0403

/**
 * Parses a ClientHello from the first bytes of a connection, however TCP and the record layer cut it up.
 * Pure: keeps nothing, changes nothing; what follows the hello's last record is left alone (early data).
 */
export function parseClientHello(bytes: Buffer): HelloResult {
  const message = gather(bytes)
  if (!Buffer.isBuffer(message)) return message
  try {
    return { state: 'hello', hello: parseBody(new Reader(message, 4, message.length)) }
  } catch (error) {
    if (error instanceof Malformed) return malformed(error.why)
    throw error
  }
}

/** For policy, log and upstream. */
export function helloFacts(hello: ClientHello): HelloFacts {
  let maxVersion = hello.versions.length === 0 ? hello.legacyVersion : 0
  // GREASE (0x?a?a) and drafts (0x7f..) are no versions: only 0x03xx counts.
  for (const version of hello.versions) if (version >> 8 === 3 && version > maxVersion) maxVersion = version
  return {
    sni: hello.sni,
    alpn: hello.alpn,
    maxVersion,
    ech: hello.ech,
    ecdsa: hello.signatureSchemes.includes(ECDSA_SECP256R1_SHA256),
    badName: hello.sniFault === 'invalid',
    sniAddress: hello.sniAddress,
    ja3: ja3(hello),
    ja4: ja4(hello),
  }
}

/** The handshake message, joined from its records: the fragments' boundaries mean nothing (RFC 8446 §5.1). */
function gather(bytes: Buffer): Buffer | HelloResult {
  let at = 0
  let have = 0
  let want = 4
  const fragments: Buffer[] = []
  /**
   * Octets without which the hello cannot be whole: the records so far, and one more with all that is still missing. Asking
   * for no fewer keeps a hello that drips in by records of one octet from being gathered anew for each.
   */
  let need = RECORD_HEADER + want
  while (have < want) {
    if (bytes.length > at && bytes[at] !== 22) return malformed('record-type')
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return malformed('record-version')
    if (bytes.length < at + RECORD_HEADER) return { state: 'more', need }
    const length = bytes.readUInt16BE(at + 3)
    // Empty handshake fragments are forbidden (§5.1), and would make the number of records unlimited.
    if (length === 0 || length > MAX_FRAGMENT) return malformed('record-length')
    const end = at + RECORD_HEADER + length
    const fragment = bytes.subarray(at + RECORD_HEADER, end)
    fragments.push(fragment)
    have += fragment.length
    if (fragments[0]!.length > 0 && fragments[0]![0] !== 1) return malformed('not-client-hello')
    if (want === 4 && have >= 4) want = 4 + lengthOf(fragments)
    const missing = want - have - (length - fragment.length)
    need = missing > 0 ? end + RECORD_HEADER + missing : end
    if (want > MAX_HELLO_BYTES || need > MAX_HELLO_BYTES) return malformed('too-large')
    if (bytes.length < end) return { state: 'more', need }
    at = end
  }
  // Nothing may share the hello's record: the client has nothing else to say before our answer.
  if (have > want) return malformed('trailing-bytes')
  return fragments.length === 1 ? fragments[0]! : Buffer.concat(fragments)
}

function lengthOf(fragments: Buffer[]): number {
  const head = fragments[0]!.length >= 4 ? fragments[0]! : Buffer.concat(fragments)
  return head.readUIntBE(1, 3)
}

function malformed(why: HelloFault): HelloResult {
  return { state: 'malformed', why }
}

function parseBody(r: Reader): ClientHello {
  const hello: ClientHello = {
    sni: null,
    sniFault: null,
    sniAddress: null,
    alpn: [],
    legacyVersion: r.u16(),
    versions: [],
    cipherSuites: [],
    extensions: [],
    groups: [],
    pointFormats: [],
    signatureSchemes: [],
    keyShareGroups: [],
    ech: false,
    sessionTicket: false,
    preSharedKey: false,
  }
  r.skip(32) // random
  const sessionId = r.u8()
  if (sessionId > 32) throw new Malformed('bad-length')
  r.skip(sessionId)
  hello.cipherSuites = r.block16().u16List(1)
  if (r.block8().left() === 0) throw new Malformed('bad-length') // compression methods
  if (r.left() === 0) return hello // before TLS 1.3 the extensions are optional (RFC 5246 §7.4.1.2)
  const extensions = r.block16()
  r.done()
  const seen = new Set<number>() // there may be thousands
  while (extensions.left() > 0) {
    const id = extensions.u16()
    // RFC 8446 §4.2; two server names would let us and the origin each believe another one.
    if (seen.has(id)) throw new Malformed(id === EXT_SERVER_NAME ? 'several-names' : 'duplicate-extension')
    seen.add(id)
    hello.extensions.push(id)
    parseExtension(hello, id, extensions.block16())
  }
  return hello
}

function parseExtension(hello: ClientHello, id: number, r: Reader): void {
  switch (id) {
    case EXT_SERVER_NAME:
      parseServerName(hello, r)
      break
    case EXT_ALPN:
      hello.alpn = parseAlpn(r)
      break
    case EXT_VERSIONS:
      hello.versions = r.block8().u16List(1)
      r.done()
      break
    case EXT_GROUPS:
      hello.groups = r.block16().u16List(1)
      r.done()
      break
    case EXT_POINT_FORMATS:
      hello.pointFormats = r.block8().u8List()
      r.done()
      break
    case EXT_SIGNATURES:
      hello.signatureSchemes = r.block16().u16List(1)
      r.done()
      break
    case EXT_KEY_SHARE:
      hello.keyShareGroups = parseKeyShares(r)
      break
    case EXT_SESSION_TICKET:
      hello.sessionTicket = r.left() > 0
      break
    case EXT_PRE_SHARED_KEY:
      hello.preSharedKey = true
      break
    case EXT_ECH:
      hello.ech = true
      break
    default:
  }
}

/** RFC 6066 §3: exactly one name of the only type there is. */
function parseServerName(hello: ClientHello, r: Reader): void {
  const list = r.block16()
  r.done()
  if (list.left() === 0 || list.u8() !== 0) throw new Malformed('bad-server-name')
  const name = list.block16().text()
  if (list.left() > 0) throw new Malformed('several-names')
  if (name === '') throw new Malformed('bad-server-name')
  hello.sni = hostName(name)
  if (hello.sni !== null) return
  hello.sniFault = net.isIP(name) !== 0 ? 'address' : 'invalid'
  if (hello.sniFault === 'address') hello.sniAddress = name
}

function parseAlpn(r: Reader): string[] {
  const out: string[] = []
  const list = r.block16()
  r.done()
  while (list.left() > 0) {
    const name = list.block8().text()
    if (name === '') throw new Malformed('bad-alpn') // RFC 7301 §3.1
    out.push(name)
  }
  if (out.length === 0) throw new Malformed('bad-alpn')
  return out
}

function parseKeyShares(r: Reader): number[] {
  const out: number[] = []
  const list = r.block16() // may be empty: the client asks for a HelloRetryRequest
  r.done()
  while (list.left() > 0) {
    out.push(list.u16())
    list.block16()
  }
  return out
}
