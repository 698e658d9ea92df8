import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { build } from 'vite'

const FIRST_LOAD_MAX = 60_000
const FURTHER_MAX = 30_000
const PAGE_MAX = 15_000

test('the first load is small, charts come later, and nothing is inline', async t => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-bundle-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }))
  const root = path.resolve(import.meta.dirname, '../../web-ui')
  await build({ root, logLevel: 'warn', build: { outDir: dir, emptyOutDir: true } })
  const html = fs.readFileSync(path.join(dir, 'index.html'), 'utf8')
  const size = (name: string): number => gzipSync(fs.readFileSync(path.join(dir, name)), { level: 9 }).length
  const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map(m => m[1]!)
  const total = first.reduce((sum, name) => sum + size(name), 0)
  t.log(`first load ${total} bytes of gzip in ${first.length} files`)
  t.true(first.length >= 2)
  t.true(total <= FIRST_LOAD_MAX, `${total} bytes`)

  const all = fs.readdirSync(path.join(dir, 'assets')).map(name => `assets/${name}`)
  const later = all.filter(name => !first.includes(name) && /\.(js|css)$/.test(name))
  t.true(later.some(name => name.includes('AreaChart')))
  for (const name of later) t.true(size(name) <= FURTHER_MAX, `${name}: ${size(name)}`)

  const page = later.filter(name => /\/Tls-/.test(name)).reduce((sum, name) => sum + size(name), 0)
  t.log(`TLS & CA ${page} bytes of gzip`)
  t.true(page > 0 && page <= PAGE_MAX, `${page} bytes`)

  // CSP default-src 'self': inline script or style would simply not run.
  t.false(/<script(?![^>]*\bsrc=)[^>]*>/.test(html))
  t.false(/<style|style="|javascript:|https?:/.test(html))
})
