import { createHash } from 'node:crypto'
import type { CaPublic } from '../src/core/ca.ts'
import { writePkcs12 } from './pkcs12.ts'
import { anchorOf } from './read.ts'

export const CA_FORMATS = ['pem', 'der', 'p12', 'mobileconfig', 'firefox', 'powershell'] as const

export type CaFormat = (typeof CA_FORMATS)[number]

export interface CaExport {
  bytes: Buffer
  contentType: string
  fileName: string
}

/** The certificate that devices must trust, never a key, as a file that one kind of client installs. */
export function exportCa(ca: CaPublic, format: CaFormat): CaExport {
  const pub = anchorOf(ca)
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
      return { bytes: trustStore(pub), contentType: 'application/x-pkcs12', fileName: 'weir-ca.p12' }
    case 'mobileconfig':
      return {
        bytes: Buffer.from(mobileconfig(pub), 'utf8'),
        contentType: 'application/x-apple-aspen-config',
        fileName: 'weir-ca.mobileconfig',
      }
    case 'firefox':
      return {
        bytes: Buffer.from(`${JSON.stringify(FIREFOX_POLICIES, null, 2)}\n`),
        contentType: 'application/json',
        fileName: 'policies.json',
      }
    case 'powershell':
      return {
        bytes: Buffer.from(powershell(pub), 'utf8'),
        contentType: 'text/plain; charset=utf-8',
        fileName: 'weir-ca.ps1',
      }
  }
}

/**
 * Firefox looks for the named file in folders of its own, which the guide names; on Windows, macOS and Android the first
 * setting makes it use what the system trusts.
 */
const FIREFOX_POLICIES = {
  policies: { Certificates: { ImportEnterpriseRoots: true, Install: ['weir-ca.crt'] } },
}

/** PKCS#12 with the empty passphrase, as Windows, Android and Java take it. */
function trustStore(pub: CaPublic): Buffer {
  return writePkcs12([{ der: pub.certDer, name: pub.subject, trusted: true, localKeyId: null }], [], '', MAC_ROUNDS)
}

/** Nothing but base64 and hex of ours is put into the script, no text of the certificate. */
function powershell(pub: CaPublic): string {
  const sha1 = createHash('sha1').update(pub.certDer).digest('hex').toUpperCase()
  const body = pub.certDer.toString('base64').replace(/(.{64})(?!$)/g, '$1\n')
  return `#Requires -RunAsAdministrator
# Makes this computer trust the certificate authority of its network's gateway.
# For a whole domain run on a domain controller instead, with weir-ca.cer beside this file:
#   certutil -dspublish -f weir-ca.cer RootCA
# or import weir-ca.cer into a Group Policy: Computer Configuration, Policies, Windows Settings,
# Security Settings, Public Key Policies, Trusted Root Certification Authorities.
$ErrorActionPreference = 'Stop'
$der = [Convert]::FromBase64String(@'
${body}
'@)
$certificate = New-Object Security.Cryptography.X509Certificates.X509Certificate2 (,$der)
# Against a script that was cut off or changed on its way; compare it with "weir ca show", too.
if ($certificate.Thumbprint -ne '${sha1}') { throw 'This is not the certificate that was meant.' }
$store = New-Object Security.Cryptography.X509Certificates.X509Store 'Root', 'LocalMachine'
$store.Open('ReadWrite')
$store.Add($certificate)
$store.Close()
Write-Output "Trusted from now on: $($certificate.Subject)"
`
}

/** Nothing in it is secret, so its integrity check need not be slow. */
const MAC_ROUNDS = 2048

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
