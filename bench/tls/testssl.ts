import fs from 'node:fs'
import path from 'node:path'
import type { Lab } from '../../test/lab/lab.ts'
import type { Visit } from './capture.ts'

/** testssl.sh, as Debian has it, against what Weir shows its clients. */

interface Finding {
  id: string
  severity: string
  finding: string
}

const LIMIT_MS = 15 * 60_000
const QUIET = new Set(['OK', 'INFO', 'DEBUG'])

/** Markdown: everything that is not all right, and what the scan was of. */
export async function scan(lab: Lab, { name, address, caFile }: Visit): Promise<string> {
  const out = path.join(lab.dir, 'testssl.json')
  const argv = [
    ...['testssl', '--quiet', '--color', '0', '--warnings', 'batch', '--nodns', 'none', '--add-ca', caFile],
    ...['--openssl', '/usr/bin/openssl', '--ip', address, '--jsonfile', out, `https://${name}:443/`],
  ]
  const ran = await lab.exec('client', argv, { timeoutMs: LIMIT_MS }).catch(() => null)
  if (ran === null || !fs.existsSync(out)) return 'No scan: testssl.sh is not installed.'
  const findings = JSON.parse(fs.readFileSync(out, 'utf8')) as Finding[]
  const count = (severity: string) => findings.filter(each => each.severity === severity).length
  const told = findings.filter(each => !QUIET.has(each.severity))
  const lines = told.map(each => `| ${each.id} | ${each.severity} | ${each.finding.replaceAll('|', '\\|')} |`)
  const grades = findings.filter(each =>
    /^(overall_grade|final_score|cert_caIssuers|grade_cap_reason.*)$/.test(each.id),
  )
  return [
    `${findings.length} findings: ${count('OK')} OK, ${count('INFO')} INFO, ${told.length} others.`,
    ...grades.map(each => `${each.id}: ${each.finding}.`),
    '',
    ...(told.length > 0 ? ['| Finding | Severity | Text |', '| --- | --- | --- |', ...lines] : []),
  ].join('\n')
}
