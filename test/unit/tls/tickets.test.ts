import test from 'ava'
import { TICKET_KEY_BYTES, TicketKeys, ticketCallback } from '../../../src/tls/tickets.ts'

/** What a TicketKeys said, until it has said so much. */
async function changes(count: number, lifeMs: number, overlapMs: number) {
  const seen: Buffer[] = []
  const enough = Promise.withResolvers<void>()
  const keys = new TicketKeys(
    changed => {
      if (seen.push(Buffer.from(changed)) === count) {
        keys.close()
        enough.resolve()
      }
    },
    lifeMs,
    overlapMs,
  )
  const first = Buffer.from(keys.current())
  // Its timers keep no process alive
  const alive = setTimeout(() => {}, 60_000)
  await enough.promise
  clearTimeout(alive)
  return { first, seen, last: keys.current() }
}

const newest = (keys: Buffer) => keys.subarray(0, TICKET_KEY_BYTES)
const before = (keys: Buffer) => keys.subarray(TICKET_KEY_BYTES)

test('the key before stays as long as its tickets are of use, and then goes', async t => {
  const { first, seen, last } = await changes(2, 20, 5)
  const [both, one] = seen as [Buffer, Buffer]
  t.is(first.length, TICKET_KEY_BYTES)
  t.deepEqual(before(both), first)
  t.notDeepEqual(newest(both), first)
  t.deepEqual(one, newest(both))
  t.deepEqual(last, one)
})

test('there are never more than two, however fast they change', async t => {
  const { first, seen } = await changes(3, 5, 60_000)
  let previous: Buffer = first
  for (const keys of seen) {
    t.is(keys.length, 2 * TICKET_KEY_BYTES)
    t.deepEqual(before(keys), previous)
    previous = newest(keys)
  }
})

test('the callback seals with the first key and says which tickets it opens', t => {
  const keys = Buffer.concat([Buffer.alloc(TICKET_KEY_BYTES, 1), Buffer.alloc(TICKET_KEY_BYTES, 2)])
  const answer = ticketCallback(keys)
  const iv = Buffer.alloc(16)
  const [verdict, hmac, aes, name, fresh] = answer(Buffer.alloc(16), iv, true)
  t.is(verdict, 1)
  for (const part of [hmac, aes, name]) t.deepEqual(part, Buffer.alloc(16, 1))
  const used = Buffer.from(fresh)
  t.notDeepEqual(Buffer.from(answer(Buffer.alloc(16), iv, true)[4]), used, 'an IV is used once')

  t.is(answer(Buffer.alloc(16, 1), iv, false)[0], 1)
  const old = answer(Buffer.alloc(16, 2), iv, false)
  t.is(old[0], 2)
  t.deepEqual(old[2], Buffer.alloc(16, 2))
  t.is(answer(Buffer.alloc(16, 3), iv, false)[0], 0)

  // The caller's memory is its own
  keys.fill(9)
  t.is(answer(Buffer.alloc(16, 1), iv, false)[0], 1)
})
