import { execFileSync, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { CA_FORMATS, exportCa } from '../../../ca/export.ts'
import { INSTALL_GUIDES } from '../../../ca/guides.ts'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-ca-export-'))
test.after.always(() => fs.rmSync(dir, { recursive: true, force: true }))
const ca = loadOrCreateCa(path.join(dir, 'ca'))

test('pem and der are the certificate', t => {
  for (const format of ['pem', 'der'] as const) {
    const cert = new X509Certificate(exportCa(ca.public, format).bytes)
    t.is(cert.fingerprint256.replaceAll(':', '').toLowerCase(), ca.public.sha256)
  }
})

test('p12 opens with the empty password, holds the certificate by name and no key', t => {
  const file = path.join(dir, 'ca.p12')
  fs.writeFileSync(file, exportCa(ca.public, 'p12').bytes)
  const text = execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'pass:', '-nodes'], { encoding: 'utf8' })
  t.true(text.includes(`friendlyName: ${ca.public.subject}`))
  t.is(new X509Certificate(text).fingerprint256.replaceAll(':', '').toLowerCase(), ca.public.sha256)
  t.notRegex(text, /PRIVATE KEY/)
  t.throws(() => execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'pass:x', '-nodes'], { stdio: 'ignore' }))
})

test('Java sees a trusted certificate in the p12, by its fingerprint', t => {
  const file = path.join(dir, 'java.p12')
  fs.writeFileSync(file, exportCa(ca.public, 'p12').bytes)
  const run = spawnSync('keytool', ['-list', '-keystore', file, '-storetype', 'PKCS12', '-storepass', ''], {
    encoding: 'utf8',
    input: '',
  })
  if (run.error !== undefined) {
    t.pass('no Java on this machine')
    return
  }
  t.regex(run.stdout, /trustedCertEntry/)
  t.true(run.stdout.replaceAll(':', '').toLowerCase().includes(ca.public.sha256))
})

test('Firefox policies name the file that the pem is downloaded as', t => {
  const { policies } = JSON.parse(exportCa(ca.public, 'firefox').bytes.toString('utf8'))
  t.deepEqual(policies, {
    Certificates: { ImportEnterpriseRoots: true, Install: [exportCa(ca.public, 'pem').fileName] },
  })
})

test('the PowerShell script holds the whole certificate and its thumbprint, and no text of a stranger', t => {
  const script = exportCa({ ...ca.public, subject: "'; Remove-Item C:\\ '" }, 'powershell').bytes.toString('utf8')
  t.false(script.includes('Remove-Item'))
  const body = /FromBase64String\(@'\n([\s\S]+)\n'@\)/.exec(script)![1]!
  t.deepEqual(Buffer.from(body, 'base64'), ca.public.certDer)
  t.true(script.includes(`'${new X509Certificate(ca.public.certDer).fingerprint.replaceAll(':', '')}'`))
  t.regex(script, /^[\x20-\x7e\n]+$/)
})

test('below an imported intermediate, devices are given the root above it', t => {
  const root = loadOrCreateCa(path.join(dir, 'root'))
  const below = { ...ca.public, rootPem: root.public.certPem }
  for (const format of ['pem', 'der'] as const)
    t.is(
      new X509Certificate(exportCa(below, format).bytes).fingerprint256.replaceAll(':', '').toLowerCase(),
      root.public.sha256,
    )
  t.true(exportCa(below, 'mobileconfig').bytes.includes(root.public.subject))
})

test('mobileconfig is a plist with the certificate as a root, the same every time', t => {
  const { bytes, contentType } = exportCa(ca.public, 'mobileconfig')
  const text = bytes.toString('utf8')
  t.is(contentType, 'application/x-apple-aspen-config')
  t.is(text, exportCa(ca.public, 'mobileconfig').bytes.toString('utf8'))
  const plist = readDict(text.slice(text.indexOf('<dict>')))
  const payload = (plist.PayloadContent as Record<string, unknown>[])[0]!
  t.is(payload.PayloadType, 'com.apple.security.root')
  t.deepEqual(payload.PayloadContent, ca.public.certDer)
  t.is(plist.PayloadType, 'Configuration')
  const uuid = /^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/
  t.regex(plist.PayloadUUID as string, uuid)
  t.regex(payload.PayloadUUID as string, uuid)
  t.not(plist.PayloadUUID, payload.PayloadUUID)
})

test('a hostile subject stays text in the mobileconfig', t => {
  const { bytes } = exportCa({ ...ca.public, subject: '</string><key>x</key>&' }, 'mobileconfig')
  t.false(bytes.includes('<key>x</key>'))
  t.true(bytes.includes('&lt;/string&gt;&lt;key&gt;x&lt;/key&gt;&amp;'))
})

test('no export holds the key', t => {
  const secret = Buffer.from(ca.key.export({ format: 'jwk' }).d as string, 'base64url')
  for (const format of CA_FORMATS) {
    const { bytes } = exportCa(ca.public, format)
    t.false(bytes.includes(secret), format)
    t.false(bytes.includes('PRIVATE'), format)
  }
})

test('every platform has steps for a format that exists', t => {
  t.deepEqual(
    INSTALL_GUIDES.map(guide => guide.id),
    ['windows', 'windows-domain', 'macos', 'ios', 'android', 'chromeos', 'linux', 'firefox', 'java', 'tools'],
  )
  for (const guide of INSTALL_GUIDES) {
    t.true(guide.steps.length >= 2, guide.id)
    t.true(CA_FORMATS.includes(guide.format), guide.id)
    const { fileName } = exportCa(ca.public, guide.format)
    t.true(
      guide.steps.some(step => step.includes(fileName)),
      `${guide.id} names ${fileName}`,
    )
  }
})

/** As much of the plist grammar as the profile uses; anything else throws. */
function readDict(xml: string): Record<string, unknown> {
  const tokens = xml.match(/<[^>]+>|[^<]+/g)!.filter(token => token.trim() !== '')
  let at = 0
  const value = (): unknown => {
    const tag = tokens[at++]!
    if (tag === '<false/>') return false
    if (tag === '<dict>') {
      const out: Record<string, unknown> = {}
      while (tokens[at] !== '</dict>') {
        if (tokens[at++] !== '<key>') throw new Error('no key')
        const key = tokens[at]!
        at += 2
        out[key] = value()
      }
      at++
      return out
    }
    if (tag === '<array>') {
      const out: unknown[] = []
      while (tokens[at] !== '</array>') out.push(value())
      at++
      return out
    }
    const text = tokens[at]!
    at += 2
    if (tag === '<string>') return text
    if (tag === '<integer>') return Number(text)
    if (tag === '<data>') return Buffer.from(text, 'base64')
    throw new Error(tag)
  }
  return value() as Record<string, unknown>
}
