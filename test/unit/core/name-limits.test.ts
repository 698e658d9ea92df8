import test from 'ava'
import fc from 'fast-check'
import { mayCertify, type NameLimits } from '../../../src/core/name-limits.ts'

const OPEN: NameLimits = { permittedDns: null, permittedIp: null, excludedDns: [], excludedIp: [] }
const net4 = (address: number[], mask: number[]) => ({ address: Buffer.from(address), mask: Buffer.from(mask) })

test('names: whole labels only; a leading dot is what is below; the empty name is every name', t => {
  const cases: [string, Partial<NameLimits>, boolean][] = [
    ['a.example', {}, true],
    ['a.example', { permittedDns: ['a.example'] }, true],
    ['b.a.example', { permittedDns: ['a.example'] }, true],
    ['ba.example', { permittedDns: ['a.example'] }, false],
    ['example', { permittedDns: ['a.example'] }, false],
    ['a.example', { permittedDns: ['.a.example'] }, false],
    ['b.a.example', { permittedDns: ['.a.example'] }, true],
    ['a.example', { permittedDns: [''] }, true],
    ['a.example', { permittedDns: [] }, false],
    ['a.example', { excludedDns: [''] }, false],
    ['a.example', { excludedDns: ['.a.example'] }, true],
    ['192.0.2.1', { permittedDns: [] }, true],
    ['a.example', { permittedIp: [] }, true],
  ]
  for (const [name, limits, good] of cases)
    t.is(mayCertify(name, [{ ...OPEN, ...limits }]), good, `${name} ${JSON.stringify(limits)}`)
})

test('a wildcard must not stand for an excluded name either', t => {
  t.true(mayCertify('*.a.example', [{ ...OPEN, permittedDns: ['a.example'] }]))
  t.false(mayCertify('*.a.example', [{ ...OPEN, excludedDns: ['secret.a.example'] }]))
  t.false(mayCertify('*.a.example', [{ ...OPEN, excludedDns: ['.a.example'] }]))
  t.true(mayCertify('*.a.example', [{ ...OPEN, excludedDns: ['secret.b.example'] }]))
})

test('addresses: mask by mask, each family for itself, mapped IPv4 as IPv4', t => {
  const ten = { ...OPEN, permittedIp: [net4([10, 0, 0, 0], [255, 0, 0, 0])] }
  t.true(mayCertify('10.9.8.7', [ten]))
  t.true(mayCertify('::ffff:10.9.8.7', [ten]))
  t.false(mayCertify('11.0.0.1', [ten]))
  t.false(mayCertify('fd00::1', [ten]))
  t.false(mayCertify('10.9.8.7', [{ ...OPEN, excludedIp: ten.permittedIp }]))
  t.true(mayCertify('fd00::1', [{ ...OPEN, excludedIp: ten.permittedIp }]))
})

test('every certificate of the path must agree', t => {
  const a = { ...OPEN, permittedDns: ['example'] }
  const b = { ...OPEN, excludedDns: ['b.example'] }
  t.true(mayCertify('a.example', [a, b]))
  t.false(mayCertify('b.example', [a, b]))
  t.false(mayCertify('a.test', [b, a]))
})

test('more limits never allow more', t => {
  const label = fc.constantFrom('a', 'b', 'c')
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))
  const limits = fc.record({
    permittedDns: fc.option(fc.array(name, { maxLength: 3 })),
    permittedIp: fc.constant(null),
    excludedDns: fc.array(name, { maxLength: 3 }),
    excludedIp: fc.constant<NameLimits['excludedIp']>([]),
  })
  fc.assert(
    fc.property(name, limits, limits, (host, first, second) => {
      return !mayCertify(host, [first, second]) || (mayCertify(host, [first]) && mayCertify(host, [second]))
    }),
  )
  t.pass()
})
