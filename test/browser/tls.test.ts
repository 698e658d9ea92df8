import test from 'ava'
import type { Browser, Locator, Page } from 'playwright-core'
import { type Appliance, startAppliance } from './support/appliance.ts'
import { launch, visit } from './support/browser.ts'
import { rowsOf } from './support/table.ts'
import { tlsRows } from './support/tls.ts'
import { history } from './support/traffic.ts'

let box: Appliance
let browser: Browser

test.before(async () => {
  box = await startAppliance()
  await box.write([...history(300, 3_500_000, Date.now()), ...tlsRows(Date.now())])
  browser = await launch()
})

test.after.always(async () => {
  await browser?.close()
  await box?.close()
})

const item = (page: Page, name: string): Locator => page.locator('.learned > li').filter({ hasText: name })

/** Follows a number to the log and counts what is there. */
async function rowsBehind(page: Page, link: Locator): Promise<[shown: number, rows: number]> {
  const shown = Number((await link.innerText()).replace(/\D/g, ''))
  await link.click()
  await page.waitForURL(/\/live\?q=/)
  await rowsOf(page).first().waitFor()
  const rows = await rowsOf(page).count()
  await page.goBack()
  await page.waitForURL(/\/tls/)
  return [shown, rows]
}

test.serial('the tabs by keyboard; the address keeps which one, through reload and back', async t => {
  const { page, errors } = await visit(browser, box, '/')
  await page.locator('.tiles').waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('t')
  await page.getByRole('tab', { name: 'Certificate' }).focus()
  for (const [title, tab] of [
    ['Install on devices', 'install'],
    ['Never open', 'bypass'],
    ['Learned', 'learned'],
    ['Who trusts us', 'devices'],
  ] as const) {
    await page.keyboard.press('ArrowRight')
    await page.getByRole('tab', { name: title, selected: true }).waitFor()
    t.true(page.url().endsWith(`/tls?tab=${tab}`))
  }
  await page.reload()
  await page.getByRole('tab', { name: 'Who trusts us', selected: true }).waitFor()
  await page.goBack()
  await page.locator('.tiles').waitFor()
  t.deepEqual(errors, [])
})

test.serial('learned: what was said, in words; each number opens just so many rows', async t => {
  const { page } = await visit(browser, box, '/tls?tab=learned')
  const bank = item(page, 'api.bankapp.example')
  await bank.waitFor()
  t.regex(await bank.innerText(), /3× hung up at our certificate · 1× called our certificate bad/)
  t.regex(await item(page, '10.77.1.88').innerText(), /trusts nothing of ours[\s\S]*3× does not know our CA/)
  for (const name of ['api.bankapp.example', '10.77.1.88']) {
    const [shown, rows] = await rowsBehind(page, item(page, name).locator('.learned-facts a'))
    t.is(rows, shown, name)
    t.true(rows >= 3)
  }
  await bank.locator('summary').click()
  await bank.locator('.d-ja4 a').first().click()
  await page.waitForURL(/q=ja4%3A/)
  await rowsOf(page).first().waitFor()
  t.is(await rowsOf(page).count(), 5, 'the same app at another name, too')
})

test.serial('learned: overruled at once, taken back from the toast, or forgotten', async t => {
  const { page, errors } = await visit(browser, box, '/tls?tab=learned')
  const portal = item(page, 'portal.ministry.example')
  await portal.getByRole('button', { name: 'Open it nevertheless' }).click()
  await portal.getByText('overruled').waitFor()
  await page.getByRole('button', { name: 'Undo' }).click()
  await portal.getByText('asks the client for a certificate').waitFor()
  await portal.getByRole('button', { name: 'Forget' }).click()
  await portal.waitFor({ state: 'detached' })
  t.is(await item(page, 'api.bankapp.example').count(), 1)
  t.deepEqual(errors, [])
})

test.serial('learned: the rule to add, and all of them as a file', async t => {
  const { page } = await visit(browser, box, '/tls?tab=learned')
  await item(page, 'api.bankapp.example').getByRole('button', { name: 'Bypass for all' }).click()
  t.is(
    await page.locator('.rule-text').innerText(),
    '- name: "Learned (pinned): api.bankapp.example"\n  domains: ["=api.bankapp.example"]\n  tier: names\n',
  )
  await page.keyboard.press('Escape')
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Export as rules' }).click()
  t.is((await download).suggestedFilename(), 'weir-learned.yaml')
})

test.serial('who trusts us: the sign and the words for each; the filter is in the address', async t => {
  const { page } = await visit(browser, box, '/tls?tab=devices&show=no')
  const rows = page.locator('.data tbody tr')
  await rows.first().waitFor()
  t.deepEqual((await rows.locator('.d-client').allInnerTexts()).sort(), ['10.77.1.88', '10.77.1.99'])
  t.regex(await rows.filter({ hasText: '10.77.1.99' }).innerText(), /no[\s\S]*· www\.bbc\.co\.uk does not know our CA/)
  const [shown, behind] = await rowsBehind(page, rows.filter({ hasText: '10.77.1.88' }).locator('.d-refused a'))
  t.is(behind, shown)
  await page.getByRole('link', { name: /^yes/ }).click()
  await page.waitForURL(/show=yes/)
  const bank = rows.filter({ hasText: '10.77.1.14' }).first()
  t.regex(await bank.innerText(), /yes[\s\S]*accepted our certificate/)
})

