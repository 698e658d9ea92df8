import fs from 'node:fs'
import test from 'ava'
import type { Browser, Locator, Page } from 'playwright-core'
import { type Answer, curl } from '../lab/client.ts'
import { type Bench, startBench } from '../promise/support.ts'
import { type Box, launch, visit } from './support/browser.ts'
import { rowsOf } from './support/table.ts'

/** A device without our CA at a running Weir, as it is seen, overruled and spared in the UI; and a rotation of the real CA. */

const STRANGER = '10.77.1.60'
const NAMES = ['www.origin.example', 'static.origin.example', 'bank.example', 'games.example']
/** From the last handshake to the conclusion on the screen: a batch of the worker's, and the page's own pace. */
const SEEN_MS = 30_000

const POLICY = `version: 1
exceptions:
  - host: bad-expired.example
    allow: [expired]
    until: ${new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10)}
    reason: Renewed next week
`

let bench: Bench
let box: Box
let browser: Browser
let page: Page
let errors: string[]

const stranger = (name: string): Promise<Answer> =>
  curl(bench.lab, ['--interface', STRANGER, '--max-time', '5', `https://${name}/`])
const item = (): Locator => page.locator('.learned > li').filter({ hasText: STRANGER })

test.before(async () => {
  bench = await startBench(POLICY)
  const shown = await bench.lab.exec('client', ['ip', '-o', '-4', 'addr', 'show', 'to', '10.77.1.10'])
  const [, device = ''] = /^\d+:\s+(\S+)/.exec(shown.stdout) ?? []
  await bench.lab.exec('client', ['ip', 'addr', 'add', `${STRANGER}/24`, 'dev', device])
  const { port } = await bench.lab.forward('gateway', { port: bench.weir.adminPort })
  const [, user, password] = /^weir: first sign-in: (\S+) \/ (\S+)$/m.exec(bench.weir.log()) ?? []
  box = { base: `http://127.0.0.1:${port}`, user: user ?? '', password: password ?? '' }
  browser = await launch()
})

test.after.always(async () => {
  await browser?.close()
  await bench?.close()
})

test.serial('a device that refuses us everywhere is learned, with what it said', async t => {
  for (const name of NAMES) t.is((await stranger(name)).exit, 60, name)
  ;({ page, errors } = await visit(browser, box, '/tls?tab=learned'))
  await item().waitFor({ timeout: SEEN_MS })
  t.regex(await item().innerText(), /trusts nothing of ours\s+\d× does not know our CA/)
  const link = item().locator('.learned-facts a')
  const count = Number(await link.innerText())
  t.true(count >= 3)
  await link.click()
  await rowsOf(page).first().waitFor()
  t.is(await rowsOf(page).count(), count)
  await page.goBack()
})

test.serial('it is not opened any more: it meets the site’s own certificate', async t => {
  const answer = await curl(bench.lab, ['--interface', STRANGER, '-k', 'https://bank.example/'])
  t.is(answer.exit, 0)
  const row = await bench.row('v_connections', "client = ? AND tier_reason = 'learned-untrusting'", STRANGER)
  t.is(row.tier, 'names')
  await page.goto(`/live?q=client:${STRANGER}+tier:names`)
  await rowsOf(page).first().click()
  t.regex(
    await page.getByRole('dialog').locator('.why .decisive').innerText(),
    /Not opened, only names are known\. This device does not trust the certificate of this gateway/,
  )
})

test.serial('the dashboard and the list of devices say so', async t => {
  await page.goto('/')
  await page.getByText('1 device refuses our certificate. 1 new today.').waitFor({ timeout: SEEN_MS })
  await page.goto('/tls?tab=devices&show=no')
  const rows = page.locator('.data tbody tr')
  await rows.first().waitFor()
  t.deepEqual(await rows.locator('.d-client').allInnerTexts(), [STRANGER])
})

test.serial('overruled, it is opened again; taken back, it is spared again', async t => {
  await page.goto('/tls?tab=learned')
  await item().getByRole('button', { name: 'Open it nevertheless' }).click()
  await item().getByText('overruled').waitFor()
  t.is((await stranger('bank.example')).exit, 60)
  const opened = "client = ? AND handshake = 'unknown-ca'"
  t.true(bench.rows('v_connections', opened, STRANGER).length >= NAMES.length)
  await page.getByRole('button', { name: 'Undo' }).click()
  await item().getByText('trusts nothing of ours').waitFor()
  const answer = await curl(bench.lab, ['--interface', STRANGER, '-k', 'https://bank.example/'])
  t.is(answer.exit, 0)
})

test.serial('an exception in use is marked in the drawer and counted beside its end and reason', async t => {
  for (let n = 0; n < 2; n++)
    t.is((await curl(bench.lab, [`https://bad-expired.example/`], { ca: bench.weir.caFile })).status, 200)
  await bench.row('v_exchanges', "exception <> ''")
  await page.goto('/tls?tab=bypass')
  const row = page
    .getByRole('table', { name: 'Exceptions' })
    .getByRole('row')
    .filter({ hasText: 'bad-expired.example' })
  await row.waitFor()
  t.regex(await row.innerText(), /expired[\s\S]*Renewed next week[\s\S]*line 3/)
  const link = row.locator('.d-used a')
  await link.waitFor({ timeout: SEEN_MS })
  const count = Number(await link.innerText())
  await link.click()
  await rowsOf(page).first().waitFor()
  t.is(await rowsOf(page).count(), count)
  await rowsOf(page).first().click()
  t.regex(await page.locator('.overlooked').innerText(), /Exception used: expired \(line 3: Renewed next week\)/)
})

test.serial('the CA is rotated: clients of the old one go on, the new one is handed out, then signs', async t => {
  await page.goto('/tls')
  const name = (await page.locator('.ca-facts dd span').first().innerText()).trim()
  const rotate = async (step: string): Promise<void> => {
    await page.getByRole('button', { name: step }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox').fill(name)
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
  }
  await rotate('Prepare a rotation')
  await page.getByText('Under way').waitFor()
  t.is((await curl(bench.lab, ['https://www.origin.example/'], { ca: bench.weir.caFile })).status, 200)
  const next = `${bench.lab.dir}/next.pem`
  const file = await page.request.get('/api/v1/ca/next.pem')
  fs.writeFileSync(next, await file.body())
  await rotate('Finish the rotation')
  await page.getByText('Out of use').waitFor()
  const answer = await curl(bench.lab, ['https://static.origin.example/'], { ca: next })
  t.is(answer.exit, 0, answer.error)
  t.deepEqual(errors, [])
})
