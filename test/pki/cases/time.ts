import { seq, tlv } from '../der.ts'
import { type Case, ca, DAY, INTER, NOW, ROOT, server, type World, withInter, withLeaf, withRoot } from './case.ts'

const time = (title: string, expect: Case['expect'], build: Case['build'], more: Partial<Case> = {}): Case => ({
  class: 'time',
  title,
  expect,
  build,
  ...more,
})
const EXPIRED = 'origin-cert-expired'
const INVALID = 'origin-cert-invalid'
const utc = (text: string) => tlv(0x17, Buffer.from(text))
const generalized = (text: string) => tlv(0x18, Buffer.from(text))
const long = (days: number, since = NOW - DAY) => ({ notBefore: since, notAfter: since + days * DAY })

function below(spec: { notBefore: number; notAfter: number }, isPublic: boolean): () => World {
  return () => {
    const root = ca('Long Root', null, { notBefore: NOW - 9999 * DAY, notAfter: NOW + 9999 * DAY })
    return { presented: [server(root, spec)], roots: [root], isPublic }
  }
}

export const timeCases: Case[] = [
  time('the leaf has expired (RFC 5280 §6.1.3 (a) (2))', EXPIRED, withLeaf({ notAfter: NOW - 1000 })),
  time('the leaf is not valid yet', EXPIRED, withLeaf({ notBefore: NOW + DAY })),
  time('the last second belongs to it (RFC 5280 §4.1.2.5)', null, withLeaf({ notAfter: NOW }), { timed: true }),
  time('the first second belongs to it', null, withLeaf({ notBefore: NOW }), { timed: true }),
  time('the intermediate has expired', EXPIRED, withInter({ notAfter: NOW - 1000 })),
  time('the intermediate is not valid yet', EXPIRED, withInter({ notBefore: NOW + DAY })),
  time('the root has expired (Firefox, OpenSSL)', EXPIRED, withRoot({ notAfter: NOW - 1000 })),
  time('the root is not valid yet', EXPIRED, withRoot({ notBefore: NOW + DAY })),
  time(
    'the leaf outlives its issuer, now both are valid',
    null,
    withInter({ notAfter: NOW + DAY }, { notAfter: NOW + 9 * DAY }),
  ),
  time('the end before the beginning', INVALID, withLeaf({ notBefore: NOW + DAY, notAfter: NOW - DAY })),
  time(
    'the end before the beginning, in an intermediate',
    INVALID,
    withInter({ notBefore: NOW + DAY, notAfter: NOW - DAY }),
  ),
  time('398 days below a browser’s root (CA/B §6.3.2)', null, below(long(398), true)),
  time('399 days below a browser’s root', INVALID, below(long(399), true), { words: /398 days/ }),
  time('ten years below a private root', null, below(long(3650), false)),
  time(
    '825 days below a browser’s root, issued in August 2020',
    null,
    () => ({
      ...below({ notBefore: Date.UTC(2020, 7, 1), notAfter: Date.UTC(2022, 10, 3) }, true)(),
      nowMs: Date.UTC(2022, 0, 1),
    }),
    { timed: true },
  ),
  time('UTCTime without seconds (RFC 5280 §4.1.2.5.1)', INVALID, withLeaf({ notAfter: utc('3001010000Z') })),
  time('UTCTime with an offset', INVALID, withLeaf({ notAfter: utc('300101000000+0100') })),
  time(
    'GeneralizedTime with fractions (RFC 5280 §4.1.2.5.2)',
    INVALID,
    withLeaf({ notAfter: generalized('20300101000000.5Z') }),
  ),
  time('GeneralizedTime without Z', INVALID, withLeaf({ notAfter: generalized('20300101000000') })),
  time('31 February', INVALID, withLeaf({ notAfter: utc('300231000000Z') })),
  time('a date that is no time', INVALID, withLeaf({ notAfter: seq() })),
  time('GeneralizedTime after 2049', null, withLeaf({ notAfter: Date.UTC(2055, 0, 1) })),
  time('exception for time: leaf', null, () => ({ ...withLeaf({ notAfter: NOW - DAY })(), allow: ['expired'] }), {
    used: ['expired'],
  }),
  time(
    'exception for time: intermediate',
    null,
    () => ({ ...withInter({ notAfter: NOW - DAY })(), allow: ['expired'] }),
    {
      used: ['expired'],
    },
  ),
  time('exception for time helps no wrong name', 'origin-cert-name', () => ({
    presented: [server(ROOT, { notAfter: NOW - DAY, san: ['dns:b.example'] })],
    allow: ['expired'],
  })),
  time(
    'two exceptions together',
    null,
    () => ({
      presented: [server(INTER, { notAfter: NOW - DAY, san: ['dns:b.example'] }), INTER],
      allow: ['expired', 'name'],
    }),
    { used: ['name', 'expired'] },
  ),
]
