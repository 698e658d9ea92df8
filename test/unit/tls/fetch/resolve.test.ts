import test from 'ava'
import { SystemResolver } from '../../../../src/tls/fetch/resolve.ts'

test('two names are resolved at a time, 64 known, each once', t => {
  const asked: [string, (error: Error | null, addrs: string[]) => void][] = []
  const { resolve } = new SystemResolver(2, (host, done) => asked.push([host, done]))
  const told: string[] = []
  for (let i = 0; i < 70; i++) resolve(`h${i}`, (error, addrs) => told.push(error === null ? addrs.join() : 'no'))
  resolve('h0', (_error, addrs) => told.push(`again ${addrs}`))
  t.is(asked.length, 2)
  t.deepEqual(
    told,
    Array.from({ length: 6 }, () => 'no'),
  )
  told.length = 0
  asked[0]![1](null, ['1.1.1.1', '1.0.0.1'])
  t.deepEqual(told, ['1.1.1.1,1.0.0.1', 'again 1.1.1.1,1.0.0.1'])
  t.is(asked.length, 3)
  for (let i = 1; i < 64; i++) asked[i]![1](new Error('x'), [])
  t.deepEqual([asked.length, told.length], [64, 65])
})

test('the system answers', async t => {
  const { resolve } = new SystemResolver()
  const found = await new Promise<{ error: Error | null; addrs: string[] }>(done => {
    resolve('127.0.0.1', (error, addrs) => done({ error, addrs }))
  })
  t.deepEqual(found, { error: null, addrs: ['127.0.0.1'] })
  const none = await new Promise<string[]>(done => {
    resolve('nothing.invalid', (_error, addrs) => done(addrs))
  })
  t.deepEqual(none, [])
})
