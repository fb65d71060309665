import { timingSafeEqual } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { ErrorReply } from '../../resp/encode.ts'
import { digestOf } from '../access/account.ts'
import { DEFAULT_USER } from '../access/accounts.ts'
import type { Session } from '../session.ts'
import type { LocalCall, LocalServices } from './local.ts'
import { NO_PASSWORD_SET, WRONG_PASSWORD } from './refusal.ts'

/** Undefined when the client is now who it wanted to be; else why not. */
export type Outcome = ErrorReply | undefined

/** What decides who a client is. */
type Gate = Pick<LocalServices, 'accounts' | 'password'>

/** Makes a client who it is before it has authenticated: nobody, where that is asked for. */
export function enter(session: Session, { accounts, password }: Gate): void {
  if (accounts === undefined) session.become(DEFAULT_USER, password === undefined, undefined)
  else session.become(DEFAULT_USER, accounts.unasked !== undefined, accounts.unasked)
}

/** Whether a password alone cannot be right, since the user `default` has none. */
export function isOpen({ accounts, password }: Gate): boolean {
  return accounts === undefined ? password === undefined : accounts.unasked !== undefined
}

/**
 * Checks a user and a password, and makes the client that user when they are right; a client that fails stays who it was. A user of undefined stands
 * for a password alone. After failures from the same address it takes its time.
 */
export function authenticate(
  call: LocalCall,
  user: Buffer | undefined,
  password: Buffer
): Outcome | Promise<Outcome> {
  const { attempts, authFailureDelay } = call.services
  const wait = attempts.delay(call.client.remoteAddress, authFailureDelay)
  return wait === 0 ? tryOut(call, user, password) : late(wait, call, user, password)
}

async function late(
  wait: number,
  call: LocalCall,
  user: Buffer | undefined,
  password: Buffer
): Promise<Outcome> {
  await delay(wait, undefined, { ref: false })
  return tryOut(call, user, password)
}

function tryOut(call: LocalCall, user: Buffer | undefined, password: Buffer): Outcome {
  const { services, session, client } = call
  if (user === undefined && isOpen(services)) return NO_PASSWORD_SET
  const name = user?.toString() ?? DEFAULT_USER
  if (entered(session, services, name, password)) return undefined
  services.attempts.failed(client.remoteAddress)
  return WRONG_PASSWORD
}

function entered(
  session: Session,
  { accounts, password: expected }: Gate,
  name: string,
  password: Buffer
): boolean {
  if (accounts !== undefined) {
    const account = accounts.authenticate(name, password)
    if (account !== undefined) session.become(name, true, account)
    return account !== undefined
  }
  const given = digestOf(password)
  const right = expected === undefined || timingSafeEqual(given, digestOf(expected))
  if (name !== DEFAULT_USER || !right) return false
  session.become(name, true, undefined)
  return true
}
