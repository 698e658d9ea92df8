import { type CertSpec, nameOf } from '../certificate.ts'
import { explicit, ia5, implicit, int, oid, printable, seq, set, utf8 } from '../der.ts'
import { basicConstraints, extension, generalName, ID, policies, policyConstraints } from '../extensions.ts'
import { type Case, ca, ROOT, SAN, server, withInter, withLeaf, withRoot } from './case.ts'

const rule = (title: string, expect: Case['expect'], build: Case['build'], words?: RegExp): Case => ({
  class: 'constraints',
  title,
  expect,
  build,
  ...(words && { words }),
})
const INVALID = 'origin-cert-invalid'
type Limits = NonNullable<CertSpec['nameConstraints']>
/** An intermediate with these limits above a leaf with these names. */
const limited = (nameConstraints: Limits, leaf: CertSpec = {}) => withInter({ nameConstraints }, leaf)
const raw = (value: Buffer) =>
  withInter({ extensions: { [ID.nameConstraints]: extension(ID.nameConstraints, value, true) } })
const basic = (value: Buffer) =>
  withInter({ extensions: { [ID.basicConstraints]: extension(ID.basicConstraints, value, true) } })
const dir = (name: Buffer) => `dir:${name.toString('hex')}`
const rdn = (id: string, value: Buffer) => set(seq(oid(id), value))
const country = (value: Buffer) => rdn('2.5.4.6', value)
const org = (value: Buffer) => rdn('2.5.4.10', value)
const common = (value: Buffer) => rdn('2.5.4.3', value)
const ACME = seq(country(printable('SE')), org(printable('Acme Ltd')))
const ACME_HOST = seq(country(printable('SE')), org(utf8(' ACME  ltd')), common(utf8('host')))
const OTHER_HOST = seq(country(printable('SE')), org(utf8('Other')), common(utf8('host')))
const TRUE = Buffer.from('0101ff', 'hex')
const ONE = '1.3.6.1.4.1.99999.1'
const TWO = '1.3.6.1.4.1.99999.2'
const ANY = '2.5.29.32.0'

/** Root, two intermediates, leaf. */
const stacked =
  (upper: CertSpec, lower: CertSpec, leaf: CertSpec = {}) =>
  () => {
    const a = ca('Upper', ROOT, upper)
    const b = ca('Lower', a, lower)
    return { presented: [server(b, leaf), b, a] }
  }
const mapping = (from: string, to: string) => extension(ID.policyMappings, seq(seq(oid(from), oid(to))), true)

