/**
 * Sequences in which the client becomes another user. It stays that user.
 *
 * @module
 */

import { ABORTED, bulk, NOT_IN_MULTI, noArray, OK, QUEUED } from './frames.ts'
import { type Kind, together } from './kind.ts'
import { forgets } from './modes.ts'
import type { Situation } from './situation.ts'
import { type Step, step } from './step.ts'
import { keyPrefix, passwordOf, USERS, type User } from './users.ts'

const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'

function becomes(client: Situation): Step[] {
  const user = client.chance.pick(USERS)
  client.user = user
  const is = step(['ACL', 'WHOAMI'], bulk(user))
  const auth = ['AUTH', user, passwordOf(user)]
  if (client.chance.below(2) === 0) return [step(auth, OK), is]
  const version = client.chance.below(2) === 0 ? 2 : 3
  const known = version === client.version ? undefined : forgets(client)
  client.version = version
  const hello = step(['HELLO', version, ...auth], new RegExp(`proto\r\n:${version}\r\n`), known)
  return client.confined ? [hello] : [hello, is]
}

function writes(client: Situation): Step[] {
  const key = client.key()
  return [client.set(key, client.value()), ...client.get(key)]
}

const another: Kind = (client) => {
  const before = writes(client)
  const becoming = becomes(client)
  return together(...before, ...becoming, ...(client.confined ? [] : writes(client)))
}

/** What was watched as the one is lost as the other. */
const watched: Kind = (client) => {
  const { user } = client
  const next = client.chance.pick(USERS.filter((each) => each !== user))
  // Of one slot, as all keys of a transaction.
  const keyOf = (each: User): string => `${keyPrefix(each)}{${client.name} watched}`
  const watch = step(['WATCH', keyOf(user)], OK)
  client.user = next
  return together(
    watch,
    step(['AUTH', next, passwordOf(next)], OK),
    step(['MULTI'], OK),
    step(['SET', keyOf(next), 'never'], QUEUED),
    step(['EXEC'], noArray(client.version))
  )
}

const inMulti: Kind = (client) =>
  together(
    step(['MULTI'], OK),
    step(['SET', client.key(), 'never'], QUEUED),
    step(['AUTH', 'alice', passwordOf('alice')], NOT_IN_MULTI),
    step(['EXEC'], ABORTED),
    step(['ACL', 'WHOAMI'], bulk(client.user))
  )

const rejected: Kind = (client) =>
  together(
    ...writes(client),
    step(['AUTH', client.chance.pick(['alice', 'nobody']), 'wrong'], WRONG),
    step(['ACL', 'WHOAMI'], bulk(client.user)),
    ...writes(client)
  )

export const IDENTITIES: readonly Kind[] = [another, another, another, watched, inMulti, rejected]
