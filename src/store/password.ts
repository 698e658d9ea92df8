import { argon2, argon2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** OWASP's floor for argon2id: 19 MiB, two passes, one lane; about 30 ms. */
const MEMORY_KIB = 19_456
const PASSES = 2
const LANES = 1
const TAG_BYTES = 32
const SALT_BYTES = 16
/** Longer ones are refused before any hashing. */
export const MAX_PASSWORD = 256

const derive = promisify(argon2)

/** PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(SALT_BYTES)
  return phc(nonce, await derive('argon2id', parameters(password, nonce)))
}

/** Blocks for the time of one hash; for the first start only. */
export function hashPasswordSync(password: string): string {
  const nonce = randomBytes(SALT_BYTES)
  return phc(nonce, argon2Sync('argon2id', parameters(password, nonce)))
}

/** Takes the same time whether the user exists (`hash`) or not (null). */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  const parts = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(hash ?? '')
  const nonce = parts === null ? Buffer.alloc(SALT_BYTES) : Buffer.from(parts[1]!, 'base64')
  const expected = parts === null ? Buffer.alloc(TAG_BYTES) : Buffer.from(parts[2]!, 'base64')
  const tag = await derive('argon2id', parameters(password, nonce))
  return tag.length === expected.length && timingSafeEqual(tag, expected) && parts !== null
}

function parameters(password: string, nonce: Buffer) {
  // NFC: the same password typed on another system may be composed differently.
  const message = Buffer.from(password.normalize('NFC'))
  return { message, nonce, parallelism: LANES, tagLength: TAG_BYTES, memory: MEMORY_KIB, passes: PASSES }
}

function phc(nonce: Buffer, tag: Buffer): string {
  const b64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${b64(nonce)}$${b64(tag)}`
}
