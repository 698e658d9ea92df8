import { hex } from '../der.ts'
import { freshKey, testKey } from '../keys.ts'
import { type Case, ca, DAY, INTER, NOW, ROOT, server, withInter, withLeaf } from './case.ts'

const chain = (title: string, expect: Case['expect'], build: Case['build'], more: Partial<Case> = {}): Case => ({
  class: 'chain',
  title,
  expect,
  build,
  ...more,
})

/** An intermediate's key and name, certified by several authorities. */
function crossSigned(...issuers: { issuer: ReturnType<typeof ca>; notAfter?: number }[]) {
  const keys = freshKey()
  return issuers.map(({ issuer, notAfter = NOW + DAY }) => ca('Cross', issuer, { keys, notAfter }))
}

/** `count` authorities that all certify each other. */
function tangle(count: number) {
  const names = Array.from({ length: count }, (_, i) => ca(`Tangle ${i}`))
  return names.flatMap(to =>
    names.filter(from => from !== to).map(from => ca(to.spec.subject as string, from, { keys: to.keys })),
  )
}

export const chainCases: Case[] = [
  chain('a leaf right below a root (RFC 5280 §6.1)', null, () => ({ presented: [server(ROOT)] })),
  chain('a leaf below an intermediate', null, withLeaf({})),
  chain('three intermediates', null, () => {
    const a = ca('A', ROOT)
    const b = ca('B', a)
    const c = ca('C', b)
    return { presented: [server(c), c, b, a] }
  }),
  chain('the root sent along (RFC 8446 §4.4.2)', null, () => ({ presented: [server(INTER), INTER, ROOT] })),
  chain('out of order (RFC 8446 §4.4.2: be tolerant)', null, () => {
    const a = ca('A', ROOT)
    const b = ca('B', a)
    return { presented: [server(b), a, ROOT, b] }
  }),
  chain('sent twice', null, () => {
    const own = server(INTER)
    return { presented: [own, INTER, INTER, own, INTER] }
  }),
  chain('strangers between (RFC 8446 §4.4.2)', null, () => ({
    presented: [server(INTER), ca('Stranger'), server(ca('X')), INTER],
  })),
  chain('a cross-signed intermediate whose other issuer is unknown, sent first (RFC 4158 §2.3)', null, () => {
    const [unknown, good] = crossSigned({ issuer: ca('Unknown Root') }, { issuer: ROOT })
    return { presented: [server(unknown!), unknown!, good!] }
  }),
  chain('an expired cross-sign sent before the good one', null, () => {
    const [expired, good] = crossSigned({ issuer: ROOT, notAfter: NOW - DAY }, { issuer: ROOT })
    return { presented: [server(good!), expired!, good!] }
  }),
  chain('only the expired cross-sign', 'origin-cert-expired', () => {
    const [expired] = crossSigned({ issuer: ROOT, notAfter: NOW - DAY })
    return { presented: [server(expired!), expired!] }
  }),
  chain('an expired root of which the store has a new one with the same key (AddTrust, 2020)', null, () => {
    const keys = freshKey()
    const old = ca('Renewed Root', null, { keys, notAfter: NOW - DAY })
    const renewed = ca('Renewed Root', null, { keys })
    const inter = ca('Below', old)
    return { presented: [server(inter), inter, old], roots: [old, renewed] }
  }),
  chain('a root that another, expired root cross-signed (DST Root X3, 2021)', null, () => {
    const expired = ca('Expired Root', null, { notAfter: NOW - DAY })
    const own = ca('Self-signed Root')
    const cross = ca('Self-signed Root', expired, { keys: own.keys })
    const inter = ca('Below', own)
    return { presented: [server(inter), inter, cross], roots: [expired, own] }
  }),
  chain('two authorities that only certify each other', 'origin-cert-untrusted', () => {
    const a = ca('Loop A')
    const b = ca('Loop B', a)
    const again = ca('Loop A', b, { keys: a.keys })
    return { presented: [server(b), b, again] }
  }),
  chain('a loop beside a good path', null, () => {
    const a = ca('Loop A', ROOT)
    const b = ca('Loop B', a)
    const again = ca('Loop A', b, { keys: a.keys })
    return { presented: [server(b), b, again, a] }
  }),
  chain('a tangle of 5 authorities without a way out ends within the bounds', 'origin-cert-untrusted', () => {
    const knot = tangle(5)
    return { presented: [server(knot[0]!), ...knot] }
  }),
  chain('a tangle beside a good path', null, () => {
    const knot = tangle(4)
    return {
      presented: [server(knot[0]!), ...knot, ca(knot[0]!.spec.subject as string, ROOT, { keys: knot[0]!.keys })],
    }
  }),
  chain('six intermediates', null, () => deep(6)),
  chain('seven intermediates are too many', 'origin-cert-invalid', () => deep(7), { words: /too long/ }),
  chain('the intermediate is missing', 'origin-cert-untrusted', () => ({ presented: [server(INTER)] })),
  chain('the intermediate is missing but was fetched (RFC 5280 §4.2.2.1)', null, () => ({
    presented: [server(INTER)],
    extra: [INTER],
  })),
  chain('the fetched intermediate stands behind 20 others', 'origin-cert-untrusted', () => ({
    presented: [server(INTER)],
    extra: [...Array.from({ length: 20 }, () => ca('Stranger')), INTER],
  })),
  chain('the intermediate stands behind 20 strangers', 'origin-cert-untrusted', () => ({
    presented: [server(INTER), ...Array.from({ length: 20 }, () => ca('Stranger')), INTER],
  })),
  chain('self-signed', 'origin-cert-untrusted', () => ({ presented: [server(null)] }), { words: /self-signed/ }),
  chain('self-signed by an authority’s certificate', 'origin-cert-untrusted', () => ({
    presented: [server(null, { ca: true })],
  })),
  chain('self-signed and trusted as it is', null, () => {
    const own = server(null)
    return { presented: [own], roots: [own] }
  }),
  chain('self-signed with cA set (what `openssl req -x509` makes) and trusted as it is', null, () => {
    const own = server(null, { ca: true, keyUsage: null, extKeyUsage: null })
    return { presented: [own], roots: [own] }
  }),
  chain('trusted as it is, but for another name', 'origin-cert-name', () => {
    const own = server(null, { san: ['dns:b.example'] })
    return { presented: [own], roots: [own] }
  }),
  chain('an unknown root sent along', 'origin-cert-untrusted', () => {
    const root = ca('Unknown Root')
    return { presented: [server(root), root] }
  }),
  chain('a root that is called like a trusted one, with other key identifiers', 'origin-cert-untrusted', () => {
    const impostor = ca('Good Root')
    return { presented: [server(impostor), impostor] }
  }),
  chain('a root that is called like a trusted one, with a key of another kind', 'origin-cert-untrusted', () => {
    const impostor = ca('Good Root', null, { keys: testKey('rsa:2048') })
    return { presented: [server(impostor), impostor] }
  }),
  chain('a root that is called like a trusted one, without key identifiers', 'origin-cert-signature', () => {
    const impostor = ca('Good Root', null, { without: ['2.5.29.14', '2.5.29.35'] })
    return { presented: [server(impostor, { without: ['2.5.29.35'] })] }
  }),
  chain('a leaf issued by a leaf (RFC 5280 §6.1.4 (k))', 'origin-cert-invalid', () => {
    const one = server(INTER, { san: ['dns:b.example'], subject: 'Not a CA' })
    return { presented: [server(one), one, INTER] }
  }),
  chain('a root of version 1 is trusted by key and name (RFC 5280 §6.1.1 (d))', null, () => {
    const root = ca('Old Root', null, { version: null })
    return { presented: [server(root)], roots: [root] }
  }),
  chain('an intermediate that the admin trusts as a root', null, () => ({
    presented: [server(INTER)],
    roots: [INTER],
  })),
  chain('issuer and subject differ in letter case (Firefox: octets)', 'origin-cert-untrusted', () => ({
    presented: [server(INTER, { issuerName: ca('good intermediate').name }), INTER],
  })),
  chain(
    'Weir’s own CA among the roots',
    'origin-cert-untrusted',
    () => {
      const own = ca('Weir')
      return { presented: [server(own)], roots: [ROOT, own], own: [own] }
    },
    { words: /this gateway/ },
  ),
  chain('Weir’s own CA even where an unknown issuer is overlooked', 'origin-cert-untrusted', () => {
    const own = ca('Weir')
    return { presented: [server(own), own], own: [own], allow: ['untrusted'] }
  }),
  chain('Weir’s own key in a certificate that a trusted root has signed', 'origin-cert-untrusted', () => {
    const own = ca('Weir')
    const blessed = ca('Weir', ROOT, { keys: own.keys })
    return { presented: [server(blessed), blessed], own: [own] }
  }),
  chain('Weir’s own key under another name', 'origin-cert-untrusted', () => {
    const own = ca('Weir')
    const blessed = ca('Blessed', ROOT, { keys: own.keys })
    return { presented: [server(blessed), blessed], own: [own] }
  }),
  chain('Weir’s own key as a server’s', 'origin-cert-untrusted', () => {
    const own = ca('Weir')
    return { presented: [server(INTER, { keys: own.keys }), INTER], own: [own] }
  }),
  chain(
    'exception for unknown issuers: self-signed',
    null,
    () => ({ presented: [server(null)], allow: ['untrusted'] }),
    {
      used: ['untrusted'],
    },
  ),
  chain(
    'exception for unknown issuers: a private authority',
    null,
    () => {
      const root = ca('Private Root')
      return { presented: [server(root), root], allow: ['untrusted'] }
    },
    { used: ['untrusted'] },
  ),
  chain('exception for unknown issuers helps no wrong signature', 'origin-cert-signature', () => {
    const own = server(null, { signature: hex('3006020101020101') })
    return { presented: [own], allow: ['untrusted'] }
  }),
  chain(
    'an exception that is not needed is not used',
    null,
    () => ({
      ...withLeaf({})(),
      allow: ['untrusted', 'name', 'expired', 'weak'],
    }),
    { used: [] },
  ),
  chain(
    'a good path is taken although an exception would do for the first',
    null,
    () => {
      const [expired, good] = crossSigned({ issuer: ROOT, notAfter: NOW - DAY }, { issuer: ROOT })
      return { presented: [server(good!), expired!, good!], allow: ['expired'] }
    },
    { used: [] },
  ),
  chain('an exception for unknown issuers does not lift other rules', 'origin-cert-invalid', () => {
    const root = ca('Private Root')
    return { presented: [server(root, { extKeyUsage: ['1.3.6.1.5.5.7.3.2'] }), root], allow: ['untrusted'] }
  }),
  chain('an issuer without a name (RFC 5280 §4.1.2.4)', 'origin-cert-invalid', withInter({ subject: '' })),
]

function deep(count: number) {
  const path = [ROOT]
  for (let i = 0; i < count; i++) path.unshift(ca(`Level ${i}`, path[0]!))
  return { presented: [server(path[0]!), ...path.slice(0, -1)] }
}
