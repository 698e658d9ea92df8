import { ia5, oid, seq, set, utf8 } from '../der.ts'
import { type Case, INTER, NAME, server } from './case.ts'

const good = (title: string, name: string, san: string[]): Case => one(title, null, name, san)
const bad = (title: string, name: string, san: string[], expect: Case['expect'] = 'origin-cert-name'): Case =>
  one(title, expect, name, san)

function one(title: string, expect: Case['expect'], name: string, san: string[]): Case {
  return { class: 'name', title, expect, build: () => ({ presented: [server(INTER, { san }), INTER], name }) }
}

const cn = (title: string, subject: string | Buffer, san: string[], name = NAME): Case => ({
  class: 'name',
  title,
  expect: 'origin-cert-name',
  build: () => ({ presented: [server(INTER, { subject, san }), INTER], name }),
})

export const nameCases: Case[] = [
  good('one of several names (RFC 9525 §6.3)', NAME, ['dns:b.example', `dns:${NAME}`]),
  good('letter case does not count (RFC 9525 §6.3)', NAME, ['dns:WWW.A.Example']),
  bad('another name', NAME, ['dns:www.b.example']),
  bad('the name is the end of another label', NAME, ['dns:xwww.a.example']),
  bad('the name’s parent (RFC 9525 §6.3)', NAME, ['dns:a.example']),
  bad('the name’s child', 'a.example', [`dns:${NAME}`]),
  good('a wildcard for one label (RFC 9525 §6.3)', NAME, ['dns:*.a.example']),
  bad('a wildcard is not two labels', 'x.www.a.example', ['dns:*.a.example']),
  bad('a wildcard is not no label', 'a.example', ['dns:*.a.example']),
  bad('part of a label: f*.a.example (RFC 9525 §6.3)', 'foo.a.example', ['dns:f*.a.example']),
  bad('part of a label: *o.a.example', 'foo.a.example', ['dns:*o.a.example']),
  bad('part of a label: f*o.a.example', 'foo.a.example', ['dns:f*o.a.example']),
  bad('a wildcard that is not the left-most label', 'www.a.example', ['dns:www.*.example']),
  bad('two wildcards', 'www.a.example', ['dns:*.*.example']),
  bad('a wildcard alone', 'example', ['dns:*']),
  bad('a wildcard for a top-level domain', 'a.example', ['dns:*.example']),
  bad('a wildcard for a public suffix', 'bank.co.uk', ['dns:*.co.uk']),
  good('a wildcard for a private suffix, which has one holder', 'me.github.io', ['dns:*.github.io']),
  bad('a wildcard for addresses', '127.0.0.1', ['dns:*.0.0.1']),
  bad('a wildcard inside of an A-label (RFC 9525 §6.3)', 'xn--mnchen-3ya.example', ['dns:xn--*.example']),
  good('an A-label (RFC 5891 §2.3.2.1)', 'xn--mnchen-3ya.a.example', ['dns:xn--mnchen-3ya.a.example']),
  good('a wildcard for an A-label', 'xn--mnchen-3ya.a.example', ['dns:*.a.example']),
  bad(
    'octets beyond ASCII in a dNSName (IA5String)',
    NAME,
    [`dns:${NAME}`, 'dns:m\xfcnchen.example'],
    'origin-cert-invalid',
  ),
  bad('NUL after the name (Marlinspike 2009)', NAME, [`dns:${NAME}\0.evil.example`]),
  bad('NUL before the name', NAME, [`dns:evil.example\0${NAME}`]),
  bad('NUL at the end', NAME, [`dns:${NAME}\0`]),
  bad('a final dot in the certificate (RFC 5280 §4.2.1.6)', NAME, [`dns:${NAME}.`]),
  bad('a leading dot', NAME, ['dns:.a.example']),
  bad('a space', NAME, ['dns: ']),
  bad('a space around the name', NAME, [`dns:${NAME} `]),
  bad('several names in one entry', NAME, [`dns:${NAME},b.example`]),
  bad('a line break behind the name', NAME, [`dns:${NAME}\n`]),
  bad('an empty dNSName', NAME, ['dns:']),
  bad('as a URI only', NAME, [`uri:https://${NAME}/`]),
  bad('as an e-mail address only', NAME, [`email:x@${NAME}`]),
  good('an underscore, as real hosts have', 'my_host.a.example', ['dns:my_host.a.example']),
  good('an IPv4 address (RFC 9525 §6.5)', '192.0.2.7', ['ip:c0000207']),
  good('an IPv6 address', '2001:db8::7', ['ip:20010db8000000000000000000000007']),
  good('IPv4 dialled as ::ffff:192.0.2.7', '::ffff:192.0.2.7', ['ip:c0000207']),
  bad('another address', '192.0.2.7', ['ip:c0000208']),
  bad('an address as dNSName (RFC 9525 §6.5)', '192.0.2.7', ['dns:192.0.2.7']),
  bad('an address as URI', '192.0.2.7', ['uri:https://192.0.2.7/']),
  bad('a name that spells the octets of an address', 'c0000207.example', ['ip:c0000207']),
  bad(
    'an iPAddress of 5 octets (RFC 5280 §4.2.1.6)',
    '192.0.2.7',
    ['ip:c0000207', 'ip:c000020700'],
    'origin-cert-invalid',
  ),
  bad('an iPAddress with its mask', '192.0.2.7', ['ip:c0000207ffffffff'], 'origin-cert-invalid'),
  bad('no names at all', NAME, []),
  cn('only in the common name (RFC 9525 §2)', NAME, []),
  cn('in the common name beside another SAN', NAME, ['dns:b.example']),
  cn('an address in the common name', '192.0.2.7', [], '192.0.2.7'),
  cn('NUL in the common name', `${NAME}\0.evil.example`, []),
  cn('in an emailAddress of the subject', seq(set(seq(oid('1.2.840.113549.1.9.1'), ia5(`x@${NAME}`)))), []),
  cn('in a second common name', seq(set(seq(oid('2.5.4.3'), utf8('x'))), set(seq(oid('2.5.4.3'), utf8(NAME)))), []),
  {
    class: 'name',
    title: 'exception for the name',
    expect: null,
    used: ['name'],
    build: () => ({ presented: [server(INTER, { san: ['dns:b.example'] }), INTER], allow: ['name'] }),
  },
]
