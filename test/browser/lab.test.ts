import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { Browser, Locator, Page } from 'playwright-core'
import { curl } from '../lab/client.ts'
import { type Bench, childrenOf, startBench } from '../promise/support.ts'
import { type Box, launch, visit } from './support/browser.ts'
import { hostRow, ids, rowsOf } from './support/table.ts'

/** All of it at once and nothing in place of it: a client's requests through a running Weir, seen in its own UI. */

const POLICY = `version: 1
rules:
  - name: Banks stay closed
    domains: [bank.example]
    tier: names
  - name: Games
    domains: [games.example]
    action: block
`
const GAMES_LINE = POLICY.split('\n').findIndex(line => line.includes('Games')) + 1
/** From the answer at the client to the row on the screen. */
const SEEN_MS = 2000

let bench: Bench
let box: Box
let browser: Browser
let page: Page
let errors: string[]

const get = (...args: string[]) => curl(bench.lab, args, { ca: bench.weir.caFile })
const shown = (text: string): number => Number(text.replace(/\D/g, ''))

test.before(async () => {
  bench = await startBench(POLICY)
  const { port } = await bench.lab.forward('gateway', { port: bench.weir.adminPort })
  const [, user, password] = /^weir: first sign-in: (\S+) \/ (\S+)$/m.exec(bench.weir.log()) ?? []
  box = { base: `http://127.0.0.1:${port}`, user: user ?? '', password: password ?? '' }
  browser = await launch()
})

test.after.always(async () => {
  await browser?.close()
  await bench?.close()
})

