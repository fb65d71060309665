/**
 * Sequences with MULTI and WATCH.
 *
 * @module
 */

import { ABORTED, array, bulk, NOT_IN_MULTI, noArray, OK, QUEUED } from './frames.ts'
import { type Kind, together } from './kind.ts'
import type { Situation } from './situation.ts'
import { type Step, step } from './step.ts'

const MULTI = step(['MULTI'], OK)

function executed(client: Situation, key: string): Step[] {
  const value = client.value()
  client.note(key, value)
  const [wrote, read] = [client.wrote(key), client.read(key)]
  return [
    MULTI,
    step(['SET', key, value], QUEUED),
    step(['ECHO', value], QUEUED),
    step(['GET', key], QUEUED),
    step(['EXEC'], array(OK, bulk(value), bulk(value)), (hearing) => {
      wrote(hearing)
      read?.(hearing)
    }),
  ]
}

const plain: Kind = (client) => together(...executed(client, client.key()))

const watched: Kind = (client) => {
  const key = client.key()
  return together(step(['WATCH', key], OK), ...executed(client, key))
}

const lost: Kind = (client) => {
  const key = client.key()
  return together(
    step(['WATCH', key], OK),
    client.set(key, client.value()),
    MULTI,
    step(['SET', key, 'never'], QUEUED),
    step(['EXEC'], noArray(client.version))
  )
}

const lostToOthers: Kind = (client) => {
  const key = client.key()
  return [
    { steps: [step(['WATCH', key], OK)], last: true },
    { steps: [], deeds: [client.rewritten(key)], last: true },
    {
      steps: [MULTI, step(['SET', key, 'never'], QUEUED), step(['EXEC'], noArray(client.version))],
    },
  ]
}

const unwatched: Kind = (client) => {
  const key = client.key()
  return together(
    step(['WATCH', key], OK),
    step(['UNWATCH'], OK),
    client.set(key, client.value()),
    ...executed(client, key)
  )
}

const discarded: Kind = (client) =>
  together(MULTI, step(['SET', client.key(), 'never'], QUEUED), step(['DISCARD'], OK))

const flawed: Kind = (client) =>
  together(
    MULTI,
    step(['SET', client.key(), 'never'], QUEUED),
    step(['GET'], "-ERR wrong number of arguments for 'get' command\r\n"),
    step(['EXEC'], ABORTED)
  )

/** What changes the connection is refused. */
const meddled: Kind = (client) =>
  together(
    MULTI,
    step(['SET', client.key(), 'never'], QUEUED),
    step(
      client.chance.pick([
        ['SUBSCRIBE', 'never'],
        ['SSUBSCRIBE', 'never'],
        ['UNSUBSCRIBE'],
        ['HELLO', '2'],
        ['HELLO', '3'],
        ['CLIENT', 'REPLY', 'OFF'],
        ['CLIENT', 'TRACKING', 'OFF'],
      ]),
      NOT_IN_MULTI
    ),
    step(['EXEC'], ABORTED)
  )

/** What the proxy answers itself is answered at its place. */
const local: Kind = (client) => {
  const key = client.key()
  const before = client.get(key)
  return together(
    ...before,
    MULTI,
    step(['CLIENT', 'ID'], QUEUED),
    step(['GET', key], QUEUED),
    step(['ACL', 'WHOAMI'], QUEUED),
    step(
      ['EXEC'],
      array(`:${client.id}\r\n`, bulk(client.valueOf(key)!), bulk(client.user)),
      client.read(key)
    )
  )
}

const stray: Kind = () =>
  together(
    step(['EXEC'], '-ERR EXEC without MULTI\r\n'),
    step(['DISCARD'], '-ERR DISCARD without MULTI\r\n')
  )

const empty: Kind = () => together(MULTI, step(['EXEC'], array()))

export const TRANSACTIONS: readonly Kind[] = [
  plain,
  watched,
  lost,
  lostToOthers,
  unwatched,
  discarded,
  flawed,
  meddled,
  local,
  stray,
  empty,
]
