import type { Locator, Page } from 'playwright-core'

export const rowsOf = (page: Page): Locator => page.locator('[data-row]')
export const hostRow = (page: Page, host: string): Locator => rowsOf(page).filter({ hasText: host })

/** Ids of all rows in the DOM, top to bottom. */
export async function ids(page: Page): Promise<number[]> {
  const found = await page
    .locator('.table-body .row')
    .evaluateAll(rows =>
      rows
        .sort((a, b) => Number(a.getAttribute('aria-rowindex')) - Number(b.getAttribute('aria-rowindex')))
        .map(row => Number(row.querySelector('[data-row]')?.getAttribute('data-row'))),
    )
  return found
}
