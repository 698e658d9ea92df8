import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { RulesConfig } from '../../iptables/tproxy.ts'
import { RULES_DEFAULTS } from '../../src/os/rules.ts'
import { curl } from '../lab/client.ts'
import { createLab, type Lab, waitForLine } from '../lab/lab.ts'

const inLab = process.getuid?.() === 0 ? test : test.skip
const source = (file: string) => JSON.stringify(path.resolve(import.meta.dirname, '../..', file))

const CONFIG: RulesConfig = { ...RULES_DEFAULTS, interface: 'lan', ports: [80, 443], tproxyPort: 3129 }

/** Calls one function of `src/os/rules.ts` on the gateway; a UserError comes back as its text. */
async function rules(lab: Lab, call: string, config: RulesConfig = CONFIG): Promise<string> {
  const ran = await lab.node(
    'gateway',
    `import * as rules from ${source('src/os/rules.ts')}
     try { console.log(rules[${JSON.stringify(call)}](${JSON.stringify(config)}) ?? '') }
     catch (e) { if (e.name !== 'UserError') throw e; console.log(e.message) }`,
  )
  if (ran.code !== 0) throw new Error(ran.stderr)
  return ran.stdout.trim()
}

async function gateway(lab: Lab, command: string): Promise<string> {
  const ran = await lab.exec('gateway', ['sh', '-c', command])
  if (ran.code !== 0) throw new Error(`${command}: ${ran.stderr}`)
  return ran.stdout
}

/** All the kernel knows of rules, routes and settings, counters and timers aside. */
const snapshot = (lab: Lab) =>
  gateway(
    lab,
    `iptables-save | sed 's/^#.*//;s/\\[.*\\]//'; ip6tables-save | sed 's/^#.*//;s/\\[.*\\]//'; ip rule; ip -6 rule
     ip route show table all; ip -6 route show table all | sed 's/ expires [^ ]*//'
     sysctl -a 2>/dev/null | grep -E '^net.ipv[46].(conf|ip_)'`,
  )

/**
 * The smallest proxy: with "dial" in the query it dials the original destination from the client's own address and hands
 * bytes on; else it answers with the addresses it saw and closes first.
 */
async function startListener(lab: Lab): Promise<void> {
  const logFile = path.join(lab.dir, 'listener.log')
  const program = `
    import net from 'node:net'
    import { boundSocket, listenTransparent } from ${source('src/os/sockets.ts')}
    const plain = a => a.replace(/^::ffff:/, '')
    const server = net.createServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {})
      const seen = { local: plain(socket.localAddress), port: socket.localPort, remote: plain(socket.remoteAddress) }
      socket.once('data', first => {
        if (!first.includes('dial')) {
          const body = JSON.stringify(seen)
          socket.end('HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: ' + body.length + '\\r\\n\\r\\n' + body)
          return
        }
        const up = boundSocket(seen.remote)
        up.on('error', e => socket.destroy(e))
        up.connect({ host: seen.local, port: seen.port }, () => { up.write(first); socket.pipe(up); up.pipe(socket) })
      })
    })
    server.listen({ fd: listenTransparent(3129) }, () => console.log('ready'))`
  const child = lab.spawn('gateway', [process.execPath, '--input-type=module', '-e', program], { logFile })
  await waitForLine(child, logFile, /^ready$/m, 10_000)
}

const lab = (run: (t: ExecutionContext, lab: Lab) => Promise<void>) => async (t: ExecutionContext) => {
  const made = await createLab()
  try {
    await run(t, made)
  } finally {
    await made.close()
  }
}

const seenBy = async (lab: Lab, url: string, ...args: string[]) => {
  const answer = await curl(lab, ['-g', ...args, url], { timeoutMs: 5000 })
  return answer.exit === 0 ? answer.body : `exit ${answer.exit} ${answer.error}`
}

inLab(
  'TCP to the configured ports reaches the listener with both addresses unchanged, IPv4 and IPv6',
  lab(async (t, lab) => {
    await startListener(lab)
    t.regex(await seenBy(lab, 'http://203.0.113.10/'), /203\.0\.113\.10/)
    t.regex(await seenBy(lab, 'http://203.0.113.10/'), /<title>/, 'without rules the origin answers')
    await rules(lab, 'applyRules')
    const v4 = JSON.parse(await seenBy(lab, 'http://203.0.113.10/'))
    t.deepEqual(v4, { local: '203.0.113.10', port: 80, remote: '10.77.1.10' })
    const v6 = JSON.parse(await seenBy(lab, 'http://[2001:db8:113::10]:443/'))
    t.deepEqual(v6, { local: '2001:db8:113::10', port: 443, remote: 'fd77:1::10' })
    // Nobody listens on 8080 of the origin: not the listener but the origin's refusal answers.
    t.regex(await seenBy(lab, 'http://203.0.113.10:8080/'), /exit 7/)
    // What the box itself sends is not intercepted.
    t.regex((await lab.exec('gateway', ['curl', '-s', 'http://203.0.113.10/'])).stdout, /<title>/)
    await rules(lab, 'removeRules')
    t.regex(await seenBy(lab, 'http://203.0.113.10/'), /<title>/, 'and again when they are gone')
  }),
)