test.serial('exceptions: end, reason, and the rows in which they were used', async t => {
  const { page } = await visit(browser, box, '/tls?tab=bypass')
  const table = page.getByRole('table', { name: 'Exceptions' })
  const old = table.getByRole('row').filter({ hasText: 'old.intranet.example' })
  await old.waitFor()
  t.regex(await old.innerText(), /expired, TLS 1\.0 and 1\.1[\s\S]*Timetable server[\s\S]*line 41[\s\S]*5 days left/)
  const [shown, rows] = await rowsBehind(page, old.locator('.d-used a'))
  t.is(shown, 4)
  t.is(rows, 4)
})

test.serial('never opened: the reason beside each name, and a search', async t => {
  const { page } = await visit(browser, box, '/tls?tab=bypass&find=activation')
  const table = page.getByRole('table', { name: 'Never opened' })
  await table.waitFor()
  t.is(await table.locator('tbody tr').count(), 1)
  t.regex(await table.innerText(), /albert\.apple\.com\s+device activation/)
  await page.getByRole('searchbox', { name: 'Search names and reasons' }).fill('')
  await page.getByRole('button', { name: /Show all 52/ }).click()
  t.is(await table.locator('tbody tr').count(), 52)
})

test.serial('the drawer tells both sides of TLS, and an exception is marked', async t => {
  const { page } = await visit(browser, box, '/live?q=host:old.intranet.example+exception:yes')
  await rowsOf(page).first().waitFor()
  t.is(await page.getByText('TLS exception used').count(), await rowsOf(page).count(), 'marked in the table, too')
  await rowsOf(page).first().click()
  const tls = page.getByRole('dialog').locator('.why li').nth(1)
  await tls.waitFor()
  const text = await tls.innerText()
  t.regex(text, /With the client: TLSv1\.3\. The client accepted our certificate\./)
  t.regex(text, /With the origin: TLSv1\.0\. Nobody could say whether its certificate is revoked/)
  t.regex(text, /JA4[\s\S]*t13d1516h2_8daaf6152771_d8a2da3f94cd/)
  t.regex(await tls.locator('.overlooked').innerText(), /Exception used: expired, TLS 1\.0 and 1\.1 \(line 41/)
  await page.goto('/live?q=error:client-tls-distrust+client:10.77.1.99')
  await rowsOf(page).first().click()
  const why = page.getByRole('dialog').locator('.why')
  await why.waitFor()
  t.regex(await why.innerText(), /The client does not know our CA\./)
  t.regex(await why.locator('.decisive').innerText(), /TLS[\s\S]*client-tls-distrust/)
})

test.serial('the dashboard names what of TLS needs a person, and leads there', async t => {
  const { page } = await visit(browser, box, '/')
  const problems = page.locator('.problems')
  const line = (text: RegExp): Locator => problems.locator('li').filter({ hasText: text })
  await line(/2 devices refuse our certificate\. 2 new today\./).waitFor()
  await line(/TLS exception of old\.intranet\.example ends in 5 days/).waitFor()
  await line(/1 name is left closed/)
    .getByRole('link')
    .click()
  await page.getByRole('tab', { name: 'Learned', selected: true }).waitFor()
  await page.goBack()
  await line(/2 devices refuse/)
    .getByRole('link')
    .click()
  await page.locator('.data tbody tr').first().waitFor()
  t.is(await page.locator('.data tbody tr').count(), 2)
})

test.serial('a rotation: the name is typed, both are handed out, then the other one signs', async t => {
  const { page, errors } = await visit(browser, box, '/tls')
  const dialog = page.getByRole('dialog')
  const name = (await page.locator('.ca-facts dd span').first().innerText()).trim()
  const print = await page.locator('.ca-print code').first().innerText()
  await page.getByRole('button', { name: 'Prepare a rotation' }).click()
  const deed = dialog.getByRole('button', { name: /Prepare: \d devices will have to install it/ })
  await deed.waitFor()
  t.true(await deed.isDisabled())
  await dialog.getByRole('textbox').fill(name)
  await page.keyboard.press('Enter')
  await page.getByText('Under way. Until you finish').waitFor()
  await dialog.waitFor({ state: 'detached' })
  const next = await page.locator('.rotation .ca-print code').first().innerText()
  t.not(next, print)
  t.is((await page.request.get('/api/v1/ca/next.pem')).status(), 200)

  await page.getByRole('tab', { name: 'Install on devices' }).click()
  await page.getByText('is being rolled out. Install it as well').waitFor()
  await page.getByRole('link', { name: 'Dashboard', exact: true }).click()
  await page.getByText('The CA is being rotated').waitFor({ timeout: 15_000 })

  await page.goto('/tls')
  await page.getByRole('button', { name: 'Finish the rotation' }).click()
  await dialog.getByRole('textbox').fill(name)
  await dialog.getByRole('button', { name: /^Finish:/ }).click()
  await page.getByText('Out of use, and perhaps still on devices').waitFor()
  t.is(await page.locator('.ca-print code').first().innerText(), next)
  t.is(await page.locator('.ca-previous code').innerText(), print)
  t.deepEqual(errors, [])
})
