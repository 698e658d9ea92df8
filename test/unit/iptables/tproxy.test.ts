import test from 'ava'
import { CHAIN_PREFIX, markText, type RulesConfig, routingCommands, tproxyRules } from '../../../iptables/tproxy.ts'

const CONFIG: RulesConfig = {
  interface: 'lan',
  ports: [80, 443, 8443],
  tproxyPort: 3129,
  mark: 0x20,
  table: 2077,
  exclude: ['192.0.2.1', '2001:db8::/32'],
  quic: 'reject',
}

const lines = (text: string, start: string) => text.split('\n').filter(line => line.startsWith(start))

test('every rule and chain is in a chain of ours or a jump to one', t => {
  for (const family of [4, 6] as const) {
    const text = tproxyRules(CONFIG, family)
    for (const line of lines(text, '-')) t.regex(line, /^-A WEIR_|^-I (INPUT|FORWARD|PREROUTING) 1 .*-j WEIR_/)
    for (const line of lines(text, ':')) t.true(line.startsWith(`:${CHAIN_PREFIX}`))
    t.is(lines(text, '*').length, lines(text, 'COMMIT').length)
  }
})

test('each family has its own exclusions, and its own way to say "unreachable"', t => {
  const v4 = tproxyRules(CONFIG, 4)
  const v6 = tproxyRules(CONFIG, 6)
  t.true(v4.includes('-d 192.0.2.1 -j RETURN') && v4.includes('-s 192.0.2.1 -j RETURN') && !v4.includes('2001:db8'))
  t.true(v6.includes('-d 2001:db8::/32 -j RETURN') && !v6.includes('192.0.2.1'))
  t.true(v4.includes('--reject-with icmp-port-unreachable'))
  t.true(v6.includes('--reject-with icmp6-port-unreachable'))
})

test('DIVERT comes before TPROXY, exclusions between them, one TPROXY rule per port', t => {
  const chain = lines(tproxyRules(CONFIG, 4), '-A WEIR_PREROUTING')
  const at = (needle: string) => chain.findIndex(line => line.includes(needle))
  t.is(at('WEIR_DIVERT'), 0)
  t.true(at('--dst-type LOCAL') < at('TPROXY') && at('192.0.2.1') < at('TPROXY'))
  t.is(chain.filter(line => line.includes('-j TPROXY --on-port 3129')).length, 3)
})

test('QUIC is only touched when it is asked for and 443 is intercepted', t => {
  t.false(tproxyRules({ ...CONFIG, quic: 'leave' }, 4).includes('REJECT'))
  t.false(tproxyRules({ ...CONFIG, ports: [80] }, 4).includes('REJECT'))
})

test('the mark is one bit of the mark, in rules and routing alike', t => {
  t.is(markText(CONFIG), '0x20/0x20')
  t.deepEqual(routingCommands(CONFIG).rule, ['pref', '100', 'fwmark', '0x20/0x20', 'lookup', '2077'])
  t.regex(tproxyRules(CONFIG, 6), /--tproxy-mark 0x20\/0x20/)
})
