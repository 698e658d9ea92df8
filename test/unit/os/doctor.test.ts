import path from 'node:path'
import test from 'ava'
import { doctor, type Finding, formatFindings } from '../../../src/os/doctor.ts'
import { RULES_DEFAULTS, type RulesConfig } from '../../../src/os/rules.ts'
import { createLab, type Lab } from '../../lab/lab.ts'

const inLab = process.getuid?.() === 0 ? test : test.skip
const CONFIG: RulesConfig = { ...RULES_DEFAULTS, interface: 'lan', ports: [80, 443], tproxyPort: 3129 }
const here = (file: string) => JSON.stringify(path.resolve(import.meta.dirname, '../../..', file))

async function examine(lab: Lab, before: string, config: RulesConfig = CONFIG): Promise<Map<string, Finding>> {
  const done = await lab.exec('gateway', ['sh', '-c', before])
  if (done.code !== 0) throw new Error(done.stderr)
  const ran = await lab.node(
    'gateway',
    `import { doctor } from ${here('src/os/doctor.ts')}
     console.log(JSON.stringify(doctor(${JSON.stringify(config)})))`,
  )
  if (ran.code !== 0) throw new Error(ran.stderr)
  return new Map((JSON.parse(ran.stdout) as Finding[]).map(finding => [finding.id, finding]))
}

test('a finding is one line, with reason and remedy below when there is something to mend', t => {
  const text = formatFindings([
    { id: 'clock', ok: true, found: 'now', why: '', fix: '' },
    { id: 'port', ok: 'warn', found: 'in use', why: 'because', fix: 'command' },
    { id: 'rights', ok: false, found: 'none', why: 'because', fix: '' },
  ])
  t.is(text, 'ok   clock: now\nwarn port: in use\n       because\n       → command\nBAD  rights: none\n       because')
})

test('it answers on any machine, whatever the interface', t => {
  const findings = doctor({ ...CONFIG, interface: 'nosuch0' })
  t.is(findings.find(finding => finding.id === 'interface')?.ok, false)
  t.is(new Set(findings.map(finding => finding.id)).size, findings.length)
  for (const { ok, why, id } of findings) t.is(ok === true, why === '', id)
})

inLab('on a gateway as it should be nothing is bad; each trouble is named with its remedy', async t => {
  const lab = await createLab({ origin: false })
  try {
    await lab.exec('gateway', ['ip', 'route', 'add', 'default', 'via', '203.0.113.254'])
    const well = await examine(lab, 'true')
    t.deepEqual(
      [...well.values()].filter(finding => finding.ok === false),
      [],
    )
    t.is(well.get('tproxy')?.ok, true)
    t.is(well.get('tproxy-ipv6')?.ok, true)

    const ill = await examine(
      lab,
      `sysctl -qw net.ipv4.conf.lan.src_valid_mark=1 net.ipv4.conf.all.rp_filter=1 net.ipv4.ip_forward=0
       sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip route del default; ip link set lan down`,
    )
    t.is(ill.get('src-valid-mark')?.fix, 'sysctl -w net.ipv4.conf.lan.src_valid_mark=0')
    t.is(ill.get('interface')?.ok, false)
    for (const id of ['rp-filter', 'ip-forward', 'ipv6', 'default-route']) t.is(ill.get(id)?.ok, 'warn', id)

    const unprivileged = await lab.exec('gateway', [
      'setpriv',
      '--bounding-set=-net_admin',
      process.execPath,
      '--input-type=module',
      '-e',
      `import { doctor } from ${here('src/os/doctor.ts')}; console.log(JSON.stringify(doctor(${JSON.stringify(CONFIG)})))`,
    ])
    t.regex(unprivileged.stdout, /CAP_NET_ADMIN missing/)
  } finally {
    await lab.close()
  }
})
