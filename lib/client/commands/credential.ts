import { timingSafeEqual } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Identity } from '../../cluster/identities.ts'
import { ErrorReply } from '../../resp/encode.ts'
import { type Account, digestOf } from '../access/account.ts'
import { DEFAULT_USER } from '../access/accounts.ts'
import type { Session } from '../session.ts'
import type { LocalCall, LocalServices } from './local.ts'
import { NO_PASSWORD_SET, WRONG_PASSWORD } from './refusal.ts'

/** Undefined when the client is now who it wanted to be; else why not. */
export type Outcome = ErrorReply | undefined

/** What decides who a client is. */
type Gate = Pick<LocalServices, 'accounts' | 'password'>
type Identities = Pick<LocalServices, 'identities'>

/** Makes a client another user. */
function become(
  session: Session,
  { identities }: Identities,
  user: string,
  who: { account?: Account | undefined; identity?: Identity; authenticated?: boolean }
): void {
  leave(session, identities)
  session.become(user, who.authenticated ?? true, who.account, who.identity)
}

/** The client is no user of the cluster any more. */
export function leave(session: Session, identities: Identities['identities']): void {
  const { identity } = session
  session.identity = undefined
  if (identity !== undefined) identities.release(identity)
}

/** Makes a client who it is before it has authenticated: nobody, where that is asked for. */
export function enter(session: Session, services: Gate & Identities): void {
  const account = services.accounts?.unasked
  become(session, services, DEFAULT_USER, { account, authenticated: isOpen(services) })
}

/** Whether clients need not authenticate: then a password alone cannot be right. */
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

function tryOut(
  call: LocalCall,
  user: Buffer | undefined,
  password: Buffer
): Outcome | Promise<Outcome> {
  const { services, client } = call
  const name = user?.toString() ?? DEFAULT_USER
  if (isForCluster(services, name)) return tryOnCluster(call, user, password)
  if (user === undefined && isOpen(services)) return NO_PASSWORD_SET
  if (entered(call, name, password)) return undefined
  if (services.accounts !== undefined) services.denials.note(client, 'auth', call.args[0]!, name)
  return refused(call, WRONG_PASSWORD)
}

/** The password was wrong: the client is told when all threads know, so that it cannot be faster in another one. */
function refused({ services, client }: LocalCall, error: ErrorReply): Outcome | Promise<Outcome> {
  if (services.authFailureDelay === 0) return error
  return services.attempts.failed(client.remoteAddress)?.then(() => error) ?? error
}

/**
 * Whether the cluster is asked about a user. Where the proxy itself keeps clients out it must be told to; and it never lets them in as `default`, who may have no
 * password there.
 */
function isForCluster(services: LocalServices, name: string): boolean {
  const { accounts, password, forwardAuth } = services
  if (accounts === undefined && password === undefined) return forwardAuth ?? true
  return forwardAuth === true && name !== DEFAULT_USER && accounts?.find(name) === undefined
}

async function tryOnCluster(
  call: LocalCall,
  user: Buffer | undefined,
  password: Buffer
): Promise<Outcome> {
  const { services, session, client } = call
  const trial = await services.tryOnCluster(user, password)
  if (trial.error !== undefined) {
    const error = new ErrorReply(trial.error)
    return trial.error.startsWith('WRONGPASS') ? refused(call, error) : error
  }
  // Who is gone would never let go of what it gets now.
  if (client.gone) return undefined
  // Where the proxy keeps clients out, its own user on the cluster is like any other there, and no way around its users here.
  const own = trial.own && isOpen(services)
  const identity = own ? undefined : services.identities.acquire(trial.user, password)
  if (identity !== undefined) services.hubs.renew(identity)
  become(session, services, trial.user, identity === undefined ? {} : { identity })
  return undefined
}

function entered({ services, session }: LocalCall, name: string, password: Buffer): boolean {
  const { accounts, password: expected } = services
  if (accounts !== undefined) {
    const account = accounts.authenticate(name, password)
    if (account !== undefined) become(session, services, name, { account })
    return account !== undefined
  }
  const right = expected === undefined || timingSafeEqual(digestOf(password), digestOf(expected))
  if (name !== DEFAULT_USER || !right) return false
  become(session, services, name, {})
  return true
}
