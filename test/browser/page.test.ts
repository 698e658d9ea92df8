import test from 'ava'
import type { Browser } from 'playwright-core'
import { OBJECTS } from '../promise/streams/pages.ts'
import { startStreamOrigin } from '../promise/streams/world.ts'
import { type Bench, startBench } from '../promise/support.ts'
import { installCa, launchOnClient } from './support/client.ts'

/** A page of many objects in a real browser, which opens and multiplexes connections as it likes. */

let bench: Bench
let browser: Browser

test.before(async () => {
  bench = await startBench()
  await startStreamOrigin(bench.lab)
  installCa(bench.lab, bench.weir.caPem)
  browser = await launchOnClient(bench.lab)
})

test.after.always(async () => {
  await browser?.close()
  await bench?.close()
})

test(`a page of ${OBJECTS} objects is whole, over HTTP/2, and the console is silent`, async t => {
  const page = await browser.newPage()
  const said: string[] = []
  page.on('console', message => said.push(message.text()))
  page.on('pageerror', error => said.push(error.message))
  page.on('requestfailed', request => said.push(`${request.url()} ${request.failure()?.errorText}`))
  const answer = await page.goto('https://web.test/page', { waitUntil: 'load', timeout: 30_000 })
  t.is(answer?.status(), 200)
  // Scripts for the page are texts, because this side has no DOM types
  const images = '[...document.images].filter(image => image.complete && image.naturalWidth > 0).length'
  t.is(await page.evaluate(images), OBJECTS)
  const protocols = `[...new Set(performance.getEntries().filter(({ entryType }) => /navigation|resource/.test(entryType))
    .map(({ nextHopProtocol }) => nextHopProtocol))]`
  t.deepEqual(await page.evaluate(protocols), ['h2'])
  t.deepEqual(said, [])

  const object = "url LIKE 'https://web.test/object%'"
  for (let i = 0; i < OBJECTS; i++) await bench.row('v_exchanges', `${object} AND url LIKE '%?${i}.svg'`)
  const rows = bench.rows('v_exchanges', object)
  t.is(rows.length, OBJECTS)
  t.true(rows.every(({ status, tier, client_tls }) => status === 200 && tier === 'inspect' && client_tls === 'TLSv1.3'))
  t.is(new Set(rows.map(({ conn }) => conn)).size, 1, 'one connection carried them all')
})
