import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** As root in a container, and silent: no traffic of the browser's own. */
export const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS })
}

/** Where a UI is, and who may sign in there. */
export interface Box {
  base: string
  user: string
  password: string
}

export interface Visit {
  page: Page
  /** What the console and uncaught errors said; must stay empty. */
  errors: string[]
}

const cookies = new WeakMap<Box, Promise<{ name: string; value: string }>>()

/** One sign-in a box: hashing a password is dear by intention, and tries are limited. */
function cookieOf(box: Box): Promise<{ name: string; value: string }> {
  let cookie = cookies.get(box)
  if (cookie === undefined) cookies.set(box, (cookie = signInAt(box)))
  return cookie
}

async function signInAt(box: Box): Promise<{ name: string; value: string }> {
  const answer = await fetch(`${box.base}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: box.user, password: box.password }),
  })
  if (!answer.ok) throw new Error(`sign-in: ${answer.status}`)
  const [name = '', value = ''] = answer.headers.getSetCookie()[0]!.split(';')[0]!.split('=')
  return { name, value }
}

/** A fresh profile with a page in it. Not signed in unless asked for. */
export async function visit(
  browser: Browser,
  box: Box,
  path: string,
  options: BrowserContextOptions & { signIn?: boolean } = {},
): Promise<Visit> {
  const { signIn = true, ...rest } = options
  const context = await browser.newContext({
    baseURL: box.base,
    locale: 'en-GB',
    viewport: { width: 1280, height: 800 },
    ...rest,
  })
  if (signIn) await context.addCookies([{ ...(await cookieOf(box)), url: box.base }])
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const errors: string[] = []
  page.on('pageerror', error => errors.push(`uncaught: ${error.message}`))
  page.on('console', message => {
    // Asking who is signed in is answered 401 when nobody is, and the browser notes that by itself.
    const expected = message.location().url.endsWith('/api/v1/session')
    if (message.type() === 'error' && !expected) errors.push(`${message.text()} ${message.location().url}`)
  })
  await page.goto(path)
  return { page, errors }
}
