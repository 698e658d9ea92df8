import { execFile, execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { curl } from '../lab/client.ts'
import { createLab, waitForLine } from '../lab/lab.ts'

const exec = promisify(execFile)
const root = path.resolve(import.meta.dirname, '../..')
const scripts = path.join(root, 'scripts/provision')

const has = (tool: string) => {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Where this machine gets its own Debian or Ubuntu packages: `URI release component` each. */
function archives(): { uri: string; release: string; component: string }[] {
  const format = '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)'
  const out = execFileSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  })
  const lines = new Set(out.split('\n').filter(line => /^https?:.* (Debian|Ubuntu)$/.test(line)))
  return [...lines].map(line => {
    const [uri = '', release = '', component = ''] = line.split(' ')
    return { uri, release, component }
  })
}

function whyNot(): string {
  if (process.getuid?.() !== 0) return 'needs root'
  if (!has('debootstrap')) return 'needs debootstrap'
  return archives().length === 0 ? 'needs a Debian or Ubuntu archive in /etc/apt' : ''
}

const reason = whyNot()
const withDebian = reason === '' ? test.serial : test.serial.skip

test('the scripts are valid shell and say what they need', t => {
  for (const file of fs.readdirSync(scripts).filter(name => name.endsWith('.sh'))) {
    const text = fs.readFileSync(path.join(scripts, file), 'utf8')
    t.notThrows(() => execFileSync('sh', ['-n', path.join(scripts, file)]), file)
    t.regex(text, /^#!\/bin\/sh\n# .*\n(# .*\n)*set -eu\n/, file)
  }
})

const withVagrant = has('vagrant') ? test.serial : test.serial.skip
withVagrant('vagrant accepts the Vagrantfile', async t => {
  t.timeout(60_000)
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-vagrant-'))
  try {
    const env = {
      ...process.env,
      VAGRANT_HOME: home,
      VAGRANT_DOTFILE_PATH: path.join(home, 'dot'),
      VAGRANT_CHECKPOINT_DISABLE: '1',
    }
    // No hypervisor is needed to judge the file.
    const { stdout } = await exec('vagrant', ['validate', '--ignore-provider'], { cwd: root, env })
    t.regex(stdout, /validated successfully/)
  } finally {
    fs.rmSync(home, { recursive: true, force: true })
  }
})

/** A program in the folder, as if it were a machine: mounts and processes end with it. */
const machine = (folder: string, ...argv: string[]): string[] => [
  'unshare',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  `--mount-proc=${folder}/proc`,
  'chroot',
  folder,
  'env',
  '-i',
  'HOME=/root',
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ...argv,
]

/** A minimal Debian (the machine's own release and archive) with this tree in /src. */
async function makeDebian(folder: string): Promise<void> {
  const sources = archives()
  const [first] = sources
  const components = sources.filter(s => s.uri === first!.uri && s.release === first!.release).map(s => s.component)
  await exec(
    'unshare',
    [
      '--mount',
      'debootstrap',
      '--variant=minbase',
      `--components=${[...new Set(components)].join(',')}`,
      first!.release,
      folder,
      first!.uri,
    ],
    { maxBuffer: 64 << 20 },
  )
  const list = sources.map(({ uri, release, component }) => `deb ${uri} ${release} ${component}`).join('\n')
  fs.writeFileSync(path.join(folder, 'etc/apt/sources.list'), `${list}\n`)
  fs.copyFileSync('/etc/resolv.conf', path.join(folder, 'etc/resolv.conf'))
  fs.mkdirSync(path.join(folder, 'src'))
  const files = ['--exclude=./.git', '--exclude=node_modules', '--exclude=./web-ui/dist', '--exclude=./state']
  await exec('sh', ['-c', `tar -C "$1" ${files.join(' ')} -cf - . | tar -C "$2/src" -xf -`, 'sh', root, folder])
}

/** npm on the new machine asks the registry this one asks, and trusts whom this one trusts. */
async function npmSettings(folder: string): Promise<string[]> {
  // Not under our own node: npm looks for the machine's settings beside the node it runs on.
  const PATH = process.env
    .PATH!.split(':')
    .filter(dir => !dir.startsWith(`${root}/`))
    .join(':')
  const { stdout } = await exec('npm', ['config', 'get', 'registry'], {
    cwd: os.tmpdir(),
    env: { ...process.env, PATH },
  })
  fs.copyFileSync('/etc/ssl/certs/ca-certificates.crt', path.join(folder, 'root/roots.pem'))
  return [`npm_config_registry=${stdout.trim()}`, 'npm_config_cafile=/root/roots.pem']
}

withDebian(`a bare Debian becomes a gateway that intercepts${reason && ` (skipped: ${reason})`}`, async t => {
  t.timeout(400_000)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weir-debian-'))
  fs.chmodSync(folder, 0o755)
  const lab = await createLab()
  const run = async (...argv: string[]) => {
    const [tool = '', ...rest] = machine(folder, ...argv)
    return (await exec(tool, rest, { maxBuffer: 64 << 20 })).stderr
  }
  const inside = (file: string) => path.join(folder, file)
  try {
    await makeDebian(folder)
    const npm = await npmSettings(folder)
    await t.throwsAsync(run('sh', '/src/scripts/provision/gateway.sh'), { message: /which interface/ })
    await run(...npm, 'sh', '/src/scripts/provision/gateway.sh', 'lan')

    t.regex(fs.readFileSync(inside('etc/passwd'), 'utf8'), /^weir:.*:\/usr\/sbin\/nologin$/m)
    t.is(
      fs.readFileSync(inside('etc/systemd/system/multi-user.target.wants/weir.service'), 'utf8'),
      fs.readFileSync(path.join(scripts, 'weir.service'), 'utf8'),
    )
    t.regex(fs.readFileSync(inside('etc/sysctl.d/60-weir.conf'), 'utf8'), /^net\.ipv4\.ip_forward = 1$/m)
    await t.notThrowsAsync(run('weir', 'check', '--config', '/etc/weir/weir.yaml'))

    // A second run upgrades: the admin's configuration stays, and nothing is fetched again.
    fs.copyFileSync(lab.origin.caFile, inside('etc/weir/origins.pem'))
    fs.appendFileSync(inside('etc/weir/weir.yaml'), 'tls: { originRoots: [/etc/weir/origins.pem] }\nworkers: 1\n')
    const second = await run('sh', '/src/scripts/provision/gateway.sh')
    t.notRegex(second, /npm ci|apt-get|Node 26|configuration to/)
    t.regex(fs.readFileSync(inside('etc/weir/weir.yaml'), 'utf8'), /workers: 1/)

    // What was installed runs, on the lab's gateway.
    const logFile = path.join(lab.dir, 'installed.log')
    const weir = lab.spawn('gateway', machine(folder, 'weir', 'run', '--config', '/etc/weir/weir.yaml'), { logFile })
    await waitForLine(weir, logFile, /^weir: ready$/m, 30_000)
    const ca = inside('var/lib/weir/ca/ca.pem')
    const answer = await curl(lab, ['https://www.origin.example/'], { ca })
    t.is(answer.status, 200, answer.error)
    t.truthy(answer.headers.via, 'it came through Weir')
  } finally {
    await lab.close()
    fs.rmSync(folder, { recursive: true, force: true })
  }
})
