import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { NAME, NOW, ROOT, type World } from './cases/case.ts'

/** What OpenSSL says of a chain: '' when it is good, else its reason. Slow (a process each). */
export async function opensslVerdict(world: World): Promise<string> {
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), 'weir-openssl-'))
  try {
    const [own, ...above] = world.presented
    const files = { own: [own!], above: [...above, ...(world.extra ?? [])], roots: world.roots ?? [ROOT] }
    for (const [name, certs] of Object.entries(files))
      await fs.writeFile(path.join(dir, name), certs.map(cert => cert.pem).join('') || '\n')
    const name = world.name ?? NAME
    const child = spawn(
      'openssl',
      [
        ...[
          'verify',
          '-no-CApath',
          '-no-CAstore',
          '-CAfile',
          'roots',
          ...(files.above.length > 0 ? ['-untrusted', 'above'] : []),
        ],
        ...[
          '-x509_strict',
          '-purpose',
          'sslserver',
          '-auth_level',
          '2',
          '-attime',
          String((world.nowMs ?? NOW) / 1000),
        ],
        ...[/^[\d.]+$|:/.test(name) ? '-verify_ip' : '-verify_hostname', name, 'own'],
      ],
      { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let text = ''
    child.stdout.on('data', chunk => (text += chunk))
    child.stderr.on('data', chunk => (text += chunk))
    const [code] = await once(child, 'close')
    if (code === 0) return ''
    return /error \d+ at \d+ depth lookup: ?(.*)/.exec(text)?.[1] || text.trim().split('\n')[0] || `exit ${code}`
  } finally {
    await fs.rm(dir, { recursive: true, force: true })
  }
}
