import test from 'ava'
import { TICKET_KEY_BYTES, TicketBox, TicketKeys } from '../../../src/tls/tickets.ts'

test('keys are replaced in time; the one before stays for one more turn, and no older one', async t => {
  const seen: Buffer[] = []
  const third = Promise.withResolvers<void>()
  const keys = new TicketKeys(changed => {
    seen.push(Buffer.from(changed))
    if (seen.length === 3) third.resolve()
  }, 5)
  t.teardown(() => keys.close())
  const first = Buffer.from(keys.current())
  t.is(first.length, TICKET_KEY_BYTES)
  // Its timer keeps no process alive
  const alive = setTimeout(() => {}, 10_000)
  await third.promise
  clearTimeout(alive)
  keys.close()
  const [one, two, three] = seen as [Buffer, Buffer, Buffer]
  for (const each of seen) t.is(each.length, 2 * TICKET_KEY_BYTES)
  t.deepEqual(one.subarray(TICKET_KEY_BYTES), first)
  t.deepEqual(two.subarray(TICKET_KEY_BYTES), one.subarray(0, TICKET_KEY_BYTES))
  t.deepEqual(three.subarray(TICKET_KEY_BYTES), two.subarray(0, TICKET_KEY_BYTES))
  t.deepEqual(keys.current(), three)
})

test('a box seals with the first key and says which tickets it opens', t => {
  const keys = Buffer.concat([Buffer.alloc(TICKET_KEY_BYTES, 1), Buffer.alloc(TICKET_KEY_BYTES, 2)])
  const box = new TicketBox(keys)
  const iv = Buffer.alloc(16)
  const [verdict, hmac, aes, name, fresh] = box.answer(Buffer.alloc(16), iv, true)
  t.is(verdict, 1)
  for (const part of [hmac, aes, name]) t.deepEqual(part, Buffer.alloc(16, 1))
  t.is(fresh.length, 16)
  const before = Buffer.from(fresh)
  t.notDeepEqual(Buffer.from(box.answer(Buffer.alloc(16), iv, true)[4]), before, 'an IV is used once')

  t.is(box.answer(Buffer.alloc(16, 1), iv, false)[0], 1)
  const old = box.answer(Buffer.alloc(16, 2), iv, false)
  t.is(old[0], 2)
  t.deepEqual(old[2], Buffer.alloc(16, 2))
  t.is(box.answer(Buffer.alloc(16, 3), iv, false)[0], 0)

  // The caller's memory is its own
  keys.fill(9)
  t.is(box.answer(Buffer.alloc(16, 1), iv, false)[0], 1)
})
