import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Clock, NEVER, TICK_MS } from '../../../src/core/clock.ts'

/** Watches until `until` says so; resolves with the time it took. */
function watchUntil(clock: Clock, until: (now: number) => boolean): Promise<number> {
  const from = performance.now()
  return new Promise(resolve => {
    const watcher = {
      onTick(now: number): void {
        if (!until(now)) return
        clock.unwatch(watcher)
        resolve(performance.now() - from)
      },
    }
    clock.watch(watcher)
  })
}

/** Nothing runs meanwhile, as in a busy process. */
function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

/** Node's timers are a millisecond short at times. */
const SHORT = 5

test('stands while nobody watches', async t => {
  const clock = new Clock()
  await sleep(TICK_MS * 1.5)
  t.is(clock.now, 0)
  await watchUntil(clock, () => true)
  t.is(clock.size, 0)
  const { now } = clock
  await sleep(TICK_MS * 1.5)
  t.is(clock.now, now)
})

test('a deadline is never early, wherever between two ticks it was set, and two ticks late at most', async t => {
  const clock = new Clock()
  const ends: Promise<void>[] = []
  for (const wait of [0, 60, 120, 180, 240]) {
    await sleep(wait === 0 ? 0 : 60)
    for (const ms of [0, 100, TICK_MS]) {
      const deadline = clock.after(ms)
      const since = clock.now
      const end = Promise.all([
        watchUntil(clock, now => now >= deadline),
        watchUntil(clock, () => clock.passed(since, ms)),
      ]).then(([byDeadline, bySince]) => {
        t.true(byDeadline >= ms - SHORT, `${byDeadline} of ${ms}`)
        t.true(bySince >= ms - SHORT, `${bySince} of ${ms}`)
        // Far more room than two ticks: other tests run beside this one.
        t.true(byDeadline <= ms + 2 * TICK_MS + 1000, `${byDeadline} of ${ms}`)
      })
      ends.push(end)
    }
  }
  await Promise.all(ends)
})

test('a blocked event loop brings no deadline nearer', async t => {
  const clock = new Clock()
  let ticks = 0
  const watcher = { onTick: () => void ticks++ }
  clock.watch(watcher)
  const deadline = clock.after(2 * TICK_MS)
  block(5 * TICK_MS)
  const ended = watchUntil(clock, now => now >= deadline)
  await sleep(TICK_MS / 2)
  t.true(ticks <= 1, 'the ticks that were missed do not come all at once')
  t.true(clock.now <= TICK_MS)
  t.false(clock.passed(0, TICK_MS))
  t.true((await ended) >= 2 * TICK_MS - 2 * SHORT, 'who watches has the rest of its time after the block')
  clock.unwatch(watcher)
})

test('a watcher may go, and others with it, while all are asked', async t => {
  const clock = new Clock()
  const asked: string[] = []
  const second = { onTick: () => void asked.push('second') }
  const first = {
    onTick() {
      asked.push('first')
      clock.unwatch(first)
      clock.unwatch(second)
    },
  }
  clock.watch(first)
  clock.watch(second)
  clock.watch(second)
  t.is(clock.size, 2)
  await sleep(TICK_MS * 2.5)
  t.deepEqual(asked, ['first'])
  t.is(clock.size, 0)
})

test('what never comes does not come', t => {
  const clock = new Clock()
  t.false(clock.after(1e15) >= NEVER)
})
