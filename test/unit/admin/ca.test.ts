import path from 'node:path'
import test from 'ava'
import { loadOrCreateCa } from '../../../ca/create.ts'
import { CA_FORMATS } from '../../../ca/export.ts'
import type { CaAnswer } from '../../../src/admin/api.ts'
import { factsOf } from '../../../src/admin/ca-facts.ts'
import type { CaState } from '../../../src/admin/calls.ts'
import type { CaPublic } from '../../../src/core/ca.ts'
import { tempDir } from '../store/rows.ts'
import { startBox } from './box.ts'

function make(t: { teardown(fn: () => unknown): void }, options: Parameters<typeof loadOrCreateCa>[1] = {}): CaPublic {
  const { dir, remove } = tempDir()
  t.teardown(remove)
  return loadOrCreateCa(path.join(dir, 'ca'), { hostname: 'test', ...options }).public
}

test('facts of a CA: key, limits and what it is called', t => {
  const plain = factsOf(make(t))
  t.like(plain, { key: 'ECDSA P-256', imported: false, permitted: null, excluded: [], root: null })
  const limited = factsOf(
    make(t, {
      kind: 'p384',
      pathLength: 0,
      permitted: ['school.example', '10.0.0.0/8', 'fd00::/8'],
      excluded: ['bank.school.example'],
    }),
  )
  t.like(limited, { key: 'ECDSA P-384', pathLength: 0, excluded: ['bank.school.example'] })
  t.deepEqual([...limited.permitted!].sort(), ['10.0.0.0/8', 'fd00::/8', 'school.example'])
})

test('without sign-in: the CA in use, each download with its name, and nothing of a rotation when there is none', async t => {
  const box = await startBox(t)
  const facts = (await (await box.get('/api/v1/ca')).json()) as CaAnswer
  t.like(facts, { next: null, previous: [], encrypted: false, guides: [{ id: 'ios', format: 'mobileconfig' }] })
  t.deepEqual(
    facts.downloads.map(file => file.format),
    [...CA_FORMATS],
  )
  for (const { path: at, fileName, contentType } of facts.downloads) {
    const file = await box.get(at)
    t.is(file.status, 200, at)
    t.is(file.headers.get('content-disposition'), `attachment; filename="${fileName}"`)
    t.is(file.headers.get('content-type'), contentType)
  }
  const pem = await (await box.get('/api/v1/ca/cert.pem')).text()
  t.regex(pem, /^-----BEGIN CERTIFICATE-----/)
  t.notRegex(pem, /PRIVATE/)
  t.is((await box.get('/api/v1/ca/next.pem')).status, 404)
})

test('during a rotation both are handed out; after it the new one is the CA', async t => {
  const [old, next] = [make(t), make(t)]
  let state: CaState = { current: old, next, previous: [], encrypted: true }
  const box = await startBox(t, {
    calls: {
      'ca.state': () => state,
      'ca.rotate': () => {
        state = { current: next, next: null, previous: [old], encrypted: true }
        return { refused: '' }
      },
    },
  })
  const cookie = await box.signIn()
  const during = (await (await box.get('/api/v1/ca')).json()) as CaAnswer
  t.like(during, { sha256: old.sha256, next: { sha256: next.sha256 }, encrypted: true })
  t.is(await (await box.get('/api/v1/ca/next.pem')).text(), next.certPem)
  t.is(during.next!.downloads[0]!.fileName, 'weir-ca-next.crt')
  t.is(await (await box.get('/api/v1/ca/cert.pem')).text(), old.certPem)
  const done = await box.post('/api/v1/ca/rotate', { step: 'finish', confirm: ` ${old.subject} ` }, { cookie })
  t.is(done.status, 200)
  t.like(await done.json(), { sha256: next.sha256, next: null, previous: [{ sha256: old.sha256 }] })
  t.is(await (await box.get('/api/v1/ca/cert.pem')).text(), next.certPem)
})

test('a rotation wants a signed-in person who types the name; a step that does not fit is told in words', async t => {
  const ca = make(t)
  const box = await startBox(t, {
    calls: {
      'ca.state': () => ({ current: ca, next: null, previous: [], encrypted: false }),
      'ca.rotate': () => ({ refused: 'No rotation is under way.' }),
    },
  })
  const cookie = await box.signIn()
  const rotate = (body: unknown, headers: Record<string, string>) => box.post('/api/v1/ca/rotate', body, headers)
  t.is((await rotate({ step: 'prepare', confirm: ca.subject }, {})).status, 401)
  t.is((await rotate({ step: 'prepare', confirm: ca.subject }, { cookie, origin: 'http://evil.example' })).status, 403)
  for (const confirm of ['', 'other', ca.subject.toUpperCase()]) {
    const answer = await rotate({ step: 'prepare', confirm }, { cookie })
    t.is(answer.status, 422)
    t.like(await answer.json(), { error: { problems: [{ where: 'confirm' }] } })
  }
  t.is((await rotate({ step: 'explode', confirm: ca.subject }, { cookie })).status, 422)
  t.false(box.asked.some(([method]) => method === 'ca.rotate'))
  const refused = await rotate({ step: 'finish', confirm: ca.subject }, { cookie })
  t.like(await refused.json(), { error: { problems: [{ where: 'step', message: 'No rotation is under way.' }] } })
  t.deepEqual(box.asked.at(-1), ['ca.rotate', { step: 'finish', user: 'admin' }])
})

test('however often strangers ask, the supervisor is asked seldom', async t => {
  const box = await startBox(t)
  await Promise.all(Array.from({ length: 50 }, () => box.get('/api/v1/ca/cert.p12')))
  t.is(box.asked.filter(([method]) => method === 'ca.state').length, 1)
})
