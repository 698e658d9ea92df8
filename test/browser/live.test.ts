import test from 'ava'
import type { Browser, Page } from 'playwright-core'
import { exchangeRow } from '../unit/store/rows.ts'
import { type Appliance, startAppliance } from './support/appliance.ts'
import { launch, visit } from './support/browser.ts'
import { hostRow, ids, rowsOf } from './support/table.ts'
import { history } from './support/traffic.ts'

let box: Appliance
let browser: Browser

test.before(async () => {
  box = await startAppliance()
  const now = Date.now()
  await box.write(history(900, 3_600_000, now))
  await box.write([exchangeRow({ time: now, host: 'needle.example', path: '/in/the/haystack', conn: 'n-1' })])
  browser = await launch()
})

test.after.always(async () => {
  await browser?.close()
  await box?.close()
})

/** Waits until the row has the focus. */
async function focused(page: Page, id: string | number | null | undefined): Promise<void> {
  await page.locator(`[data-row="${id}"]:focus`).waitFor()
}

test.serial('a filter is in the address: it survives a reload, and back undoes it', async t => {
  const { page } = await visit(browser, box, '/live')
  await rowsOf(page).first().waitFor()
  await page.getByRole('button', { name: 'blocked', exact: true }).click()
  await page.waitForURL(/q=verdict/)
  await page.getByText(/ of /).first().waitFor()
  await page.locator('.row-inspected').first().waitFor({ state: 'detached' })
  await page.reload()
  await rowsOf(page).first().waitFor()
  t.is(await page.getByRole('textbox', { name: 'Filter' }).inputValue(), 'verdict:block')
  t.is(await page.locator('.row-inspected').count(), 0)
  await page.goBack()
  await page.locator('.row-inspected').first().waitFor()
  t.is(await page.getByRole('textbox', { name: 'Filter' }).inputValue(), '')
})

test.serial('typing narrows the log at once, a mistake is told and what was typed stays', async t => {
  const { page, errors } = await visit(browser, box, '/live')
  await rowsOf(page).first().waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('host:needle.example')
  await rowsOf(page).nth(1).waitFor({ state: 'detached' })
  await hostRow(page, 'needle.example').waitFor()
  t.true(page.url().includes('needle'))
  await page.keyboard.type(' nonsense:1')
  await page.getByText('This filter is not understood').waitFor()
  t.is(await page.getByRole('textbox', { name: 'Filter' }).inputValue(), 'host:needle.example nonsense:1')
  t.is(await rowsOf(page).count(), 1, 'what was found before stays, greyed')
  t.true(
    errors.every(line => line.includes('nonsense')),
    errors.join('\n'),
  )
})

test.serial('the drawer explains a row, marks the decisive step, and gives the focus back', async t => {
  const { page, errors } = await visit(browser, box, '/live?q=verdict:block+reason:list')
  const row = rowsOf(page).nth(2)
  const id = await row.getAttribute('data-row')
  await row.click()
  const dialog = page.getByRole('dialog')
  await dialog.locator('.why .decisive').waitFor()
  t.regex(await dialog.locator('.why .decisive').innerText(), /Rule[\s\S]*“Ads and trackers”, line 12: list ads\.txt/)
  t.is(await dialog.locator('.why li').count(), 5)
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await focused(page, id)
  t.deepEqual(errors, [])
})

test.serial('J and K walk from row to row in the open drawer, and the focus follows on closing', async t => {
  const { page } = await visit(browser, box, '/live')
  await rowsOf(page).first().click()
  await page.locator('.why').waitFor()
  const [, , third] = await ids(page)
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.waitForURL(new RegExp(`row=${third}`))
  await page.keyboard.press('k')
  await page.keyboard.press('j')
  await page.keyboard.press('Escape')
  await focused(page, third)
  t.pass()
})

test.serial('an opened drawer is in the address too', async t => {
  const { page } = await visit(browser, box, '/live?q=host:needle.example')
  await rowsOf(page).first().click()
  await page.waitForURL(/row=\d+/)
  await page.reload()
  const dialog = page.getByRole('dialog')
  await dialog.locator('.why').waitFor()
  t.true((await dialog.innerText()).includes('needle.example'))
  await dialog.getByRole('link', { name: 'All to this host' }).click()
  await page.waitForURL(/host%3A%3D%22needle/)
  t.is(await rowsOf(page).count(), 1)
})

