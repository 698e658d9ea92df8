import type { HelloFault } from './clienthello.ts'

/** RFC 8446 §6. */
const UNEXPECTED_MESSAGE = 10
const RECORD_OVERFLOW = 22
const ILLEGAL_PARAMETER = 47
const DECODE_ERROR = 50
const PROTOCOL_VERSION = 70

/** The alert that says best what is wrong with the hello. */
export const HELLO_ALERTS: Readonly<Record<HelloFault, number>> = {
  sslv2: PROTOCOL_VERSION,
  'record-type': UNEXPECTED_MESSAGE,
  'record-version': PROTOCOL_VERSION,
  'record-length': RECORD_OVERFLOW,
  'not-client-hello': UNEXPECTED_MESSAGE,
  'too-large': ILLEGAL_PARAMETER,
  'trailing-bytes': UNEXPECTED_MESSAGE,
  'truncated-field': DECODE_ERROR,
  'bad-length': DECODE_ERROR,
  'duplicate-extension': ILLEGAL_PARAMETER,
  // RFC 6066 §3: a second name of the same type is forbidden
  'several-names': ILLEGAL_PARAMETER,
  'bad-server-name': DECODE_ERROR,
  'bad-alpn': DECODE_ERROR,
}
