import test from 'ava'
import fc from 'fast-check'
import { LogEmitter, type LogEmitterOptions } from '../../../src/log/emit.ts'
import { parseBatch, type StoredRow } from '../../../src/store/record.ts'
import { connectionRow, exchangeRow, until } from '../store/rows.ts'

interface Sent {
  rows: StoredRow[]
  count: number
  dropped: number
}

function emitter(part: Partial<LogEmitterOptions> = {}) {
  const sent: Sent[] = []
  const log = new LogEmitter({
    maxRows: 100,
    flushMs: 5,
    maxBatchRows: 10,
    send: (batch, count, dropped) => {
      sent.push({ rows: parseBatch(batch)!, count, dropped })
      return true
    },
    clientAddressMode: 'full',
    pseudonymKey: Buffer.from('key'),
    ...part,
  })
  return { log, sent }
}

test('a full batch leaves at once, a lone row by the timer, again and again', async t => {
  const { log, sent } = emitter()
  for (let i = 0; i < 10; i++) log.add(exchangeRow())
  t.is(sent.length, 1)
  for (let round = 2; round < 5; round++) {
    log.add(exchangeRow())
    t.is(log.size(), 1)
    await until(() => sent.length === round)
  }
  t.deepEqual(
    sent.map(batch => batch.count),
    [10, 1, 1, 1],
  )
})

test('while the channel is full the newest rows are kept, the oldest dropped and counted', async t => {
  let open = false
  const sent: Sent[] = []
  const { log } = emitter({
    maxRows: 25,
    send: (batch, count, dropped) => {
      if (open) sent.push({ rows: parseBatch(batch)!, count, dropped })
      return open
    },
  })
  for (let i = 0; i < 60; i++) log.add(exchangeRow({ status: i }))
  t.is(log.size(), 25)
  t.is(log.droppedTotal(), 35)
  open = true
  await until(() => log.size() === 0)
  t.deepEqual(
    sent.flatMap(batch => batch.rows).map(row => (row.kind === 'exchange' ? row.status : -1)),
    Array.from({ length: 25 }, (_, i) => 35 + i),
  )
  t.deepEqual(
    sent.map(batch => batch.dropped),
    [35, 0, 0],
  )
})

test('close sends what is left', t => {
  const { log, sent } = emitter()
  log.add(connectionRow())
  log.close()
  t.is(sent.length, 1)
})

test('client addresses: pseudonyms are stable and keyed, none leaves nothing', t => {
  const of = (mode: 'pseudonym' | 'none', key: string, client: string) => {
    const { log, sent } = emitter({ clientAddressMode: mode, pseudonymKey: Buffer.from(key) })
    log.add(connectionRow({ client }))
    log.close()
    const row = sent[0]!.rows[0]!
    return `${row.client} ${row.kind === 'connection' ? row.clientPort : ''}`
  }
  t.regex(of('pseudonym', 'k', '10.0.0.1'), /^~[0-9a-f]{16} 0$/)
  t.is(of('pseudonym', 'k', '10.0.0.1'), of('pseudonym', 'k', '10.0.0.1'))
  t.not(of('pseudonym', 'k', '10.0.0.1'), of('pseudonym', 'k', '10.0.0.2'))
  t.not(of('pseudonym', 'k', '10.0.0.1'), of('pseudonym', 'other', '10.0.0.1'))
  t.is(of('none', 'k', '10.0.0.1'), ' 0')
})

test('whatever a peer sends, a row is bounded and printable', t => {
  const any = fc.string({ unit: 'binary', maxLength: 300 })
  t.notThrows(() =>
    fc.assert(
      fc.property(any, any, any, any, (path, host, errorDetail, contentType) => {
        const { log, sent } = emitter()
        log.add(exchangeRow({ path: path.repeat(40), host, errorDetail: errorDetail.repeat(3), contentType }))
        log.close()
        const row = sent[0]!.rows[0]!
        if (row.kind !== 'exchange') return false
        const texts = row.host + row.errorDetail + row.contentType
        return (
          row.path.length <= 8192 &&
          /^[\x20-\x7e]*$/.test(row.path) &&
          row.host.length <= 255 &&
          row.errorDetail.length <= 500 &&
          !/[\x00-\x1f\x7f-\x9f\u202e]/.test(texts)
        )
      }),
    ),
  )
})

test('octets of a path are kept as %XX', t => {
  const { log, sent } = emitter()
  log.add(exchangeRow({ path: '/caf\xc3\xa9\r\n' }))
  log.close()
  t.like(sent[0]!.rows[0], { path: '/caf%C3%A9%0D%0A' })
})
