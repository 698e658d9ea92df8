import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import pino from 'pino'
import { finishRotation, startRotation } from '../../../ca/rotate.ts'
import { CaKeeper } from '../../../src/supervisor/ca-keeper.ts'
import { testKey } from '../../pki/keys.ts'

function keeper(t: ExecutionContext): { ca: CaKeeper; dir: string; said: string[] } {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-ca-keeper-'))
  const said: string[] = []
  const log = pino({}, { write: line => void said.push((JSON.parse(line) as { msg: string }).msg) })
  const dir = path.join(base, 'ca')
  const ca = new CaKeeper(dir, {}, log)
  t.teardown(() => {
    ca.close()
    fs.rmSync(base, { recursive: true })
  })
  return { ca, dir, said }
}

const spki = testKey('p256', 1).publicKey.export({ type: 'spki', format: 'der' })

function issuerOf(ca: CaKeeper): string {
  const minted = ca.mint({ t: 'mint', id: 1, name: 'a.example', spki })
  if (minted.t !== 'minted' || minted.leaf === null) throw new Error('not minted')
  return new X509Certificate(minted.leaf.certPem).issuer
}

test('it mints, and refuses with a sentence what may not be certified', t => {
  const { ca } = keeper(t)
  t.true(issuerOf(ca).includes(ca.public.subject))
  const refused = ca.mint({ t: 'mint', id: 2, name: '*.example', spki })
  t.like(refused, { t: 'minted', id: 2, leaf: null })
  t.not((refused as { error: string }).error, '')
})

test('a rotation: handed out beside the one in use, then in use; each step told, wrong ones refused', t => {
  const { ca } = keeper(t)
  let told = 0
  ca.onChange = () => told++
  const first = ca.public.sha256
  t.not(ca.rotate('finish'), '')
  t.is(told, 0)
  t.is(ca.rotate('prepare'), '')
  t.like(ca.state(), { current: { sha256: first } })
  const next = ca.state().next!.sha256
  t.is(ca.handout().authorities.length, 2)
  t.deepEqual(
    ca.own().map(each => each.sha256),
    [first, next],
  )
  t.is(ca.rotate('finish'), '')
  t.is(ca.public.sha256, next)
  t.true(issuerOf(ca).includes(ca.public.subject))
  t.is(told, 2)
})

test('read again without a change, nobody is told', t => {
  const { ca } = keeper(t)
  let told = 0
  ca.onChange = () => told++
  ca.reload()
  t.is(told, 0)
  t.is(ca.rotate('prepare'), '')
  ca.reload()
  t.is(told, 1)
})

test('what a command does to the folder is noticed; what cannot be used changes nothing', async t => {
  const { ca, dir, said } = keeper(t)
  const changed = Promise.withResolvers<void>()
  ca.onChange = () => changed.resolve()
  startRotation(dir, {})
  finishRotation(dir, {})
  await Promise.race([changed.promise, sleep(20_000)])
  t.is(ca.state().previous.length, 1)
  const now = ca.public.sha256
  fs.writeFileSync(path.join(dir, 'ca.pem'), 'no certificate')
  ca.reload()
  t.is(ca.public.sha256, now)
  t.true(said.some(line => line.includes('goes on signing')))
})
