import fs from 'node:fs'
import { createRequire } from 'node:module'
import test from 'ava'
import type { Browser, Page } from 'playwright-core'
import { type Appliance, startAppliance } from './support/appliance.ts'
import { launch, visit } from './support/browser.ts'
import { tlsRows } from './support/tls.ts'
import { history } from './support/traffic.ts'

let box: Appliance
let browser: Browser
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

test.before(async () => {
  box = await startAppliance()
  await box.write([...history(700, 3_500_000, Date.now()), ...tlsRows(Date.now())])
  browser = await launch()
})

test.after.always(async () => {
  await browser?.close()
  await box?.close()
})

/** Each page in the state in which it shows most. */
const SCENES: [string, string, (page: Page) => Promise<void>][] = [
  ['sign-in', '/', page => page.locator('form').waitFor()],
  ['dashboard', '/', page => page.locator('.uplot').waitFor()],
  ['live', '/live', page => page.locator('[data-row]').first().waitFor()],
  [
    'drawer',
    '/live?q=verdict:block',
    async page => {
      await page.locator('[data-row]').first().click()
      await page.locator('.why').waitFor()
    },
  ],
  ['certificate, without sign-in', '/ca', page => page.locator('.qr').waitFor()],
  ['certificate', '/tls', page => page.locator('.rotation').waitFor()],
  [
    'rotation',
    '/tls',
    async page => {
      await page.getByRole('button', { name: 'Prepare a rotation' }).click()
      await page
        .getByRole('dialog')
        .getByRole('button', { name: /devices/ })
        .waitFor()
    },
  ],
  ['install', '/tls?tab=install', page => page.locator('.qr').waitFor()],
  ['never open', '/tls?tab=bypass', page => page.locator('.d-line').nth(5).waitFor()],
  [
    'learned',
    '/tls?tab=learned',
    async page => {
      await page.locator('.learned details').first().locator('summary').click()
      await page.locator('.d-ja4').first().waitFor()
    },
  ],
  [
    'rule text',
    '/tls?tab=learned',
    async page => {
      await page
        .getByRole('button', { name: /Bypass for all/ })
        .first()
        .click()
      await page.locator('.rule-text').waitFor()
    },
  ],
  ['devices', '/tls?tab=devices', page => page.locator('.trust-no').first().waitFor()],
]
const WIDTHS = [320, 390, 1280]
const MIN_TARGET = 44

/** Scripts for the page are texts, because this side has no DOM types. */
const AXE = `axe.run({ runOnly: { type: 'tag', values:
  ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } })
  .then(({ violations }) => violations.flatMap(v =>
    v.nodes.slice(0, 3).map(n => v.id + ': ' + n.html.slice(0, 120) + ' ' + n.failureSummary)))`

/** Controls that a finger would miss; what stands in a row or a search box is as tall as that. */
const SMALL = `[...document.querySelectorAll('button, .btn, nav a, .tile, .downloads a, input:not([type=checkbox])')]
  .map(el => [el, (el.closest('.row, .search, .segments, .toggles') ?? el).getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && box.height > 0 && box.height < ${MIN_TARGET})
  .map(([el, box]) => el.outerHTML.slice(0, 90) + ' ' + box.height)`

/** Pixels by which the page, or its scrolling part, is wider than what is seen. */
const OVERFLOW = `Math.max(...[document.scrollingElement, document.querySelector('main'), document.querySelector('dialog')]
  .filter(Boolean).map(el => el.scrollWidth - el.clientWidth))`

for (const [name, path, ready] of SCENES) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.serial(`${name}, ${colorScheme}: nothing for axe, no sideways scrolling, nothing in the console`, async t => {
      for (const width of WIDTHS) {
        const { page, errors } = await visit(browser, box, path, {
          colorScheme,
          viewport: { width, height: 800 },
          signIn: name !== 'sign-in' && !name.endsWith('without sign-in'),
          reducedMotion: 'reduce',
        })
        await ready(page)
        // Through the debugger, not a script tag: the page's own policy forbids foreign scripts.
        await page.evaluate(axe)
        t.deepEqual(await page.evaluate(AXE), [], `${width} px`)
        t.is(await page.evaluate(OVERFLOW), 0, `${width} px wide`)
        if (width < 720) t.deepEqual(await page.evaluate(SMALL), [], `${width} px`)
        t.deepEqual(errors, [])
        await page.context().close()
      }
    })
  }
}
