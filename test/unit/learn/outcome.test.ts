import test from 'ava'
import fc from 'fast-check'
import { type HandshakeEnd, outcomeOf } from '../../../src/learn/outcome.ts'

const end = (more: Partial<HandshakeEnd>): HandshakeEnd => ({
  alert: -1,
  certificateSent: true,
  resumed: false,
  complete: false,
  appBytes: 0,
  handshakeMs: 20,
  closedAfterMs: -1,
  byUs: false,
  malformed: false,
  ...more,
})
const finished = (more: Partial<HandshakeEnd>) => end({ complete: true, ...more })

const TABLE: [string, HandshakeEnd, string][] = [
  // RFC 8446 §6.2: what clients say about a certificate
  ['curl, OpenSSL: unknown_ca', end({ alert: 48 }), 'unknown-ca'],
  ['Go, Firefox: bad_certificate', end({ alert: 42 }), 'bad-certificate'],
  ['unsupported_certificate', end({ alert: 43 }), 'bad-certificate'],
  ['certificate_revoked', end({ alert: 44 }), 'bad-certificate'],
  ['certificate_expired', end({ alert: 45 }), 'bad-certificate'],
  ['Chrome, Java, Android: certificate_unknown', end({ alert: 46 }), 'bad-certificate'],
  ['the same after Finished (TLS 1.3 clients may)', finished({ alert: 48, closedAfterMs: 1 }), 'unknown-ca'],
  // what is no verdict
  ['illegal_parameter', end({ alert: 47 }), 'other'],
  ['handshake_failure', end({ alert: 40 }), 'other'],
  ['decode_error', end({ alert: 50, malformed: true }), 'other'],
  ['decrypt_error', end({ alert: 51 }), 'other'],
  ['internal_error', end({ alert: 80 }), 'other'],
  ['user_canceled', end({ alert: 90 }), 'other'],
  ['no_application_protocol', end({ alert: 120 }), 'other'],
  ['garbage after the certificate', end({ malformed: true }), 'other'],
  ['our own time limit', end({ byUs: true }), 'other'],
  ['drained before a request', finished({ byUs: true, closedAfterMs: 3 }), 'other'],
  // ECH
  ['ech_required', end({ alert: 121 }), 'ech-retry'],
  ['ech_required after Finished', finished({ alert: 121, closedAfterMs: 0 }), 'ech-retry'],
  // silence
  ['gone before our certificate', end({ certificateSent: false }), 'other'],
  ['gone after our certificate', end({}), 'closed-after-certificate'],
  ['close_notify after our certificate', end({ alert: 0 }), 'closed-after-certificate'],
  ['OkHttp: finished, nothing sent, closed', finished({ closedAfterMs: 5 }), 'closed-after-handshake'],
  ['at the edge of ten handshakes', finished({ closedAfterMs: 200 }), 'closed-after-handshake'],
  ['beyond it: a connection made in advance', finished({ closedAfterMs: 201 }), 'other'],
  ['100 ms at least, on a LAN', finished({ handshakeMs: 1, closedAfterMs: 99 }), 'closed-after-handshake'],
  ['a slow link has time', finished({ handshakeMs: 600, closedAfterMs: 5000 }), 'closed-after-handshake'],
  ['but not for ever', finished({ handshakeMs: 2000, closedAfterMs: 5001 }), 'other'],
  ['finished, and still open', finished({}), 'other'],
  // trust
  ['sent a request', finished({ appBytes: 1 }), 'trusted'],
  ['sent a request, closed at once', finished({ appBytes: 90, closedAfterMs: 1 }), 'trusted'],
  ['sent a request, then an odd alert', finished({ appBytes: 90, alert: 42 }), 'trusted'],
  ['resumed, idle', finished({ resumed: true, certificateSent: false, closedAfterMs: 9000 }), 'trusted'],
  ['resumed, open', finished({ resumed: true, certificateSent: false }), 'trusted'],
  ['resumed, closed at once', finished({ resumed: true, certificateSent: false, closedAfterMs: 2 }), 'other'],
]

for (const [title, facts, expected] of TABLE) test(title, t => t.is(outcomeOf(facts), expected as never))

test('alert 121 is never a failure, and what we ended ourselves without an alert never concludes anything', t => {
  const facts = fc.record({
    alert: fc.integer({ min: -1, max: 255 }),
    certificateSent: fc.boolean(),
    resumed: fc.boolean(),
    complete: fc.boolean(),
    appBytes: fc.nat(10),
    handshakeMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
    closedAfterMs: fc.double({ min: -1, max: 1e5, noNaN: true }),
    byUs: fc.boolean(),
    malformed: fc.boolean(),
  })
  fc.assert(
    fc.property(facts, one => {
      t.is(outcomeOf({ ...one, alert: 121 }), 'ech-retry')
      t.true(['trusted', 'other'].includes(outcomeOf({ ...one, alert: -1, byUs: true })))
      if (!one.complete && !one.certificateSent && one.alert < 1) {
        t.true(['trusted', 'other'].includes(outcomeOf({ ...one, closedAfterMs: 0 })))
      }
    }),
  )
})
