import test from 'ava'
import { CASES } from '../../../pki/cases/index.ts'
import { opensslVerdict } from '../../../pki/openssl.ts'

/** Good by our rules, and why OpenSSL (with -x509_strict) is stricter or less able. */
const DISAGREES = new Map([
  // One path is tried, from the first certificate that fits
  ['a cross-signed intermediate whose other issuer is unknown, sent first (RFC 4158 §2.3)', /issuer/],
  ['a loop beside a good path', /issuer/],
  ['a tangle beside a good path', /issuer/],
  // -partial_chain is not its default
  ['an intermediate that the admin trusts as a root', /issuer/],
  // -x509_strict asks of roots and authorities what RFC 5280 asks of their makers, but browsers do not check
  ['a root of version 1 is trusted by key and name (RFC 5280 §6.1.1 (d))', /invalid CA/],
  ['an intermediate without key usage', /key usage/],
  ['basic constraints that are not critical', /critical/],
  ['an empty subject is in no directory', /not critical/],
  ['self-signed with cA set (what `openssl req -x509` makes) and trusted as it is', /./],
  // RFC 5280 §4.1.2.5: the last second belongs to the validity
  ['the last second belongs to it (RFC 5280 §4.1.2.5)', /expired/],
  // The name that is dialled is another spelling of the address
  ['IPv4 dialled as ::ffff:192.0.2.7', /mismatch/],
])

const good = CASES.filter(
  one => one.expect === null && one.build().allow === undefined && one.build().extra === undefined,
)

test('OpenSSL calls good what we call good', async t => {
  t.true(good.length > 80)
  const queue = [...good]
  const work = async () => {
    for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
      const reason = await opensslVerdict(one.build())
      if (reason !== '') t.regex(reason, DISAGREES.get(one.title) ?? /^$/, one.title)
    }
  }
  await Promise.all([work(), work()])
})
