import test from 'ava'
import type { Browser } from 'playwright-core'
import { CA_FORMATS } from '../../ca/export.ts'
import { type Appliance, startAppliance } from './support/appliance.ts'
import { launch, visit } from './support/browser.ts'
import { history } from './support/traffic.ts'

let box: Appliance
let browser: Browser

test.before(async () => {
  box = await startAppliance()
  await box.write(history(800, 3_500_000, Date.now()))
  browser = await launch()
})

test.after.always(async () => {
  await browser?.close()
  await box?.close()
})

test.serial('without a session the first page is sign-in; then comes the page asked for', async t => {
  const { page, errors } = await visit(browser, box, '/live?q=verdict%3Ablock', { signIn: false })
  await page.getByLabel('User name').fill(box.user)
  await page.getByLabel('Password', { exact: true }).fill('wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('User name or password is wrong').waitFor()
  t.is(await page.getByLabel('User name').inputValue(), box.user, 'what was typed stays')
  await page.getByLabel('Password', { exact: true }).fill(box.password)
  await page.keyboard.press('Enter')
  await page.locator('[data-row]').first().waitFor()
  t.true(page.url().endsWith('/live?q=verdict%3Ablock'))
  t.deepEqual(errors, [])
})

test.serial('a number on the dashboard is a link to just so many rows', async t => {
  const { page } = await visit(browser, box, '/')
  const tile = page.locator('.tile-blocked')
  const shown = Number((await tile.locator('.tile-value').innerText()).replace(/\D/g, ''))
  t.true(shown > 10)
  await tile.click()
  await page.waitForURL(/\/live\?q=verdict/)
  await page.locator('[data-row]').first().waitFor()
  t.is(await page.locator('.strip-count').innerText(), `${shown} of ${shown}`)
  await page.goBack()
  const top = page.locator('.top').first().locator('tbody tr').first()
  const rows = Number((await top.locator('.num').innerText()).replace(/\D/g, ''))
  await top.getByRole('link').click()
  await page.locator('[data-row]').first().waitFor()
  t.regex(await page.locator('.strip-count').innerText(), new RegExp(`of ${rows}$`))
})

test.serial(
  'the dashboard draws the chart, names what needs a person, and a drag opens the log of that time',
  async t => {
    const { page, errors } = await visit(browser, box, '/')
    const chart = page.getByRole('img', { name: /Stacked areas/ })
    await page.locator('.uplot canvas').waitFor()
    t.regex((await chart.getAttribute('aria-label')) ?? '', /\d+ blocked/)
    t.regex(await page.locator('.problems').innerText(), /refuse our certificate at api\.bankapp\.example/)
    const area = (await page.locator('.u-over').boundingBox())!
    await page.mouse.move(area.x + area.width * 0.3, area.y + 80)
    await page.mouse.down()
    await page.mouse.move(area.x + area.width * 0.5, area.y + 80, { steps: 5 })
    await page.mouse.up()
    await page.waitForURL(/after%3A\d{13}\+until%3A\d{13}/)
    await page.locator('[data-row]').first().waitFor()
    t.deepEqual(errors, [])
  },
)

test.serial('the certificate page needs no sign-in and shows what must be compared', async t => {
  const { page, errors } = await visit(browser, box, '/ca', { signIn: false })
  const print = (await page.locator('.ca-print code').innerText()).replaceAll(':', '').toLowerCase()
  t.is(print, box.sha256)
  for (const format of CA_FORMATS) {
    const answer = await page.request.get(`/api/v1/ca/cert.${format}`)
    t.is(answer.status(), 200)
    t.is(await page.locator(`.downloads a[href="/api/v1/ca/cert.${format}"]`).count(), 1)
  }
  await page.getByRole('tab', { name: 'Android' }).click()
  t.regex(await page.getByRole('tabpanel').innerText(), /apps/i)
  await page.keyboard.press('ArrowLeft')
  t.is(await page.getByRole('tab', { selected: true }).innerText(), 'iPhone and iPad')
  t.is(await page.getByRole('img', { name: /QR code of http.*mobileconfig/ }).count(), 1)
  t.deepEqual(errors, [])
})

test.serial('every page by keyboard alone; ? lists the keys; they can be switched off', async t => {
  const { page } = await visit(browser, box, '/')
  await page.locator('.tiles').waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('l')
  await page.waitForURL(/\/live$/)
  await page.locator('[data-row]').first().waitFor()
  await page.keyboard.press('j')
  await page.locator('[data-row]:focus').waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').locator('.why').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.keyboard.press('g')
  await page.keyboard.press('t')
  await page.waitForURL(/\/tls$/)
  await page.keyboard.press('?')
  const list = page.getByRole('dialog', { name: 'Keys' })
  await list.getByText('Pause and resume').waitFor()
  await list.getByLabel('Single-letter keys').uncheck()
  await page.keyboard.press('Escape')
  await page.keyboard.press('g')
  await page.keyboard.press('d')
  await page.waitForTimeout(100)
  t.true(page.url().endsWith('/tls'))
})

/** Run in the page. */
const SCHEME = 'getComputedStyle(document.documentElement).colorScheme'

test.serial('theme and language are kept', async t => {
  const { page } = await visit(browser, box, '/', { colorScheme: 'light' })
  await page.getByRole('button', { name: /Colours/ }).click()
  await page.getByRole('button', { name: /Colours: light/ }).click()
  t.is(await page.evaluate(SCHEME), 'dark')
  await page.getByRole('button', { name: 'DE: Sprache Deutsch' }).click()
  await page.getByRole('heading', { name: 'Übersicht' }).waitFor()
  await page.reload()
  await page.getByRole('heading', { name: 'Übersicht' }).waitFor()
  t.is(await page.evaluate('document.documentElement.lang'), 'de')
  t.is(await page.evaluate(SCHEME), 'dark')
})

test.serial('old numbers are greyed with their age while the gateway is away, and come back by themselves', async t => {
  const { page } = await visit(browser, box, '/')
  await page.locator('.dash-body canvas').first().waitFor()
  const comeBack = await box.outage()
  await page.getByText('The gateway cannot be reached').waitFor({ timeout: 30_000 })
  await page.getByText(/Not fresh/).waitFor({ timeout: 30_000 })
  t.is(await page.locator('.dash-body.stale').count(), 1)
  await comeBack()
  await page.locator('.dash-body:not(.stale)').waitFor()
  t.is(await page.locator('.failure').count(), 0)
})

test.serial('when the session ends elsewhere, the page asks to sign in again', async t => {
  const own = await startAppliance()
  try {
    const { page } = await visit(browser, own, '/')
    await page.locator('.tiles').waitFor()
    own.endSessions()
    await page.getByRole('heading', { name: 'Sign in to Weir' }).waitFor()
    t.pass()
  } finally {
    await own.close()
  }
})
