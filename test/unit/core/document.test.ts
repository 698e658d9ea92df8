import test from 'ava'
import fc from 'fast-check'
import { z } from 'zod'
import { formatProblem, nearest, readDocument } from '../../../src/core/document.ts'

const schema = z.strictObject({ name: z.string(), rules: z.array(z.strictObject({ port: z.number() })).default([]) })
const known = (path: readonly PropertyKey[]) => (path.length === 0 ? ['name', 'rules'] : ['port'])

test('a right document', t => {
  const { value, problems } = readDocument('name: a\nrules:\n  - port: 1\n', schema, known)
  t.deepEqual(value, { name: 'a', rules: [{ port: 1 }] })
  t.deepEqual(problems, [])
})

test('all mistakes at once, each with its line', t => {
  const { value, problems } = readDocument('nmae: a\nrules:\n  - port: 1\n  - prot: 2\n    port: x\n', schema, known)
  t.is(value, null)
  const lines = problems.map(problem => formatProblem('f', problem))
  t.true(lines.includes('f:1: nmae: unknown key. Did you mean "name"?'), lines.join('\n'))
  t.true(lines.includes('f:4: rules[1].prot: unknown key. Did you mean "port"?'), lines.join('\n'))
  t.true(
    lines.some(line => line.startsWith('f:5: rules[1].port: ')),
    lines.join('\n'),
  )
})

test('broken YAML is a mistake with a line, not a crash', t => {
  const { problems } = readDocument('name: a\nname: b\n', schema, known)
  t.is(problems[0]?.line, 2)
})

test('an alias to nothing is a mistake, not a crash', t => {
  const { value, problems } = readDocument('*!', schema, known)
  t.is(value, null)
  t.regex(problems[0]?.message ?? '', /alias/)
})

test('nearest takes slips of the finger and nothing else', t => {
  t.is(nearest('tproxi', ['tproxy', 'admin']), 'tproxy')
  t.is(nearest('colour', ['tproxy', 'admin']), null)
})

test('no text makes it throw', t => {
  fc.assert(
    fc.property(fc.string(), text => {
      const { value, problems } = readDocument(text, schema, known)
      t.true((value === null) === problems.length > 0)
    }),
  )
})
