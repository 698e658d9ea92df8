/** Prints every case with what Weir and OpenSSL (`verify -x509_strict -auth_level 2`) say, as Markdown: `node test/pki/table.ts`. */
import { CASES } from './cases/index.ts'
import { opensslVerdict } from './openssl.ts'
import { weirVerdict } from './weir.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|')

process.stdout.write('| class | case | must be | Weir | OpenSSL |\n|---|---|---|---|---|\n')
for (const { class: kind, title, expect, build } of CASES) {
  const world = build()
  const weir = weirVerdict(world).error?.code ?? 'good'
  const openssl = (await opensslVerdict(world)) || 'good'
  const label = world.allow === undefined ? title : `${title} (allowed: ${world.allow.join(', ')})`
  process.stdout.write(`| ${kind} | ${cell(label)} | ${expect ?? 'good'} | ${weir} | ${cell(openssl)} |\n`)
}
