/** One name of the lab's internet. The host number is the last part of both its addresses. */
export interface Site {
  readonly host: number
  /** What listens there: `web` on 80 and 443, or a bare TCP behaviour on 443 (and 80). */
  readonly kind: 'web' | 'ssh' | 'reset' | 'silent'
  readonly alpn: readonly string[]
  readonly cert: 'good' | 'chain' | 'expired' | 'name' | 'selfsigned' | 'untrusted' | 'no-chain'
}

const both = ['h2', 'http/1.1']
const web = (host: number, cert: Site['cert'] = 'good', alpn: readonly string[] = both): Site => ({
  host,
  kind: 'web',
  alpn,
  cert,
})

/** Every name of the lab's internet. */
export const SITES: Readonly<Record<string, Site>> = {
  'www.origin.example': web(10),
  'static.origin.example': web(11),
  'api.origin.example': web(12),
  'bank.example': web(20),
  'games.example': web(21),
  'www.games.example': web(21),
  'ads.example': web(22),
  'h1.example': web(30, 'good', ['http/1.1']),
  'h2.example': web(31, 'good', ['h2']),
  'chain.example': web(32, 'chain'),
  'bad-expired.example': web(40, 'expired'),
  'bad-name.example': web(41, 'name'),
  'bad-selfsigned.example': web(42, 'selfsigned'),
  'bad-untrusted.example': web(43, 'untrusted'),
  'bad-chain.example': web(44, 'no-chain'),
  /** Sends `SSH-2.0-lab\r\n` first, then echoes, on port 443. */
  'ssh.example': { host: 50, kind: 'ssh', alpn: [], cert: 'good' },
  /** Resets every connection. */
  'reset.example': { host: 51, kind: 'reset', alpn: [], cert: 'good' },
  /** Accepts, reads and never says a word. */
  'silent.example': { host: 52, kind: 'silent', alpn: [], cert: 'good' },
}

/** Packets to this address vanish: a connection attempt gets no answer of any kind. */
export const BLACKHOLE = { v4: '203.0.113.252', v6: '2001:db8:113::252' }
/** An address of the origin where nothing listens: refused at once. */
export const REFUSED = { v4: '203.0.113.79', v6: '2001:db8:113::79' }

export const ADDR = {
  client: { v4: '10.77.1.10', v6: 'fd77:1::10' },
  gateway: { v4: '10.77.1.1', v6: 'fd77:1::1' },
  wan: { v4: '203.0.113.1', v6: '2001:db8:113::1' },
}

export const addrsOf = (site: Site): { v4: string; v6: string } => ({
  v4: `203.0.113.${site.host}`,
  v6: `2001:db8:113::${site.host}`,
})

/** Text of the hosts file every lab host sees. */
export function hostsFile(): string {
  const lines = ['127.0.0.1 localhost', '::1 localhost', `${BLACKHOLE.v4} blackhole.example`]
  for (const [name, site] of Object.entries(SITES)) {
    const { v4, v6 } = addrsOf(site)
    lines.push(`${v4} ${name}`, `${v6} ${name}`)
  }
  return `${lines.join('\n')}\n`
}
