import { createHash, createHmac, randomBytes } from 'node:crypto'
import forge from 'node-forge'
import type { CaPublic } from '../src/core/ca.ts'
import { leaf, oid, seq, set, toDer } from './asn1.ts'

const { asn1 } = forge
const { Class, Type } = asn1

export type CaFormat = 'pem' | 'der' | 'p12' | 'mobileconfig'

export const CA_FORMATS: readonly CaFormat[] = ['pem', 'der', 'p12', 'mobileconfig']

export interface CaExport {
  bytes: Buffer
  contentType: string
  fileName: string
}

/** The CA's certificate, never its key, as a file that one kind of client installs. */
export function exportCa(pub: CaPublic, format: CaFormat): CaExport {
  switch (format) {
    case 'pem':
      return {
        bytes: Buffer.from(pub.certPem, 'latin1'),
        contentType: 'application/x-pem-file',
        // `.crt`, because update-ca-certificates takes no other ending.
        fileName: 'weir-ca.crt',
      }
    case 'der':
      return {
        bytes: Buffer.from(pub.certDer),
        // The type at which Android, Firefox and iOS offer to install instead of to save.
        contentType: 'application/x-x509-ca-cert',
        fileName: 'weir-ca.cer',
      }
    case 'p12':
      return { bytes: pkcs12(pub), contentType: 'application/x-pkcs12', fileName: 'weir-ca.p12' }
    case 'mobileconfig':
      return {
        bytes: Buffer.from(mobileconfig(pub), 'utf8'),
        contentType: 'application/x-apple-aspen-config',
        fileName: 'weir-ca.mobileconfig',
      }
  }
}

const OID = {
  data: '1.2.840.113549.1.7.1',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  sha256: '2.16.840.1.101.3.4.2.1',
  /** Without it Java's key store does not see a trusted certificate in the file, only an unused one. */
  javaTrustedKeyUsage: '2.16.840.1.113894.746875.1.1',
  anyExtendedKeyUsage: '2.5.29.37.0',
} as const

const MAC_ITERATIONS = 2048

/**
 * PKCS#12 (RFC 7292) with one certificate bag, unencrypted, under an integrity MAC with the empty password: there is nothing
 * secret in it, but Windows and Apple refuse a file without MAC. forge's own writer cannot read an EC certificate.
 */
function pkcs12(pub: CaPublic): Buffer {
  const bag = seq(
    oid(OID.certBag),
    explicit(seq(oid(OID.x509Certificate), explicit(leaf(Type.OCTETSTRING, pub.certDer)))),
    set(
      seq(oid(OID.friendlyName), set(bmpString(pub.subject))),
      seq(oid(OID.javaTrustedKeyUsage), set(oid(OID.anyExtendedKeyUsage))),
    ),
  )
  const authSafe = toDer(seq(dataContent(toDer(seq(bag)))))
  return toDer(seq(leaf(Type.INTEGER, Buffer.from([3])), dataContent(authSafe), mac(authSafe)))
}

function dataContent(bytes: Buffer): forge.asn1.Asn1 {
  return seq(oid(OID.data), explicit(leaf(Type.OCTETSTRING, bytes)))
}

function mac(authSafe: Buffer): forge.asn1.Asn1 {
  const salt = randomBytes(8)
  // RFC 7292 appendix B, purpose 3 (integrity); the empty password still has its two-octet terminator.
  const key = forge.pkcs12.generateKey(
    '',
    forge.util.createBuffer(salt.toString('latin1')),
    3,
    MAC_ITERATIONS,
    32,
    forge.md.sha256.create(),
  )
  const digest = createHmac('sha256', Buffer.from(key.getBytes(), 'latin1')).update(authSafe).digest()
  const sha256 = seq(oid(OID.sha256), leaf(Type.NULL, Buffer.alloc(0)))
  return seq(
    seq(sha256, leaf(Type.OCTETSTRING, digest)),
    leaf(Type.OCTETSTRING, salt),
    leaf(Type.INTEGER, Buffer.from([MAC_ITERATIONS >> 8, MAC_ITERATIONS & 255])),
  )
}

/** forge's DER writer itself makes two octets of every character of this one type. */
function bmpString(text: string): forge.asn1.Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.BMPSTRING, false, text)
}

function explicit(inner: forge.asn1.Asn1): forge.asn1.Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, 0, true, [inner])
}

/** An Apple configuration profile; installing it twice replaces it, because identifiers and UUIDs come from the certificate. */
function mobileconfig(pub: CaPublic): string {
  const id = `weir.ca.${pub.sha256.slice(0, 16)}`
  const name = escapeXml(pub.subject)
  const body = pub.certDer.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadContent</key>
  <array>
    <dict>
      <key>PayloadCertificateFileName</key>
      <string>weir-ca.cer</string>
      <key>PayloadContent</key>
      <data>
${body}
      </data>
      <key>PayloadDescription</key>
      <string>Adds the certificate authority of this network's gateway.</string>
      <key>PayloadDisplayName</key>
      <string>${name}</string>
      <key>PayloadIdentifier</key>
      <string>${id}.root</string>
      <key>PayloadType</key>
      <string>com.apple.security.root</string>
      <key>PayloadUUID</key>
      <string>${uuid(`${pub.sha256} root`)}</string>
      <key>PayloadVersion</key>
      <integer>1</integer>
    </dict>
  </array>
  <key>PayloadDescription</key>
  <string>Lets this device trust the gateway of its network. After installing, switch on full trust in Settings › General › About › Certificate Trust Settings.</string>
  <key>PayloadDisplayName</key>
  <string>${name}</string>
  <key>PayloadIdentifier</key>
  <string>${id}</string>
  <key>PayloadOrganization</key>
  <string>Weir</string>
  <key>PayloadRemovalDisallowed</key>
  <false/>
  <key>PayloadScope</key>
  <string>System</string>
  <key>PayloadType</key>
  <string>Configuration</string>
  <key>PayloadUUID</key>
  <string>${uuid(`${pub.sha256} profile`)}</string>
  <key>PayloadVersion</key>
  <integer>1</integer>
</dict>
</plist>
`
}

/** A UUID version 8 (RFC 9562 §5.8): the same text gives the same UUID. */
function uuid(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex').toUpperCase()
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
