import { createHash, timingSafeEqual } from 'node:crypto'
import type { LocalCall } from './local.ts'

/** The one user whom the proxy knows. */
export const DEFAULT_USER = 'default'

/**
 * Checks a user and a password, and makes the client that user when they are right; a client that fails stays who it
 * was. Takes as long for a wrong password as for a right one.
 */
export function authenticate(call: LocalCall, user: Uint8Array, password: Uint8Array): boolean {
  const expected = call.services.password
  const known = Buffer.from(user).toString('latin1') === DEFAULT_USER
  const right = expected === undefined || timingSafeEqual(digest(password), digest(expected))
  if (!known || !right) return false
  call.session.authenticated = true
  call.session.user = DEFAULT_USER
  return true
}

/** Digests have one length, as the comparison needs. */
function digest(secret: string | Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest()
}
