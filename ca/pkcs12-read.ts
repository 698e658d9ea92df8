import {
  createDecipheriv,
  createHmac,
  createPrivateKey,
  type KeyObject,
  pbkdf2Sync,
  timingSafeEqual,
  X509Certificate,
} from 'node:crypto'
import forge from 'node-forge'
import { children, content, dotted, fromDer, type Node, toDer } from './asn1.ts'
import { type Digest, macKey, OID } from './pkcs12.ts'

const { Type } = forge.asn1

const PBES2 = '1.2.840.113549.1.5.13'
const PBKDF2 = '1.2.840.113549.1.5.12'

const DIGESTS: Record<string, Digest> = {
  '1.3.14.3.2.26': { name: 'sha1', block: 64 },
  [OID.sha256]: { name: 'sha256', block: 64 },
  '2.16.840.1.101.3.4.2.2': { name: 'sha384', block: 128 },
  '2.16.840.1.101.3.4.2.3': { name: 'sha512', block: 128 },
}
const PRFS: Record<string, string> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}
const CIPHERS: Record<string, { name: string; keyBytes: number }> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
}

/** Beyond this a file is not slow to open by intention but by mistake. */
const MAX_ITERATIONS = 20_000_000

export interface Pkcs12Contents {
  keys: KeyObject[]
  certs: X509Certificate[]
}

/**
 * Everything in a PKCS#12 file (RFC 7292), or `wrong` when the passphrase is not the file's. Throws Error with a short reason
 * when it is not a PKCS#12 file or protected in a way not known here. forge's own reader cannot read EC keys, and takes a
 * passphrase beyond ASCII in one of its two spellings only.
 */
export function readPkcs12(bytes: Buffer, passphrase: string): Pkcs12Contents | 'wrong' {
  const [, authSafe, macData] = children(fromDer(bytes))
  const safe = contentOf(authSafe!)
  if (macData !== undefined && !macIsGood(macData, safe, passphrase)) return 'wrong'
  const found: Pkcs12Contents = { keys: [], certs: [] }
  for (const part of children(fromDer(safe))) {
    const type = dotted(children(part)[0])
    if (type !== OID.data && type !== OID.encryptedData) throw new Error('it is protected by a public key')
    const bags = type === OID.data ? contentOf(part) : decryptedContent(part, passphrase)
    if (bags === null) return 'wrong'
    for (const bag of children(fromDer(bags))) if (!readBag(bag, passphrase, found)) return 'wrong'
  }
  return found
}

function readBag(bag: Node, passphrase: string, found: Pkcs12Contents): boolean {
  const [id, value] = children(bag)
  const inner = children(value)[0]!
  switch (dotted(id)) {
    case OID.keyBag:
      found.keys.push(createPrivateKey({ key: toDer(inner), format: 'der', type: 'pkcs8' }))
      return true
    case OID.shroudedKeyBag:
      try {
        found.keys.push(createPrivateKey({ key: toDer(inner), format: 'der', type: 'pkcs8', passphrase }))
        return true
      } catch {
        return false
      }
    case OID.certBag:
      found.certs.push(new X509Certificate(content(children(children(inner)[1])[0])))
      return true
    default:
      // CRLs, secrets and nested bags are none of our business.
      return true
  }
}

/** The octets in a ContentInfo of type data. */
function contentOf(info: Node): Buffer {
  const [type, wrapped] = children(info)
  if (dotted(type) !== OID.data) throw new Error('it is protected by a public key')
  return content(children(wrapped)[0])
}

/** EncryptedData (RFC 5652 §8); null when the passphrase does not open it. */
function decryptedContent(info: Node, passphrase: string): Buffer | null {
  const [, encrypted] = children(children(children(info)[1])[0])
  const [, algorithm, data] = children(encrypted)
  const [id, params] = children(algorithm)
  const cipherText = Array.isArray(data!.value) ? Buffer.concat(data!.value.map(content)) : content(data)
  try {
    return dotted(id) === PBES2
      ? pbes2(params!, cipherText, passphrase)
      : pkcs12Pbe(id!, params!, cipherText, passphrase)
  } catch (error) {
    if (error instanceof UnknownProtection) throw error
    return null
  }
}

class UnknownProtection extends Error {}

function pbes2(params: Node, cipherText: Buffer, passphrase: string): Buffer {
  const [derivation, scheme] = children(params)
  const [derivationId, derivationParams] = children(derivation)
  const [schemeId, iv] = children(scheme)
  const cipher = CIPHERS[dotted(schemeId)]
  if (dotted(derivationId) !== PBKDF2 || cipher === undefined)
    throw new UnknownProtection('its encryption is not known here')
  const [salt, count, ...more] = children(derivationParams)
  const prf = more.find(node => node.type === Type.SEQUENCE)
  const digest = prf === undefined ? 'sha1' : PRFS[dotted(children(prf)[0])]
  if (digest === undefined) throw new UnknownProtection('its key derivation is not known here')
  const key = pbkdf2Sync(passphrase, content(salt), iterations(count!), cipher.keyBytes, digest)
  const decipher = createDecipheriv(cipher.name, key, content(iv))
  return Buffer.concat([decipher.update(cipherText), decipher.final()])
}

/** The old schemes of RFC 7292 appendix C (RC2, Triple DES), which OpenSSL no longer has: forge does. */
function pkcs12Pbe(id: Node, params: Node, cipherText: Buffer, passphrase: string): Buffer {
  iterations(children(params)[1]!)
  const { pbe } = forge.pki as unknown as {
    pbe: { getCipher(id: string, params: Node, password: string): forge.cipher.BlockCipher }
  }
  let decipher: forge.cipher.BlockCipher
  try {
    decipher = pbe.getCipher(dotted(id), params, passphrase)
  } catch {
    throw new UnknownProtection('its encryption is not known here')
  }
  decipher.update(forge.util.createBuffer(cipherText.toString('latin1')))
  if (!decipher.finish()) throw new Error('wrong')
  return Buffer.from(decipher.output.getBytes(), 'latin1')
}

function macIsGood(macData: Node, safe: Buffer, passphrase: string): boolean {
  const [digestInfo, salt, count] = children(macData)
  const [algorithm, expected] = children(digestInfo)
  const digest = DIGESTS[dotted(children(algorithm)[0])]
  if (digest === undefined) throw new Error('its integrity check is not known here (PBMAC1?)')
  const rounds = count === undefined ? 1 : iterations(count)
  const want = content(expected)
  // Some writers take "no passphrase" for no octets at all, others for an empty text with its terminator.
  return (passphrase === '' ? [null, ''] : [passphrase]).some(word => {
    const mac = createHmac(digest.name, macKey(word, content(salt), rounds, digest))
      .update(safe)
      .digest()
    return mac.length === want.length && timingSafeEqual(mac, want)
  })
}

function iterations(node: Node): number {
  const octets = content(node)
  const count = octets.length <= 6 && octets.length > 0 ? octets.readUIntBE(0, octets.length) : 0
  if (count < 1 || count > MAX_ITERATIONS) throw new UnknownProtection('its number of iterations is absurd')
  return count
}
