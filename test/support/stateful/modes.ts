/**
 * Sequences that change how a connection is spoken to, and what leaves every state.
 *
 * @module
 */

import { ABORTED, bulk, noText, OK, QUEUED } from './frames.ts'
import { type Kind, together } from './kind.ts'
import type { Situation } from './situation.ts'
import { type Hearing, type Phase, type Step, silent, step } from './step.ts'

const skipped: Kind = (client) => {
  const key = client.key()
  const value = client.value()
  client.note(key, value)
  return together(
    silent(['CLIENT', 'REPLY', 'SKIP']),
    silent(['SET', key, value], client.wrote(key)),
    ...client.get(key)
  )
}

const silenced: Kind = (client) => {
  const key = client.key()
  const value = client.value()
  client.note(key, value)
  return together(
    silent(['CLIENT', 'REPLY', 'OFF']),
    silent(['SET', key, value], client.wrote(key)),
    silent(['MULTI']),
    silent(['GET', key]),
    silent(['EXEC'], ({ cache }) => cache.asked(key)),
    step(['CLIENT', 'REPLY', 'ON'], OK)
  )
}

/** What a client of another version knew it may not be told of any more, unless another client is. */
export function forgets(client: Situation): ((hearing: Hearing) => void) | undefined {
  return client.isToldElsewhere ? undefined : ({ cache }) => cache.forget()
}

const switched: Kind = (client) => {
  const version = client.chance.below(2) === 0 ? 2 : 3
  const reply = new RegExp(`proto\r\n:${version}\r\n\\$2\r\nid\r\n:${client.id}\r\n`)
  const known = version === client.version ? undefined : forgets(client)
  client.version = version
  return together(step(['HELLO', version], reply, known))
}

const misplaced: Kind = () =>
  together(
    step(['SELECT', '0'], OK),
    step(['SELECT', '1'], '-ERR SELECT is not allowed in cluster mode\r\n'),
    step(['HELLO', '4'], '-NOPROTO unsupported protocol version\r\n')
  )

const named: Kind = (client) => {
  client.label = client.value().replace(' ', '-')
  return together(
    step(['CLIENT', 'SETNAME', client.label], OK),
    step(['CLIENT', 'GETNAME'], bulk(client.label))
  )
}

const fromReplicas: Kind = (client) =>
  together(
    step(['READONLY'], OK),
    ...client.get(client.key()),
    client.set(client.key(), client.value()),
    ...client.get(client.key()),
    step(['READWRITE'], OK)
  )

/** Keeps all clients waiting for a moment. */
const paused: Kind = (client) => {
  const { chance } = client
  if (client.user !== 'default' || !chance.happens(20)) return []
  const key = client.key()
  return together(
    step(['CLIENT', 'PAUSE', 1 + chance.below(3), chance.pick(['ALL', 'WRITE'])], OK),
    ...client.get(key),
    client.set(key, client.value()),
    ...client.get(key)
  )
}

/** From now on it has connections of its own. */
const alone: Kind = (client) => {
  if (client.user !== 'default' || !client.chance.happens(20)) return []
  const key = client.key()
  return together(
    client.set(key, client.value()),
    step(['PROXY', 'MULTIPLEXING', 'OFF'], OK),
    ...client.get(key)
  )
}

/** MONITOR ends with RESET. What is shown must be commands, and nothing else. */
const monitored: Kind = (client) => {
  if (client.user !== 'default') return []
  const begins = step(['MONITOR'], OK, (hearing) => {
    hearing.monitoring = true
  })
  return [
    { steps: [begins, step(['ECHO', client.name], bulk(client.name))], last: true },
    ...leave(client),
  ]
}

/** Nothing is left of what was. */
function leave(client: Situation): Phase[] {
  client.reset()
  return [
    {
      steps: [
        step(['RESET'], '+RESET\r\n'),
        step(['ACL', 'WHOAMI'], bulk('default')),
        step(['CLIENT', 'GETNAME'], noText(2)),
        step(['CLIENT', 'GETREDIR'], ':-1\r\n'),
        step(['EXEC'], '-ERR EXEC without MULTI\r\n'),
        ...client.get(client.key()),
      ],
    },
  ]
}

/** Out of WATCH, MULTI, silence, or whatever state the client is in. */
export const reset: Kind = (client) => {
  const before = client.confined ? [] : midway(client)
  return [{ steps: before }, ...leave(client)]
}

function midway(client: Situation): Step[] {
  const key = client.key()
  const watch = step(['WATCH', key], OK)
  const multi = [step(['MULTI'], OK), step(['DEL', key], QUEUED)]
  const flaw = step(['GET'], "-ERR wrong number of arguments for 'get' command\r\n")
  return client.chance.pick([
    [],
    [watch],
    multi,
    [watch, ...multi],
    [...multi, flaw],
    [...multi, flaw, step(['EXEC'], ABORTED)],
    [silent(['CLIENT', 'REPLY', 'OFF'])],
    [silent(['CLIENT', 'REPLY', 'OFF']), silent(['WATCH', key]), silent(['MULTI'])],
    [silent(['CLIENT', 'REPLY', 'SKIP']), silent(['WATCH', key]), ...multi],
  ])
}

export const MODES: readonly Kind[] = [
  skipped,
  silenced,
  switched,
  switched,
  misplaced,
  named,
  fromReplicas,
  paused,
  alone,
  reset,
  monitored,
]
