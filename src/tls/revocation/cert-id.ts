import { hash } from 'node:crypto'
import { readAll, readOid, readTlv, TAG, type Tlv } from '../der.ts'
import type { CertificateFacts } from '../x509.ts'

/** Digests a CertID may use (RFC 6960 §4.1.1): SHA-1 is what everybody sends; it names things and proves nothing. */
const DIGESTS: Record<string, string> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

/** The public key's bits alone, without algorithm and framing: what key hashes are taken of. */
export function keyBits(spkiDer: Buffer): Buffer {
  const whole = readTlv(spkiDer, 0, spkiDer.length)
  const bits = whole === null ? undefined : readAll(spkiDer, whole)?.[1]
  return bits === undefined ? spkiDer : spkiDer.subarray(bits.start + 1, bits.end)
}

export function sha1(bytes: Buffer): Buffer {
  return hash('sha1', bytes, 'buffer')
}

/** Is this CertID the certificate's: name and key of its issuer and the serial number, all three. */
export function isCertId(buf: Buffer, id: Tlv, cert: CertificateFacts, issuer: CertificateFacts): boolean {
  const parts = id.tag === TAG.sequence ? readAll(buf, id) : null
  const [algorithm, name, key, serial] = parts ?? []
  if (parts?.length !== 4 || algorithm?.tag !== TAG.sequence || serial?.tag !== TAG.integer) return false
  if (name?.tag !== TAG.octetString || key?.tag !== TAG.octetString) return false
  if (!buf.subarray(serial.start, serial.end).equals(cert.serial)) return false
  const oid = readTlv(buf, algorithm.start, algorithm.end)
  const digest = DIGESTS[(oid === null ? null : readOid(buf, oid)) ?? '']
  if (digest === undefined) return false
  return (
    hash(digest, cert.issuerDer, 'buffer').equals(buf.subarray(name.start, name.end)) &&
    hash(digest, keyBits(issuer.spkiDer), 'buffer').equals(buf.subarray(key.start, key.end))
  )
}
