import test from 'ava'
import fc from 'fast-check'
import { UserError } from '../../../src/core/errors.ts'
import { parseSave } from '../../../src/os/netfilter.ts'
import { applyRules, RULES_DEFAULTS, type RulesConfig, showRules } from '../../../src/os/rules.ts'
import { withoutPort } from '../../../src/os/sysctl.ts'

const CONFIG: RulesConfig = { ...RULES_DEFAULTS, interface: 'lan', ports: [80, 443], tproxyPort: 3129 }

test('mistakes are refused before any tool is called', t => {
  const wrong: Partial<RulesConfig>[] = [
    { interface: 'lan; reboot' },
    { interface: '-i' },
    { interface: 'sixteen-letters-' },
    { ports: [] },
    { ports: [0] },
    { ports: [65536] },
    { tproxyPort: 1.5 },
    { mark: 0 },
    { table: 254 },
    { exclude: ['example.org'] },
    { exclude: ['10.0.0.0/33'] },
    { exclude: ['fe80::1%eth0'] },
    { exclude: ['10.0.0.1 -j ACCEPT'] },
  ]
  for (const part of wrong) {
    for (const call of [applyRules, showRules]) {
      t.throws(() => call({ ...CONFIG, ...part }), { instanceOf: UserError }, JSON.stringify(part))
    }
  }
})

test('show is a whole script, and needs no rights', t => {
  const text = showRules(CONFIG)
  t.regex(text, /^#!\/bin\/sh\n/)
  t.regex(text, /ip rule add pref 100 fwmark 0x20\/0x20 lookup 2077/)
  t.regex(text, /iptables-restore --noflush <<'END'[\s\S]*\nEND\n[\s\S]*ip6tables-restore/)
  t.regex(text, /ip_local_reserved_ports/)
})

test('iptables-save is read for what is ours and whether anything else is there', t => {
  const tables = parseSave(
    [
      '# Generated',
      '*mangle',
      ':PREROUTING ACCEPT [1:60]',
      ':WEIR_PREROUTING - [0:0]',
      '-A PREROUTING -p tcp -j WEIR_PREROUTING',
      '-A WEIR_PREROUTING -m addrtype --dst-type LOCAL -j RETURN',
      'COMMIT',
      '*filter',
      ':FORWARD DROP [0:0]',
      'COMMIT',
      '*nat',
      ':PREROUTING ACCEPT [0:0]',
      ':DOCKER - [0:0]',
      'COMMIT',
      '',
    ].join('\n'),
  )
  const mangle = tables.get('mangle')!
  t.deepEqual(mangle.jumps, ['-A PREROUTING -p tcp -j WEIR_PREROUTING'])
  t.is(mangle.chains.get('WEIR_PREROUTING')?.length, 1)
  t.false(mangle.foreign)
  t.true(tables.get('filter')!.foreign, 'a policy somebody chose')
  t.true(tables.get('nat')!.foreign, 'a chain of somebody')
})

test('a port is taken out of a list of ranges, and nothing else', t => {
  t.deepEqual(withoutPort('3128-3130,8080', 3129), { list: '3128,3130,8080', had: true })
  t.deepEqual(withoutPort('3129', 3129), { list: '', had: true })
  t.deepEqual(withoutPort('3000-3100', 3129), { list: '3000-3100', had: false })
  t.deepEqual(withoutPort('', 3129), { list: '', had: false })
  const ports = (list: string) =>
    list
      .split(',')
      .filter(Boolean)
      .flatMap(range => {
        const [from = 0, to = from] = range.split('-').map(Number)
        return Array.from({ length: to - from + 1 }, (_, i) => from + i)
      })
  const range = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 9 }))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), fc.integer({ min: 1, max: 70 }), (ranges, port) => {
      const list = ranges.map(([from, more]) => (more === 0 ? `${from}` : `${from}-${from + more}`)).join(',')
      const out = withoutPort(list, port)
      t.deepEqual(
        ports(out.list),
        ports(list).filter(p => p !== port),
      )
      t.is(out.had, ports(list).includes(port))
    }),
  )
})
