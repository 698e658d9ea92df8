import { createHmac, hash, randomBytes } from 'node:crypto'
import forge from 'node-forge'
import { explicit, fromDer, integer, type Node, NULL, octets, oid, seq, set, toDer } from './asn1.ts'

const { Class, Type } = forge.asn1

export const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  sha256: '2.16.840.1.101.3.4.2.1',
  /** Without it Java's key store does not see a trusted certificate in the file, only an unused one. */
  javaTrustedKeyUsage: '2.16.840.1.113894.746875.1.1',
  anyExtendedKeyUsage: '2.5.29.37.0',
} as const

export interface Digest {
  name: string
  /** Octets that it works on at a time. */
  block: number
}

const SHA256: Digest = { name: 'sha256', block: 64 }

/** A certificate for the key with the same `localKeyId`, or (`trusted`) one that is to be trusted. */
export interface CertEntry {
  der: Buffer
  name: string
  trusted: boolean
  localKeyId: Buffer | null
}

export interface KeyEntry {
  /** EncryptedPrivateKeyInfo. */
  der: Buffer
  name: string
  localKeyId: Buffer
}

/**
 * A PKCS#12 file: the certificates are public and stand in the clear, keys come encrypted, and a MAC covers all, because
 * Windows and Apple refuse a file without one. `rounds` slows down whoever tries passphrases on the MAC.
 */
export function writePkcs12(
  certs: readonly CertEntry[],
  keys: readonly KeyEntry[],
  passphrase: string,
  rounds: number,
): Buffer {
  const bags = [
    ...keys.map(key => {
      return seq(
        oid(OID.shroudedKeyBag),
        explicit(0, fromDer(key.der)),
        set(friendlyName(key.name), localKeyId(key.localKeyId)),
      )
    }),
    ...certs.map(cert => {
      const attributes = [friendlyName(cert.name)]
      if (cert.localKeyId !== null) attributes.push(localKeyId(cert.localKeyId))
      if (cert.trusted) attributes.push(seq(oid(OID.javaTrustedKeyUsage), set(oid(OID.anyExtendedKeyUsage))))
      return seq(
        oid(OID.certBag),
        explicit(0, seq(oid(OID.x509Certificate), explicit(0, octets(cert.der)))),
        set(...attributes),
      )
    }),
  ]
  const safe = toDer(seq(dataInfo(toDer(seq(...bags)))))
  const salt = randomBytes(16)
  const mac = createHmac('sha256', macKey(passphrase, salt, rounds, SHA256))
    .update(safe)
    .digest()
  const macData = seq(seq(seq(oid(OID.sha256), NULL), octets(mac)), octets(salt), integer(rounds))
  return toDer(seq(integer(3), dataInfo(safe), macData))
}

function dataInfo(bytes: Buffer): Node {
  return seq(oid(OID.data), explicit(0, octets(bytes)))
}

function friendlyName(text: string): Node {
  // forge's DER writer itself makes two octets of every character of this one type.
  return seq(oid(OID.friendlyName), set(forge.asn1.create(Class.UNIVERSAL, Type.BMPSTRING, false, text)))
}

function localKeyId(id: Buffer): Node {
  return seq(oid(OID.localKeyId), set(octets(id)))
}

/** RFC 7292 appendix B.2 with ID 3 (integrity), for a key as long as the digest: then one round of its outer loop is all. */
export function macKey(passphrase: string | null, salt: Buffer, rounds: number, { name, block }: Digest): Buffer {
  const word = passphrase === null ? Buffer.alloc(0) : Buffer.from(`${passphrase}\0`, 'utf16le').swap16()
  const filled = (bytes: Buffer) => Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes)
  let key: Buffer = Buffer.concat([Buffer.alloc(block, 3), filled(salt), filled(word)])
  for (let i = 0; i < rounds; i++) key = hash(name, key, 'buffer')
  return key
}
