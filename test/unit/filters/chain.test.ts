import test from 'ava'
import type { WeirError } from '../../../src/core/errors.ts'
import type { Exchange, LocalReply } from '../../../src/core/exchange.ts'
import type { Filter } from '../../../src/core/filter.ts'
import { compileChain, type FilterChain } from '../../../src/filters/chain.ts'
import { exchange, reply } from './fixture.ts'

const options = { errorPage: (_: Exchange, error: WeirError) => reply(error.status) }

function run(
  chain: FilterChain,
  ex: Exchange,
  phase: 'runRequest' | 'runResponse' = 'runRequest',
): Promise<LocalReply | null> {
  return new Promise(resolve => chain[phase](ex, resolve))
}

function noting(name: string, log: string[], result: LocalReply | null | Promise<LocalReply | null> = null): Filter {
  return {
    name,
    onRequest() {
      log.push(name)
      return result
    },
  }
}

test('synchronous filters run in order, before the call returns, until one answers', t => {
  const log: string[] = []
  const chain = compileChain([noting('a', log), noting('b', log, reply(403)), noting('c', log)], options)
  let got: LocalReply | null | undefined
  chain.runRequest(exchange(), answer => {
    got = answer
  })
  t.is(got?.status, 403)
  t.deepEqual(log, ['a', 'b'])
})

test('an empty phase goes straight on', t => {
  const chain = compileChain([noting('a', [])], options)
  let calls = 0
  chain.runResponse(exchange(), answer => {
    t.is(answer, null)
    calls++
  })
  t.is(calls, 1)
})

test('a filter that waits holds up the ones behind it, and can answer', async t => {
  const log: string[] = []
  const chain = compileChain(
    [noting('a', log, Promise.resolve(null)), noting('b', log, Promise.resolve(reply(451))), noting('c', log)],
    options,
  )
  t.is((await run(chain, exchange()))?.status, 451)
  t.deepEqual(log, ['a', 'b'])
})

test('a filter that throws, rejects or never answers ends the exchange: nothing undecided passes', async t => {
  const failures: Record<string, () => Promise<null>> = {
    throws: () => {
      throw new TypeError('oh')
    },
    rejects: () => Promise.reject(new TypeError('oh')),
    never: () => new Promise(() => {}),
  }
  for (const [name, onRequest] of Object.entries(failures)) {
    const log: string[] = []
    const ex = exchange()
    const chain = compileChain([{ name, onRequest }, noting('after', log)], { ...options, maxWaitMs: 20 })
    t.is((await run(chain, ex))?.status, 500, name)
    t.is(ex.error?.code, 'self-internal')
    t.regex(ex.error!.detail, new RegExp(name))
    t.deepEqual(log, [])
  }
})

test('a late answer changes nothing, and done is called once', async t => {
  let calls = 0
  const late = new Promise<null>(resolve => setTimeout(resolve, 40, null))
  const chain = compileChain([{ name: 'late', onRequest: () => late }], { ...options, maxWaitMs: 5 })
  chain.runRequest(exchange(), () => calls++)
  await late
  await new Promise(resolve => setImmediate(resolve))
  t.is(calls, 1)
})

test("what done throws is not taken for a filter's mistake", t => {
  const ex = exchange()
  const chain = compileChain([noting('a', [])], options)
  t.throws(
    () =>
      chain.runRequest(ex, () => {
        throw new Error('mine')
      }),
    { message: 'mine' },
  )
  t.is(ex.error, null)
})

test('a filter keeps its `this`', async t => {
  class Counting implements Filter {
    readonly name = 'counting'
    seen = 0
    onResponse(): null {
      this.seen++
      return null
    }
  }
  const filter = new Counting()
  await run(compileChain([filter], options), exchange(), 'runResponse')
  t.is(filter.seen, 1)
})
