import test from 'ava'
import Database from 'better-sqlite3'
import { migrate, readSteps } from '../../../src/store/migrate.ts'

test('steps are numbered 1, 2, 3 without a gap and lead from nothing to the newest', t => {
  for (const name of ['traffic', 'accounts'] as const) {
    const steps = readSteps(name)
    t.deepEqual(
      steps.map(step => step.version),
      steps.map((_, i) => i + 1),
    )
    const db = new Database(':memory:')
    migrate(db, name)
    t.is(db.pragma('user_version', { simple: true }), steps.length)
    t.notThrows(() => migrate(db, name))
    db.close()
  }
})

test('only what is missing is run; a step that fails leaves the version before, whole', t => {
  const db = new Database(':memory:')
  const steps = [
    { version: 1, sql: 'CREATE TABLE a (x)' },
    { version: 2, sql: 'CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)' },
  ]
  t.throws(() => migrate(db, 'traffic', steps), { message: /nowhere/ })
  t.is(db.pragma('user_version', { simple: true }), 1)
  t.deepEqual(db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all(), ['a'])
  migrate(db, 'traffic', [steps[0]!, { version: 2, sql: 'CREATE TABLE b (x)' }])
  t.is(db.pragma('user_version', { simple: true }), 2)
  db.close()
})

test('a newer schema is refused with a sentence', t => {
  const db = new Database(':memory:')
  db.pragma('user_version = 50')
  t.throws(() => migrate(db, 'traffic'), { message: /newer version/ })
  db.close()
})

test('a log of before TLS was judged keeps its rows, and its views grow at their end', t => {
  const db = new Database(':memory:')
  const steps = readSteps('traffic')
  migrate(db, 'traffic', steps.slice(0, 2))
  const columns = (view: string) =>
    db.prepare(`SELECT name FROM pragma_table_info('${view}') ORDER BY cid`).pluck().all() as string[]
  const before = { v_exchanges: columns('v_exchanges'), v_connections: columns('v_connections') }
  const row = columns('connections')
  db.exec(`INSERT INTO connections VALUES (${row.map(name => (name === 'conn' ? "'old'" : '1')).join()})`)
  migrate(db, 'traffic')
  t.like(db.prepare('SELECT * FROM v_connections').get(), { connection: 'old', ja4: '', ech: 0, handshake: '' })
  for (const [view, names] of Object.entries(before)) t.deepEqual(columns(view).slice(0, names.length), names)
  t.deepEqual(columns('v_exchanges').slice(-2), ['exception', 'revocation'])
  db.close()
})
