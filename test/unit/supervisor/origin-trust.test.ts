import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { configSchema } from '../../../src/config/schema.ts'
import { UserError } from '../../../src/core/errors.ts'
import { readOriginTrust, trustFaults } from '../../../src/supervisor/origin-trust.ts'
import { authority, leaf } from '../../pki/certificate.ts'

function files(t: ExecutionContext, contents: Record<string, string>): (name: string) => string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-trust-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  for (const [name, text] of Object.entries(contents)) fs.writeFileSync(path.join(dir, name), text)
  return name => path.join(dir, name)
}

const root = authority('Root')
const one = leaf(root, { san: ['dns:a.example'] })

test('roots, lists and certificates come as they are', t => {
  const at = files(t, {
    'root.pem': root.pem,
    'list.txt': `sha256 ${'ab'.repeat(32)}\n`,
    'c.pem': one.pem,
    'c.key': one.keyPem,
  })
  const clientCertificates = [{ host: 'a.example', cert: at('c.pem'), key: at('c.key') }]
  const tls = { originRoots: [at('root.pem')], revocationLists: [at('list.txt')], clientCertificates }
  const trust = readOriginTrust(configSchema.parse({ tls }))
  t.true(trust.originRootsPem.includes(root.pem))
  t.deepEqual(
    trust.revocationLists.map(({ name }) => name),
    [at('list.txt')],
  )
  t.deepEqual(trust.clientCertificates, [{ host: 'a.example', certPem: one.pem, keyPem: one.keyPem }])
})

test('every mistake at once, with its file; a worker would only die of it', t => {
  const other = leaf(root, { san: ['dns:b.example'], keys: authority('x').keys })
  const at = files(t, {
    'root.pem': 'no certificate',
    'list.txt': 'sha256 short\nnonsense\n',
    'c.pem': one.pem,
    'c.key': other.keyPem,
  })
  const clientCertificates = [{ host: 'a.example', cert: at('c.pem'), key: at('c.key') }]
  const tls = { originRoots: [at('root.pem')], revocationLists: [at('list.txt')], clientCertificates }
  const config = configSchema.parse({ tls })
  const faults = trustFaults(config)
  t.is(faults.length, 4, faults.join('\n'))
  for (const name of ['root.pem', 'list.txt', 'c.key'])
    t.true(
      faults.some(fault => fault.includes(at(name))),
      name,
    )
  t.throws(() => readOriginTrust(config), { instanceOf: UserError })
})
