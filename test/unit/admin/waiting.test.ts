import path from 'node:path'
import test from 'ava'
import { CallError } from '../../../src/admin/failure.ts'
import { SupervisorLink } from '../../../src/admin/link.ts'
import { Reader, ReaderError } from '../../../src/admin/reader.ts'
import type { FromAdmin } from '../../../src/core/ipc.ts'
import { FilterError } from '../../../src/store/filter-language.ts'
import { startStore } from '../../../src/store/store.ts'
import { memoryLog, tempDir } from '../store/rows.ts'

test('calls to the supervisor: answers find their question in any order, errors too, and too many are refused', async t => {
  const sent: FromAdmin[] = []
  const link = new SupervisorLink(message => void sent.push(message))
  const [first, second, third] = [
    link.call('policy.get', {}),
    link.call('user.find', { name: 'a' }),
    link.call('session.find', { token: 'x' }),
  ]
  link.receive({ t: 'result', id: 2, ok: true, value: null, error: '' })
  link.receive({ t: 'result', id: 99, ok: true, value: null, error: '' })
  link.receive({ t: 'result', id: 3, ok: false, value: null, error: 'no' })
  link.receive({ t: 'result', id: 1, ok: true, value: { version: 'v', text: '' }, error: '' })
  t.deepEqual(await first, { version: 'v', text: '' })
  t.is(await second, null)
  await t.throwsAsync(third, { instanceOf: CallError, message: 'no' })
  t.deepEqual(sent[1], { t: 'call', id: 2, method: 'user.find', params: { name: 'a' } })
  const many = Array.from({ length: 501 }, () => link.call('policy.get', {}))
  await t.throwsAsync(many[500]!, { instanceOf: CallError, message: /Too many/ })
  for (let id = 4; id < 504; id++) link.receive({ t: 'result', id, ok: true, value: null, error: '' })
  t.is((await Promise.all(many.slice(0, 500))).length, 500)
})

test('questions to the reader: bounded, errors by kind, and all refused when the thread is gone', async t => {
  const { dir, remove } = tempDir()
  t.teardown(remove)
  const file = path.join(dir, 'traffic.db')
  const store = startStore({ file, retentionDays: 0, maxBytes: 0, log: memoryLog() })
  await store.opened
  let gone = 0
  const reader = new Reader(file, () => void gone++)
  await reader.opened
  const many = Array.from({ length: 201 }, () => reader.call('lastId', null))
  await t.throwsAsync(many[200]!, { instanceOf: ReaderError, message: /Too many/ })
  t.is((await Promise.all(many.slice(0, 200))).length, 200)
  await t.throwsAsync(reader.call('live', { q: 'x:y', after: 0 }), { instanceOf: FilterError })
  const { thread } = reader as unknown as { thread: { terminate(): Promise<number> } }
  const asked = Array.from({ length: 100 }, () => reader.call('summary', { range: '7d', now: Date.now() }))
  const settled = Promise.allSettled(asked)
  await thread.terminate()
  // Answered before the end or refused at it, but none waits for ever.
  const refused = (await settled).filter(result => result.status === 'rejected')
  t.true(refused.every(result => result.reason instanceof ReaderError))
  t.is(gone, 1)
  await t.throwsAsync(reader.call('lastId', null), { instanceOf: ReaderError })
  await store.stop()
})

test('a database that is not there yet: the thread waits for nobody, the next question finds it', async t => {
  const { dir, remove } = tempDir()
  t.teardown(remove)
  const file = path.join(dir, 'traffic.db')
  const reader = new Reader(file, () => {})
  await reader.opened
  await t.throwsAsync(reader.call('lastId', null), { instanceOf: ReaderError })
  const store = startStore({ file, retentionDays: 0, maxBytes: 0, log: memoryLog() })
  await store.opened
  t.is(await reader.call('lastId', null), 0)
  await reader.close()
  await store.stop()
})
