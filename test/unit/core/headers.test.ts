import test from 'ava'
import fc from 'fast-check'
import {
  headerAll,
  headerGet,
  headerHas,
  headerJoined,
  headerRemove,
  headerSet,
  nameIs,
} from '../../../src/core/headers.ts'

const sample = () => ['Host', 'a.example', 'set-cookie', 'a=1', 'X', 'y', 'Set-Cookie', 'b=2']

test('names compare without case', t => {
  t.true(nameIs('SeT-CooKie', 'set-cookie'))
  t.false(nameIs('set-cookies', 'set-cookie'))
  t.false(nameIs('set_cookie', 'set-cookie'))
})

test('reads first, all and joined values in order', t => {
  t.is(headerGet(sample(), 'set-cookie'), 'a=1')
  t.is(headerGet(sample(), 'cookie'), null)
  t.true(headerHas(sample(), 'x'))
  t.deepEqual(headerAll(sample(), 'set-cookie'), ['a=1', 'b=2'])
  t.is(headerJoined(sample(), 'set-cookie'), 'a=1, b=2')
  t.is(headerJoined(sample(), 'nope'), null)
})

test('removes every line of a name and keeps the order of the rest', t => {
  const list = sample()
  t.is(headerRemove(list, 'set-cookie'), 2)
  t.deepEqual(list, ['Host', 'a.example', 'X', 'y'])
  t.is(headerRemove(list, 'set-cookie'), 0)
})

test('sets in place of the first and drops the others', t => {
  const list = sample()
  headerSet(list, 'Set-Cookie', 'c=3')
  t.deepEqual(list, ['Host', 'a.example', 'Set-Cookie', 'c=3', 'X', 'y'])
  headerSet(list, 'New', '1')
  t.deepEqual(list.slice(-2), ['New', '1'])
})

test('removal equals filtering, for any list', t => {
  const name = fc.constantFrom('A', 'a', 'b', 'Cc', 'cC')
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string())), name, (pairs, victim) => {
      const list = pairs.flat()
      headerRemove(list, victim.toLowerCase())
      const kept = pairs.filter(([n]) => n.toLowerCase() !== victim.toLowerCase())
      t.deepEqual(list, kept.flat())
    }),
  )
})