export const constraintCases: Case[] = [
  rule('path length 0 and no authority below (RFC 5280 §6.1.4 (l))', null, withInter({ pathLen: 0 })),
  rule('path length 0 and one authority below', INVALID, stacked({ pathLen: 0 }, {}), /0 authorities/),
  rule('path length 1 and one authority below', null, stacked({ pathLen: 1 }, {})),
  rule('path length of the root (RFC 5937 §3)', INVALID, () => {
    const root = ca('Short Root', null, { pathLen: 0 })
    const inter = ca('Below', root)
    return { presented: [server(inter), inter], roots: [root] }
  }),
  rule('path length: what an authority issued to itself is not counted (RFC 5280 §6.1.4 (l))', null, () => {
    const a = ca('Self', ROOT, { pathLen: 0 })
    const again = ca('Self', a)
    return { presented: [server(again), again, a] }
  }),
  rule('path length: below that, the next one is', INVALID, () => {
    const a = ca('Self', ROOT, { pathLen: 0 })
    const again = ca('Self', a)
    const below = ca('Below', again)
    return { presented: [server(below), below, again, a] }
  }),
  rule('a negative path length', INVALID, basic(seq(TRUE, int(-1)))),
  rule('a path length without cA (RFC 5280 §4.2.1.9)', INVALID, () =>
    withLeaf({ extra: [basicConstraints(false, 0)] })(),
  ),
  rule('cA neither all ones nor all zeros (X.690 §11.1)', INVALID, basic(seq(Buffer.from('010101', 'hex')))),

  rule('permitted DNS subtree (RFC 5280 §4.2.1.10)', null, limited({ permitted: ['dns:a.example'] })),
  rule('outside of the permitted DNS subtree', INVALID, limited({ permitted: ['dns:b.example'] })),
  rule('the permitted name itself', null, limited({ permitted: ['dns:www.a.example'] })),
  rule('the end of a label is no subtree', INVALID, limited({ permitted: ['dns:.example.test', 'dns:ww.a.example'] })),
  rule('permitted: letter case does not count', null, limited({ permitted: ['dns:A.EXAMPLE'] })),
  rule('permitted with a leading dot: below', null, limited({ permitted: ['dns:.a.example'] })),
  rule('permitted with a leading dot: not the domain itself', INVALID, limited({ permitted: ['dns:.www.a.example'] })),
  rule(
    'one of two names is outside',
    INVALID,
    limited({ permitted: ['dns:a.example'] }, { san: [...SAN, 'dns:b.example'] }),
  ),
  rule('permitted everything', null, limited({ permitted: ['dns:'] })),
  rule(
    'a wildcard inside of the permitted subtree',
    null,
    limited({ permitted: ['dns:a.example'] }, { san: ['dns:*.a.example'] }),
  ),
  rule(
    'a wildcard wider than the permitted subtree',
    INVALID,
    limited({ permitted: ['dns:www.a.example'] }, { san: ['dns:*.a.example'] }),
  ),
  rule('excluded DNS subtree', INVALID, limited({ excluded: ['dns:a.example'] })),
  rule('excluded elsewhere', null, limited({ excluded: ['dns:b.example'] })),
  rule(
    'excluded wins over permitted',
    INVALID,
    limited({ permitted: ['dns:a.example'], excluded: ['dns:www.a.example'] }),
  ),
  rule(
    'a wildcard that reaches into the excluded',
    INVALID,
    limited({ excluded: ['dns:x.a.example'] }, { san: ['dns:*.a.example'] }),
  ),
  rule('excluded with a leading dot', INVALID, limited({ excluded: ['dns:.a.example'] })),
  rule('excluded everything', INVALID, limited({ excluded: ['dns:'] })),
  rule(
    'a final dot does not lead out of the excluded',
    INVALID,
    limited({ excluded: ['dns:b.example'] }, { san: [...SAN, 'dns:b.example.'] }),
  ),
  rule(
    'limits count although they are not critical',
    INVALID,
    limited({ permitted: ['dns:b.example'], critical: false }),
  ),
  rule('limits of the root (RFC 5937 §3)', INVALID, withRoot({ nameConstraints: { permitted: ['dns:b.example'] } })),
  rule('limits of the upper authority', INVALID, stacked({ nameConstraints: { permitted: ['dns:b.example'] } }, {})),
  rule(
    'limits of both authorities together',
    INVALID,
    stacked(
      { nameConstraints: { permitted: ['dns:a.example'] } },
      { nameConstraints: { permitted: ['dns:b.example'] } },
    ),
  ),
  rule(
    'a lower authority cannot widen its limits',
    INVALID,
    stacked(
      { nameConstraints: { permitted: ['dns:b.example'] } },
      { nameConstraints: { permitted: ['dns:a.example'] } },
    ),
  ),
  rule('a kind that is not limited is free (RFC 5280 §4.2.1.10)', null, limited({ permitted: ['email:a.example'] })),
  rule(
    'a common name is no DNS name and so not limited',
    null,
    limited({ permitted: ['dns:a.example'] }, { subject: 'evil.example' }),
  ),

  rule('permitted IPv4 range', null, () => ({
    ...limited({ permitted: ['ip:c0000200ffffff00'] }, { san: ['ip:c0000207'] })(),
    name: '192.0.2.7',
  })),
  rule('outside of the permitted IPv4 range', INVALID, () => ({
    ...limited({ permitted: ['ip:c0000200ffffff00'] }, { san: ['ip:c0000307'] })(),
    name: '192.0.3.7',
  })),
  rule('IPv6 where only IPv4 is permitted', INVALID, () => ({
    ...limited({ permitted: ['ip:c0000200ffffff00'] }, { san: ['ip:20010db8000000000000000000000007'] })(),
    name: '2001:db8::7',
  })),
  rule(
    'excluded IPv4 range',
    INVALID,
    limited({ excluded: ['ip:0000000000000000'] }, { san: [...SAN, 'ip:c0000207'] }),
  ),
  rule(
    'excluded IPv6 range',
    INVALID,
    limited({ excluded: [`ip:${'0'.repeat(64)}`] }, { san: [...SAN, 'ip:20010db8000000000000000000000007'] }),
  ),
  rule(
    'no address is inside of an excluded range',
    null,
    limited({ excluded: ['ip:0000000000000000', `ip:${'0'.repeat(64)}`] }),
  ),
  rule('a mask with a hole (RFC 4632 §3.1)', INVALID, limited({ permitted: ['ip:c0000200ff00ff00', 'dns:a.example'] })),
  rule('a range without mask', INVALID, limited({ permitted: ['ip:c0000200', 'dns:a.example'] })),

  rule(
    'the subject inside of the permitted directory (RFC 5280 §7.1: case, spaces, string type)',
    null,
    limited({ permitted: [dir(ACME)] }, { subject: ACME_HOST }),
  ),
  rule('the subject outside of it', INVALID, limited({ permitted: [dir(ACME)] }, { subject: OTHER_HOST })),
  rule('an empty subject is in no directory', null, limited({ permitted: [dir(ACME)] }, { subject: '' })),
  rule(
    'the subject inside of the excluded directory',
    INVALID,
    limited({ excluded: [dir(ACME)] }, { subject: ACME_HOST }),
  ),
  rule(
    'a directory name in SAN outside of the permitted',
    INVALID,
    limited({ permitted: [dir(ACME)] }, { subject: ACME_HOST, san: [...SAN, dir(OTHER_HOST)] }),
  ),
  rule(
    'the subject of an authority below counts too',
    INVALID,
    stacked({ nameConstraints: { permitted: [dir(ACME)] } }, {}, { subject: ACME_HOST }),
  ),
  rule('an authority’s certificate for itself is not limited (RFC 5280 §6.1.3 (b))', null, () => {
    const a = ca('Self', ROOT, { nameConstraints: { permitted: [dir(ACME)] } })
    const again = ca('Self', a)
    return { presented: [server(again, { subject: ACME_HOST }), again, a] }
  }),
  rule(
    'e-mail at the permitted host',
    null,
    limited({ permitted: ['email:a.example'] }, { san: [...SAN, 'email:x@a.example'] }),
  ),
  rule(
    'e-mail below the permitted host',
    INVALID,
    limited({ permitted: ['email:a.example'] }, { san: [...SAN, 'email:x@b.a.example'] }),
  ),
  rule(
    'e-mail below the permitted domain',
    null,
    limited({ permitted: ['email:.a.example'] }, { san: [...SAN, 'email:x@b.a.example'] }),
  ),
  rule(
    'the one excluded mailbox',
    INVALID,
    limited({ excluded: ['email:x@a.example'] }, { san: [...SAN, 'email:X@A.example'] }),
  ),
  rule(
    'e-mail in the subject (RFC 5280 §4.2.1.10)',
    INVALID,
    limited({ permitted: ['email:a.example'] }, { subject: seq(rdn('1.2.840.113549.1.9.1', ia5('x@b.example'))) }),
  ),
  rule(
    'URI at the permitted host',
    null,
    limited({ permitted: ['uri:a.example'] }, { san: [...SAN, 'uri:https://a.example:8443/x'] }),
  ),
  rule(
    'URI elsewhere',
    INVALID,
    limited({ permitted: ['uri:a.example'] }, { san: [...SAN, 'uri:https://a.example@evil.example/'] }),
  ),
  rule(
    'URI with an address where a host is demanded',
    INVALID,
    limited({ permitted: ['uri:a.example'] }, { san: [...SAN, 'uri:https://192.0.2.7/'] }),
  ),
  rule(
    'a limited kind that is unknown here, and such a name (RFC 5280 §4.2.1.10)',
    INVALID,
    limited({ permitted: ['other:1.3.6.1.4.1.311.20.2.3'] }, { san: [...SAN, 'other:1.3.6.1.4.1.311.20.2.3'] }),
  ),
  rule(
    'the same for registeredID',
    INVALID,
    limited({ excluded: ['registered:1.2.3'] }, { san: [...SAN, 'registered:1.2.4'] }),
  ),
  rule(
    'a limited kind that is unknown here, and no such name',
    null,
    limited({ permitted: ['other:1.3.6.1.4.1.311.20.2.3'] }),
  ),

  rule('empty name constraints (RFC 5280 §4.2.1.10)', INVALID, raw(seq())),
  rule('an empty list of permitted subtrees', INVALID, raw(seq(explicit(0)))),
  rule('a minimum', INVALID, raw(seq(explicit(0, seq(generalName('dns:a.example'), implicit(0, Buffer.from([1]))))))),
  rule('a maximum', INVALID, raw(seq(explicit(0, seq(generalName('dns:a.example'), implicit(1, Buffer.from([9]))))))),
  rule(
    'name constraints in a leaf (RFC 5280 §4.2.1.10)',
    INVALID,
    withLeaf({ nameConstraints: { permitted: ['dns:a.example'] } }),
  ),
  rule(
    'many thousand comparisons',
    INVALID,
    limited(
      { permitted: ['dns:a.example'], excluded: Array.from({ length: 999 }, (_, i) => `dns:x${i}.example`) },
      { san: [...SAN, ...Array.from({ length: 999 }, (_, i) => `dns:y${i}.a.example`)] },
    ),
    /too many/,
  ),

  rule(
    'a policy demanded and none claimed (RFC 5280 §6.1.5 (g))',
    INVALID,
    withInter({ extra: [policies(ONE), policyConstraints(0)] }),
    /policy/,
  ),
  rule(
    'a policy demanded and claimed',
    null,
    withInter({ extra: [policies(ONE), policyConstraints(0)] }, { extra: [policies(ONE)] }),
  ),
  rule(
    'a policy demanded and another one claimed',
    INVALID,
    withInter({ extra: [policies(ONE), policyConstraints(0)] }, { extra: [policies(TWO)] }),
  ),
  rule(
    'any policy may be claimed',
    null,
    withInter({ extra: [policies(ANY), policyConstraints(0)] }, { extra: [policies(TWO)] }),
  ),
  rule(
    'anyPolicy is inhibited (RFC 5280 §6.1.4 (j))',
    INVALID,
    stacked(
      { extra: [policies(ONE), policyConstraints(0), extension(ID.inhibitAnyPolicy, int(0), true)] },
      { extra: [policies(ANY)] },
      { extra: [policies(ONE)] },
    ),
  ),
  rule(
    'a policy mapped to the one claimed (RFC 5280 §6.1.4 (b))',
    null,
    withInter({ extra: [policies(ONE), mapping(ONE, TWO), policyConstraints(0)] }, { extra: [policies(TWO)] }),
  ),
  rule(
    'mapping is inhibited',
    INVALID,
    stacked(
      { extra: [policies(ONE), policyConstraints(0, 0)] },
      { extra: [policies(ONE), mapping(ONE, TWO)] },
      { extra: [policies(TWO)] },
    ),
  ),
  rule('mapping anyPolicy (RFC 5280 §6.1.4 (a))', INVALID, withInter({ extra: [policies(ANY), mapping(ANY, TWO)] })),
  rule('policies that nobody demands', null, withInter({ extra: [policies(ONE)] }, { extra: [policies(TWO)] })),
  rule(
    'an empty subject of an authority in a directory limit',
    INVALID,
    stacked({ nameConstraints: { permitted: [dir(ACME)] } }, { subject: nameOf('Lower') }, { subject: ACME_HOST }),
  ),
]
