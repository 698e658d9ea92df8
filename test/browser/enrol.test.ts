import fs from 'node:fs'
import { createRequire } from 'node:module'
import test from 'ava'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { type Bench, startBench } from '../promise/support.ts'
import { installCa, launchOnClient } from './support/client.ts'

/** A person with a browser in the network of a running Weir: the enrolment page, and the page about a bad certificate. */

const POLICY = `version: 1
tls: { override: allow }
`
const URL = 'http://www.origin.example/.well-known/weir/'
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1'
/** A try every three seconds, and some for the browser to notice its new authority. */
const NOTICED_MS = 40_000

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const AXE = `axe.run({ runOnly: { type: 'tag', values:
  ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } })
  .then(({ violations }) => violations.flatMap(v =>
    v.nodes.slice(0, 3).map(n => v.id + ': ' + n.html.slice(0, 120) + ' ' + n.failureSummary)))`

let bench: Bench
let browser: Browser

test.before(async () => {
  bench = await startBench(POLICY, { workers: 2 })
  browser = await launchOnClient(bench.lab)
})

test.after.always(async () => {
  await browser?.close()
  await bench?.close()
})

async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  await page.goto(url)
  return page
}

test.serial('a device that does not trust us is told so', async t => {
  const page = await open(URL)
  await page.getByText('No, this device does not trust the gateway yet').waitFor()
  t.is(await page.getByText('Yes, this device trusts').isVisible(), false)
  await page.context().close()
})

test.serial('so it is without script: the button leads to where its browser warns', async t => {
  const page = await open(URL, { javaScriptEnabled: false })
  t.true(await page.getByText('Press the button').isVisible())
  const failed = page.waitForEvent('requestfailed')
  await page.getByRole('button', { name: 'Try it' }).click({ noWaitAfter: true })
  t.regex((await failed).failure()?.errorText ?? '', /ERR_CERT_AUTHORITY_INVALID/)
  await page.context().close()
})

test.serial('the guide of the device is open, in its language, and its file is one click away', async t => {
  const page = await open(URL, { userAgent: IPHONE, locale: 'de-DE' })
  t.is(await page.locator('html').getAttribute('lang'), 'de')
  const guide = page.locator('details[open]')
  t.is(await guide.count(), 1)
  const link = guide.getByRole('link', { name: /weir-ca\.mobileconfig/ })
  const download = page.waitForEvent('download')
  await link.click()
  t.is((await download).suggestedFilename(), 'weir-ca.mobileconfig')
  await page.context().close()
})

test.serial('the page asks nobody but the host it is on, and leaves nothing behind', async t => {
  const page = await open('about:blank')
  const asked: string[] = []
  page.on('request', request => asked.push(request.url()))
  await page.goto(URL)
  await page.getByText('No, this device does not trust').waitFor()
  t.deepEqual(
    [...new Set(asked.map(url => url.replace(/\?.*/, '')))],
    [URL, `${URL}trust.js`, `${URL}try`, 'https://www.origin.example/.well-known/weir/trusted'],
  )
  t.deepEqual(await page.context().cookies(), [])
  t.is(await page.evaluate('localStorage.length + sessionStorage.length'), 0)
  await bench.row('v_exchanges', "url LIKE '%/weir/trust.js'")
  t.deepEqual(bench.rows('v_exchanges', "upstream <> '' OR reason <> 'enrolling'"), [])
  await page.context().close()
})

test.serial('a device that gets the certificate while it looks at the page sees that it trusts us', async t => {
  const page = await open(URL)
  await page.getByText('No, this device does not trust').waitFor()
  installCa(bench.lab, bench.weir.caPem)
  await page.getByText('Yes, this device trusts the gateway').waitFor({ timeout: NOTICED_MS })
  t.is(await page.getByText('No, this device does not trust').isVisible(), false)
  const row = await bench.row('v_exchanges', "url LIKE 'https://www.origin.example/.well-known/weir/trusted%'")
  t.like(row, { status: 200, upstream: '', reason: 'enrolling' }, 'no origin was asked')
  await page.context().close()
})

test.serial('without script the page at the other end says so', async t => {
  const page = await open(URL, { javaScriptEnabled: false })
  await page.getByRole('button', { name: 'Try it' }).click()
  await page.waitForURL('https://www.origin.example/.well-known/weir/')
  t.true(await page.getByText('Yes, this device trusts the gateway').isVisible())
  await page.context().close()
})

test.serial('a warning is read, passed by hand, and the page behind it is there', async t => {
  const page = await open('https://bad-expired.example/?q=1')
  t.is(await page.locator('h1').innerText(), 'The certificate of this web site is out of date')
  t.false(await page.getByRole('button').isVisible(), 'it takes two clicks')
  await page.getByText('The chain of certificates').click()
  t.true(await page.getByText('CN=', { exact: false }).first().isVisible())
  await page.getByText('Go there nevertheless').click()
  await page.getByRole('button', { name: 'I take the risk' }).click()
  await page.getByText("A page of the lab's internet").waitFor()
  t.is(page.url(), 'https://bad-expired.example/?q=1')
  await page.context().close()
})

const SCENES: [string, string][] = [
  ['enrolment', URL],
  ['certificate', 'https://bad-selfsigned.example/'],
]
for (const [name, url] of SCENES) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.serial(
      `${name}, ${colorScheme}: nothing for axe, no sideways scrolling, nothing too small for a finger`,
      async t => {
        for (const width of [320, 390, 1280]) {
          const page = await open(url, { colorScheme, viewport: { width, height: 800 } })
          await page.evaluate(
            `document.querySelectorAll('details').forEach(each => { each.removeAttribute('name'); each.open = true })`,
          )
          await page.evaluate(axe)
          t.deepEqual(await page.evaluate(AXE), [], `${width} px`)
          t.is(await page.evaluate('document.scrollingElement.scrollWidth - innerWidth'), 0, `${width} px`)
          const small = `[...document.querySelectorAll('button, .btn, summary')]
          .filter(each => each.getBoundingClientRect().height < 44).map(each => each.outerHTML)`
          t.deepEqual(await page.evaluate(small), [], `${width} px`)
          await page.context().close()
        }
      },
    )
  }
}