test.serial('a new row is there within a second, under the filter in force', async t => {
  const { page, errors } = await visit(browser, box, '/live?q=host:fresh.example')
  await page.getByText('No row matches').waitFor()
  await page.getByText('live', { exact: true }).waitFor()
  await box.write([
    exchangeRow({ host: 'other.example', conn: 'f-0' }),
    exchangeRow({ host: 'fresh.example', path: '/now', conn: 'f-1' }),
  ])
  await hostRow(page, 'fresh.example').waitFor({ timeout: 1000 })
  t.is(await rowsOf(page).count(), 1)
  t.deepEqual(errors, [])
})

test.serial('scrolled away, news waits above; N goes there', async t => {
  const { page } = await visit(browser, box, '/live')
  await rowsOf(page).first().waitFor()
  await page.locator('.table-scroll').evaluate(el => {
    el.scrollTop = 900
  })
  await page.waitForTimeout(200)
  const before = await ids(page)
  await box.write([1, 2, 3].map(n => exchangeRow({ host: `late-${n}.example`, conn: `l-${n}` })))
  await page.getByText('3 new rows').waitFor()
  t.deepEqual(await ids(page), before, 'what is being read does not move')
  await page.keyboard.press('n')
  await hostRow(page, 'late-3.example').waitFor()
  t.is(await page.locator('.table-scroll').evaluate(el => el.scrollTop), 0)
})

test.serial('space pauses and resumes', async t => {
  const { page } = await visit(browser, box, '/live?q=host:paused.example')
  await page.getByText('live', { exact: true }).waitFor()
  await page.keyboard.press(' ')
  await page.getByRole('button', { name: 'Resume' }).waitFor()
  await box.write([exchangeRow({ host: 'paused.example', conn: 'p-1' })])
  await page.getByRole('button', { name: 'Resume 1' }).waitFor()
  t.is(await rowsOf(page).count(), 0)
  await page.keyboard.press(' ')
  await rowsOf(page).first().waitFor()
  t.is(await rowsOf(page).count(), 1)
})

test.serial('after an outage the stream goes on with no row lost or doubled', async t => {
  const outage = await startAppliance()
  try {
    const { page } = await visit(browser, outage, '/live')
    await page.getByText('live', { exact: true }).waitFor()
    const row = (n: number) => exchangeRow({ host: `o-${n}.example`, conn: `o-${n}` })
    await outage.write([row(1), row(2)])
    await hostRow(page, 'o-2.example').waitFor()
    const comeBack = await outage.outage()
    await outage.write([row(3), row(4)])
    await page.getByText('no connection').waitFor()
    await comeBack()
    await outage.write([row(5)])
    await hostRow(page, 'o-5.example').waitFor()
    const found = await ids(page)
    t.is(found.length, 5)
    t.is(new Set(found).size, 5)
  } finally {
    await outage.close()
  }
})

test.serial('a hidden tab holds no stream, and catches up when it is shown', async t => {
  const quiet = await startAppliance()
  try {
    const { page } = await visit(browser, quiet, '/live')
    await page.getByText('live', { exact: true }).waitFor()
    t.is(quiet.streams(), 1)
    const setHidden = (hidden: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true })
        document.dispatchEvent(new Event('visibilitychange'))`,
      )
    await quiet.write([exchangeRow({ host: 'seen.example', conn: 'h-0' })])
    await hostRow(page, 'seen.example').waitFor()
    await setHidden(true)
    for (let i = 0; i < 50 && quiet.streams() > 0; i++) await new Promise(resolve => setTimeout(resolve, 50))
    t.is(quiet.streams(), 0)
    await quiet.write([exchangeRow({ host: 'meanwhile.example', conn: 'h-1' })])
    await setHidden(false)
    await hostRow(page, 'meanwhile.example').waitFor()
    t.is((await ids(page)).length, 2)
  } finally {
    await quiet.close()
  }
})

test.serial('a few dozen rows are in the DOM, whatever the log and the screen hold', async t => {
  const { page } = await visit(browser, box, '/live', { viewport: { width: 1280, height: 3000 } })
  await rowsOf(page).first().waitFor()
  for (let i = 0; i < 6; i++) {
    await page.locator('.table-scroll').evaluate(el => {
      el.scrollTop = el.scrollHeight
    })
    await page.waitForTimeout(150)
    t.true((await rowsOf(page).count()) <= 60)
  }
  const lastIndex = await page.locator('.table-body .row').last().getAttribute('aria-rowindex')
  t.true(Number(lastIndex) > 600, 'older pages were fetched while scrolling')
})
