import { createCipheriv, createPrivateKey, type KeyObject, pbkdf2Sync, randomBytes } from 'node:crypto'
import { integer, NULL, octets, oid, pem, seq, toDer } from './asn1.ts'

const OID = {
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacWithSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
} as const

/** OWASP's number for PBKDF2-HMAC-SHA256; some 0.2 s. Node's own writer stops at 2048 and has no option for it. */
export const ITERATIONS = 600_000

/** OpenSSL's own limit for a PEM passphrase. */
export const MAX_PASSPHRASE = 1024

/**
 * EncryptedPrivateKeyInfo (RFC 5958 §3, PBES2 of RFC 8018), as DER. PBKDF2 and not scrypt, because the same octets go into
 * backups that other programs must open.
 */
export function encryptKey(key: KeyObject, passphrase: string): Buffer {
  const salt = randomBytes(16)
  const iv = randomBytes(16)
  const secret = pbkdf2Sync(passphrase, salt, ITERATIONS, 32, 'sha256')
  const cipher = createCipheriv('aes-256-cbc', secret, iv)
  const encrypted = Buffer.concat([cipher.update(key.export({ type: 'pkcs8', format: 'der' })), cipher.final()])
  const derivation = seq(oid(OID.pbkdf2), seq(octets(salt), integer(ITERATIONS), seq(oid(OID.hmacWithSha256), NULL)))
  return toDer(seq(seq(oid(OID.pbes2), seq(derivation, seq(oid(OID.aes256Cbc), octets(iv)))), octets(encrypted)))
}

/** The key as it is stored: in the clear, or under a passphrase. */
export function keyPem(key: KeyObject, passphrase: string | null): string {
  if (passphrase !== null) return pem('ENCRYPTED PRIVATE KEY', encryptKey(key, passphrase))
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

export function isEncrypted(text: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)
}

/** `locked`: a passphrase is needed; `wrong`: none of these opens it; `unusable`: it is no private key at all. */
export function openKey(text: string, passphrases: readonly string[]): KeyObject | 'locked' | 'wrong' | 'unusable' {
  if (!isEncrypted(text)) return tryKey(text) ?? 'unusable'
  if (passphrases.length === 0) return 'locked'
  for (const passphrase of passphrases) {
    const key = tryKey(text, passphrase)
    if (key !== null) return key
  }
  return 'wrong'
}

/** OpenSSL's message says nothing to a person, and nothing from a key file belongs into a message. */
function tryKey(text: string, passphrase?: string): KeyObject | null {
  try {
    return passphrase === undefined ? createPrivateKey(text) : createPrivateKey({ key: text, passphrase })
  } catch {
    return null
  }
}