inLab(
  "answers to a connection made from the client's address come back, also behind MASQUERADE",
  lab(async (t, lab) => {
    await startListener(lab)
    await rules(lab, 'applyRules')
    const dial = async (host: string) => JSON.parse(await seenBy(lab, `http://${host}/headers?dial`)).remoteAddress
    t.is(await dial('203.0.113.10'), '10.77.1.10')
    t.is(await dial('[2001:db8:113::10]'), 'fd77:1::10')
    const large = await curl(lab, ['http://203.0.113.10/large?bytes=20000000&dial'])
    t.is(large.bytes.length, 20_000_000)
    await gateway(lab, 'iptables -t nat -A POSTROUTING -o wan -j MASQUERADE')
    t.is(await dial('203.0.113.11'), '203.0.113.1')
  }),
)

inLab(
  "the box's own addresses and excluded addresses are not intercepted",
  lab(async (t, lab) => {
    await startListener(lab)
    const exclude = ['203.0.113.11', '203.0.113.20/31', '10.77.1.11', '2001:db8:113::11/128']
    await rules(lab, 'applyRules', { ...CONFIG, exclude })
    t.regex(await seenBy(lab, 'http://203.0.113.10/'), /"local"/)
    for (const host of ['203.0.113.11', '203.0.113.21', '[2001:db8:113::11]']) {
      t.regex(await seenBy(lab, `http://${host}/`), /<title>/, host)
    }
    t.regex(await seenBy(lab, 'http://203.0.113.10/', '--interface', '10.77.1.11'), /<title>/)
    // Nothing listens on port 80 of the box: refused, not intercepted.
    for (const own of ['10.77.1.1', '203.0.113.1', '[fd77:1::1]']) {
      t.regex(await seenBy(lab, `http://${own}/`), /exit 7/, own)
    }
  }),
)

inLab(
  'QUIC is refused at once, and left alone where the config or an exclusion says so',
  lab(async (t, lab) => {
    const quic = async (host: string, port = 443) => {
      const program = `
        import dgram from 'node:dgram'
        const socket = dgram.createSocket('udp${host.includes(':') ? 6 : 4}')
        const done = text => { console.log(text); process.exit(0) }
        socket.on('error', e => done(e.code))
        socket.connect(${port}, '${host}', () => { socket.send('x'); setTimeout(done, 300, 'silence') })`
      return (await lab.node('client', program)).stdout.trim()
    }
    // The black hole never answers by itself: a refusal is the gateway's.
    await rules(lab, 'applyRules')
    t.is(await quic('203.0.113.252'), 'ECONNREFUSED')
    t.is(await quic('2001:db8:113::252'), 'ECONNREFUSED')
    t.is(await quic('203.0.113.252', 4433), 'silence')
    await rules(lab, 'applyRules', { ...CONFIG, exclude: ['203.0.113.252'] })
    t.is(await quic('203.0.113.252'), 'silence')
    await rules(lab, 'applyRules', { ...CONFIG, quic: 'leave' })
    t.is(await quic('2001:db8:113::252'), 'silence')
  }),
)

inLab(
  'a host firewall that drops, strict reverse-path checks and a port in TIME_WAIT do not stop interception',
  lab(async (t, lab) => {
    await startListener(lab)
    await gateway(
      lab,
      'iptables -P INPUT DROP; iptables -A INPUT -i lo -j ACCEPT; sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.tcp_rfc1337=1',
    )
    await rules(lab, 'applyRules')
    // The listener closes first, so the gateway holds the client's port in TIME_WAIT when the client uses it again.
    const program = `
      import net from 'node:net'
      import { text } from 'node:stream/consumers'
      for (let i = 0; i < 3; i++) {
        const socket = net.connect({ host: '203.0.113.10', port: 80, localPort: 40001 }, () => socket.write('x'))
        console.log((await text(socket)).split('\\r\\n\\r\\n')[1])
        await new Promise(resolve => socket.on('close', resolve))
      }`
    const seen = await lab.node('client', program, { timeoutMs: 5000 })
    const line = '{"local":"203.0.113.10","port":80,"remote":"10.77.1.10"}\n'
    t.is(seen.stdout, line.repeat(3), seen.stderr)
    t.regex(await gateway(lab, 'ss -Htan state time-wait'), /10\.77\.1\.10\]?:40001/)
  }),
)

inLab(
  'the setting the doctor calls fatal is fatal, and its remedy a remedy',
  lab(async (t, lab) => {
    await startListener(lab)
    await rules(lab, 'applyRules')
    const findings = async () =>
      lab.node(
        'gateway',
        `import { doctor } from ${source('src/os/doctor.ts')}
        for (const f of doctor(${JSON.stringify(CONFIG)})) if (f.ok === false) console.log(f.fix)`,
      )
    await gateway(lab, 'sysctl -qw net.ipv4.conf.all.src_valid_mark=1')
    t.regex((await curl(lab, ['--connect-timeout', '1', 'http://203.0.113.10/'])).error, /timed out|Timeout/i)
    const remedy = (await findings()).stdout
    t.is(remedy, 'sysctl -w net.ipv4.conf.all.src_valid_mark=0\n')
    await gateway(lab, remedy)
    t.regex(await seenBy(lab, 'http://203.0.113.10/'), /"local":"203.0.113.10"/)
    t.is((await findings()).stdout, '')
  }),
)