test.serial('the first sign-in as printed opens the page that was asked for', async t => {
  ;({ page, errors } = await visit(browser, box, '/live', { signIn: false }))
  await page.getByLabel('User name').fill(box.user)
  await page.getByLabel('Password', { exact: true }).fill(box.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('No row matches').waitFor()
  await page.getByText('live', { exact: true }).waitFor()
  t.true(page.url().endsWith('/live'))
})

const REQUESTS: [host: string, curl: string[], outcome: string, cells: RegExp][] = [
  ['games.example', ['https://games.example/play'], 'blocked', /GET\s+games\.example\/play\s+403/],
  // Not opened: the client sees the origin's own certificate, which it does not know. Over HTTP/2 this origin keeps its
  // side open when the client has left, and a connection is logged when it is over.
  ['bank.example', ['-k', '--http1.1', 'https://bank.example/'], 'names', /bank\.example:443 connection/],
  ['bad-expired.example', ['https://bad-expired.example/'], 'failed', /bad-expired\.example\/\s+526/],
]

for (const [host, args, outcome, cells] of REQUESTS) {
  test.serial(`${host} is in Live at once, as ${outcome}`, async t => {
    await get(...args)
    const row = page.locator('.table-body .row').filter({ hasText: host })
    await row.waitFor({ timeout: SEEN_MS })
    t.is(await row.locator('.chip').innerText(), outcome)
    t.regex((await row.innerText()).replace(/\s+/g, ' '), cells)
    t.is(await row.locator('.c-client').innerText(), '10.77.1.10')
  })
}

test.serial('three times the same: once from the origin, twice from the cache', async t => {
  for (let n = 0; n < 3; n++) t.is((await get('https://static.origin.example/cacheable')).status, 200)
  const rows = page.locator('.table-body .row').filter({ hasText: 'static.origin.example/cacheable' })
  await rows.nth(2).waitFor({ timeout: SEEN_MS })
  t.deepEqual((await rows.locator('.c-cache').allInnerTexts()).sort(), ['hit', 'hit', 'miss'])
  t.deepEqual(await rows.locator('.chip').allInnerTexts(), ['opened', 'opened', 'opened'])
})

test.serial('the drawer of the blocked one marks the rule, by name and line', async t => {
  await hostRow(page, 'games.example').click()
  const dialog = page.getByRole('dialog')
  const decisive = dialog.locator('.why .decisive')
  await decisive.waitFor()
  t.is(await decisive.count(), 1)
  t.regex(await decisive.innerText(), new RegExp(`Rule[\\s\\S]*“Games”, line ${GAMES_LINE}\\b`))
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
})

/** Opens the link, counts the rows it shows, and goes back. */
async function rowsBehind(link: Locator): Promise<number> {
  await link.click()
  await page.waitForURL(/\/live/)
  await rowsOf(page).or(page.getByText('No row matches')).first().waitFor()
  const count = await rowsOf(page).count()
  await page.goBack()
  await page.locator('.tiles').waitFor()
  return count
}

test.serial('every number of the dashboard is the number of rows it opens', async t => {
  const all = bench.rows('v_exchanges', '1').length + bench.rows('v_connections', 'exchanges = 0').length
  await page.getByRole('link', { name: 'Dashboard', exact: true }).click()
  await page.getByText(`${all} in 1 hour`).waitFor()
  const sub = async (tile: number) => page.locator('.tile').nth(tile).locator('.tile-sub').innerText()
  const wanted: [string, number, Locator][] = [
    ['requests', shown((await sub(0)).split(' in ')[0]!), page.locator('.tile').first()],
    ['blocked', shown(await page.locator('.tile-blocked .tile-value').innerText()), page.locator('.tile-blocked')],
    ['cache hits', shown((await sub(3)).split(' of ')[0]!), page.locator('.tile-cache').first()],
  ]
  const legend = page.locator('.legend a')
  for (let i = 0; i < (await legend.count()); i++)
    wanted.push([
      (await legend.nth(i).innerText()).replace(/\s+/g, ' '),
      shown(await legend.nth(i).locator('b').innerText()),
      legend.nth(i),
    ])
  for (const [list, cell] of [
    [0, '.num'],
    [1, '.num'],
    [2, '.top-middle'],
  ] as const) {
    const rows = page.locator('.top').nth(list).locator('tbody tr')
    t.true((await rows.count()) > 0)
    for (let i = 0; i < (await rows.count()); i++) {
      const row = rows.nth(i)
      wanted.push([await row.innerText(), shown(await row.locator(cell).innerText()), row.getByRole('link')])
    }
  }
  t.deepEqual(
    wanted.slice(0, 3).map(([name, count]) => [name, count]),
    [
      ['requests', all],
      ['blocked', 1],
      ['cache hits', 2],
    ],
  )
  for (const [name, count, link] of wanted) t.is(await rowsBehind(link), count, name)
  t.is(wanted.length, 3 + 5 + 4 + 1 + 1)
})

test.serial('a worker is killed: the UI goes on, says so, and gets every new row once', async t => {
  await page.getByRole('link', { name: 'Live traffic', exact: true }).click()
  await hostRow(page, 'games.example').waitFor()
  await page.getByText('live', { exact: true }).waitFor()
  const before = await ids(page)
  const [worker] = childrenOf(bench.weir.pid).workers
  process.kill(worker!, 'SIGKILL')
  // Usable at once: both a question to the database and one to the supervisor are answered.
  await hostRow(page, 'games.example').click()
  await page.getByRole('dialog').locator('.why').waitFor()
  await page.keyboard.press('Escape')
  t.true(await page.getByText('live', { exact: true }).isVisible())

  let answered = 0
  for (const until = Date.now() + 20_000; answered < 3 && Date.now() < until; ) {
    const answer = await get('--max-time', '3', `https://www.origin.example/after-${answered}`)
    if (answer.status > 0) answered++
    else await sleep(100)
  }
  t.is(answered, 3, bench.weir.log().slice(-2000))
  await hostRow(page, 'www.origin.example/after-2').waitFor({ timeout: SEEN_MS })
  const after = await ids(page)
  t.is(new Set(after).size, after.length, 'no id twice')
  t.deepEqual(after.slice(-before.length), before)
  await page.reload()
  await hostRow(page, 'www.origin.example/after-2').waitFor()
  t.deepEqual(await ids(page), after, 'the stream brought what the log holds')
  await page.getByRole('link', { name: 'Dashboard', exact: true }).click()
  await page.getByText('Workers were restarted 1×').waitFor({ timeout: 10_000 })
  t.deepEqual(errors, [])
})

const SHOTS = process.env.WEIR_SHOTS ?? ''
const LOOKS = [
  ['light', { colorScheme: 'light', viewport: { width: 1280, height: 800 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 800 } }],
  ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 } }],
] as const

/** For the eye, not for the machine: `WEIR_SHOTS=folder` keeps pictures of the three pages with this traffic. */
if (SHOTS !== '')
  test.serial('pictures', async t => {
    fs.mkdirSync(SHOTS, { recursive: true })
    for (const [look, options] of LOOKS) {
      const seen = await visit(browser, box, '/', options)
      const shot = (name: string) => seen.page.screenshot({ path: path.join(SHOTS, `${name}-${look}.png`) })
      await seen.page.locator('.uplot').waitFor()
      await shot('dashboard')
      await seen.page.goto('/live')
      await rowsOf(seen.page).first().waitFor()
      await shot('live')
      await hostRow(seen.page, 'games.example').click()
      await seen.page.locator('.why').waitFor()
      await seen.page.waitForTimeout(300)
      await shot('drawer')
      await seen.page.goto('/tls?tab=install')
      await seen.page.locator('.qr').waitFor()
      await shot('ca')
      await seen.page.context().close()
    }
    t.pass()
  })
