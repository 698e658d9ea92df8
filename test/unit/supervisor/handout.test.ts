import { X509Certificate } from 'node:crypto'
import test from 'ava'
import { publicSide } from '../../../ca/read.ts'
import { makeHandout } from '../../../src/supervisor/handout.ts'
import { authority } from '../../pki/certificate.ts'

const root = authority('School root')
const inter = authority('Gateway', root)

test('devices are given the root, also where an intermediate signs, and every file holds that one', t => {
  const ca = publicSide([new X509Certificate(inter.pem), new X509Certificate(root.pem)], '', true)
  const [given, ...more] = makeHandout([ca]).authorities
  t.is(more.length, 0)
  t.is(given!.sha256, new X509Certificate(root.pem).fingerprint256.replaceAll(':', '').toLowerCase())
  t.regex(given!.subject, /School root/)
  const bytes = (format: string) => given!.files.find(file => file.format === format)!.bytes
  t.deepEqual(new X509Certificate(bytes('pem')).raw, root.der)
  t.deepEqual(bytes('der'), root.der)
  t.true(bytes('p12').includes(root.der))
  for (const { bytes: file, format } of given!.files) t.false(file.includes('PRIVATE'), format)
})

test('what a worker is sent fits a message, and is the same after it', t => {
  const handout = makeHandout([publicSide([new X509Certificate(root.pem)], '', false)])
  t.deepEqual(structuredClone(handout.guides), handout.guides)
  t.true(handout.authorities[0]!.files.reduce((sum, file) => sum + file.bytes.length, 0) < 100_000)
})