inLab(
  'applying twice is applying once, and removing leaves exactly what was there before',
  lab(async (t, lab) => {
    // A machine with a life of its own: forwarding off, a hardened setting, reserved ports, rules, routes and marks of others.
    await gateway(
      lab,
      `sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv4.conf.all.accept_redirects=0
       sysctl -qw net.ipv4.conf.wan.forwarding=1 net.ipv4.ip_local_reserved_ports=3000,3128 net.ipv4.conf.all.rp_filter=1
       iptables -t mangle -A PREROUTING -i wan -j MARK --set-xmark 0x100/0x100; iptables -A FORWARD -p icmp -j ACCEPT
       sysctl -qw net.ipv6.conf.wan.accept_ra=1; ip -6 route add default via 2001:db8:113::254 dev wan proto ra
       ip rule add fwmark 0x100/0x100 lookup 90 pref 90; ip route add 198.51.100.0/24 via 203.0.113.10 table 90`,
    )
    const before = await snapshot(lab)
    t.is(await rules(lab, 'rulesState'), 'absent')
    await rules(lab, 'removeRules')
    t.is(await snapshot(lab), before, 'removing what is not there')

    await rules(lab, 'applyRules')
    const once = await snapshot(lab)
    t.is(await rules(lab, 'rulesState'), 'applied')
    t.not(once, before)
    t.regex(once, /ip_local_reserved_ports = 3000,3128-3129/)
    t.regex(once, /conf\.wan\.accept_ra = 2/, 'a router that learnt its way out must go on learning it')
    await rules(lab, 'applyRules')
    t.is(await snapshot(lab), once, 'the second time changes nothing')

    await rules(lab, 'removeRules')
    t.is(await snapshot(lab), before)
    t.is(await rules(lab, 'rulesState'), 'absent')
  }),
)

inLab(
  'what is left of a rule set is repaired, an older one replaced, and both removed whole',
  lab(async (t, lab) => {
    const before = await snapshot(lab)
    await rules(lab, 'applyRules')
    const whole = await snapshot(lab)
    const damage = [
      'iptables -t mangle -D WEIR_PREROUTING 2',
      'ip6tables -t mangle -F PREROUTING',
      'ip rule del pref 100',
      'ip -6 route flush table 2077',
      'iptables -I FORWARD -i lan -j WEIR_FORWARD',
      'iptables -F FORWARD; iptables -F WEIR_FORWARD; iptables -X WEIR_FORWARD',
      'sysctl -qw net.ipv4.conf.all.send_redirects=1',
    ]
    for (const command of damage) {
      await gateway(lab, command)
      t.is(await rules(lab, 'rulesState'), 'partial', command)
      await rules(lab, 'applyRules')
      t.is(await rules(lab, 'rulesState'), 'applied', command)
      t.is(await snapshot(lab), whole, command)
    }
    const older = { ...CONFIG, ports: [80], exclude: ['192.0.2.0/24'], quic: 'leave' as const }
    await rules(lab, 'applyRules', older)
    t.is(await rules(lab, 'rulesState'), 'partial')
    await rules(lab, 'applyRules')
    t.is(await snapshot(lab), whole)
    await gateway(lab, 'iptables -t mangle -F WEIR_PREROUTING; ip rule del pref 100')
    await rules(lab, 'removeRules')
    t.is(await snapshot(lab), before)
  }),
)

inLab(
  'what cannot be done is refused in one sentence, with nothing changed',
  lab(async (t, lab) => {
    const before = await snapshot(lab)
    t.regex(await rules(lab, 'applyRules', { ...CONFIG, interface: 'eth9' }), /^There is no network interface "eth9"/)
    t.regex(await rules(lab, 'applyRules', { ...CONFIG, interface: 'lan -j DROP' }), /not a network interface name/)
    t.regex(
      await rules(lab, 'applyRules', { ...CONFIG, exclude: ['10.0.0.0/40'] }),
      /"10\.0\.0\.0\/40" is not an address/,
    )
    const noRights = await lab.exec('gateway', [
      'setpriv',
      '--bounding-set=-net_admin',
      process.execPath,
      '--input-type=module',
      '-e',
      `import { applyRules } from ${source('src/os/rules.ts')}; applyRules(${JSON.stringify(CONFIG)})`,
    ])
    t.regex(noRights.stderr, /UserError: .*root \(CAP_NET_ADMIN\)/)
    const noTool = await lab.node(
      'gateway',
      `process.env.PATH = '/nowhere'
       const { tryRun } = await import(${source('src/os/run.ts')})
       try { tryRun('iptables-of-nowhere', []) } catch (e) { console.log(e.message) }`,
    )
    t.regex(noTool.stdout, /"iptables-of-nowhere" is not installed; install it with: apt-get install iptables/)
    t.is(await snapshot(lab), before)
  }),
)
