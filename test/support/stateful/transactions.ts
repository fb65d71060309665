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
  const watch = step(['WATCH', key], OK)
  if (!client.moving) return together(watch, ...executed(client, key))
  // With its slot moved it counts as changed.
  const exec = step(['EXEC'], /^(?:\*-1|_|\*1\r\n\+OK)\r\n$/, client.wrote(key))
  const perhaps = [MULTI, step(['SET', key, 'perhaps'], QUEUED), exec]
  return together(watch, ...perhaps, client.set(key, client.value()), ...client.get(key))
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

/** It begins behind what is in flight, and ends before what comes behind. */
const between: Kind = (client) => {
  const key = client.key()
  const before = [client.set(key, client.value()), client.set(key, client.value())]
  const seen = bulk(client.valueOf(key)!)
  const value = client.value()
  client.note(key, value)
  const [read, wrote] = [client.read(key), client.wrote(key)]
  const { isToldElsewhere } = client
  const exec = step(['EXEC'], array(seen, OK), (hearing) => {
    // What is told over another connection may come before this reply, and then does not come behind it.
    if (isToldElsewhere) hearing.cache.asked(key)
    else {
      read?.(hearing)
      wrote(hearing)
    }
  })
  const inside = [MULTI, step(['GET', key], QUEUED), step(['SET', key, value], QUEUED), exec]
  return together(...before, ...inside, ...client.get(key), client.set(key, client.value()))
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
  between,
  stray,
  empty,
]
