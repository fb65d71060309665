/**
 * Sequences with `CLIENT TRACKING`, which outlives them.
 *
 * @module
 */

import { ANY_TEXT, array, bulk, noArray, OK, QUEUED } from './frames.ts'
import { type Kind, together } from './kind.ts'
import { NO_COMPANION, type Situation, type TrackingChoice } from './situation.ts'
import { step } from './step.ts'
import { keyPrefix, USERS } from './users.ts'

/** Keys of each user that all clients read. */
const SHARED = 5
const MODES = ['default', 'optin', 'optout', 'bcast', 'bcast'] as const

function chosen(client: Situation): TrackingChoice {
  const { chance } = client
  const mode = client.tracking?.mode ?? chance.pick(MODES)
  const own = USERS.map((user) => `${keyPrefix(user)}${client.name} key `)
  if (chance.below(2) === 0) own.push(...USERS.map((user) => `${keyPrefix(user)}shared `))
  return {
    mode,
    noLoop: chance.below(3) === 0,
    redirected: client.companion !== NO_COMPANION && (client.version === 2 || chance.happens(50)),
    prefixes: mode === 'bcast' ? (client.tracking?.prefixes ?? own) : undefined,
  }
}

function wordsOf(client: Situation, choice: TrackingChoice): (string | number)[] {
  const { mode, noLoop, redirected, prefixes } = choice
  const isNew = client.tracking === undefined
  return [
    ...['CLIENT', 'TRACKING', 'ON'],
    ...(redirected ? ['REDIRECT', client.companion] : []),
    ...(mode === 'default' ? [] : [mode.toUpperCase()]),
    ...(isNew ? (prefixes ?? []) : []).flatMap((prefix) => ['PREFIX', prefix]),
    ...(noLoop ? ['NOLOOP'] : []),
  ]
}

const begun: Kind = (client) => {
  if (client.tracking !== undefined) return []
  const choice = chosen(client)
  const command = wordsOf(client, choice)
  client.tracking = choice
  return together(step(command, OK, ({ cache }) => cache.begin(choice.prefixes)))
}

const ended: Kind = (client) => {
  client.tracking = undefined
  return together(
    step(['CLIENT', 'TRACKING', 'OFF'], OK, ({ cache }) => cache.end()),
    step(['CLIENT', 'GETREDIR'], ':-1\r\n')
  )
}

/** It reads, and another client writes. */
const invalidated: Kind = (client) => {
  const keys = [...new Set([client.key(), client.key()])]
  const reads = keys.flatMap((key) => client.get(key))
  return [
    { steps: reads, last: true },
    { steps: [], deeds: keys.map((key) => client.rewritten(key)), last: true },
  ]
}

/** Keys that others read and have changed too: each is told of what it read itself. */
const shared: Kind = (client) => {
  const { chance } = client
  const keys = [1, 2, 3].map(() => `${keyPrefix(client.user)}shared ${chance.below(SHARED)}`)
  const reads = keys.map((key) => step(['GET', key], ANY_TEXT, client.read(key)))
  const deeds = chance.below(2) === 0 ? [client.rewritten(keys[0]!)] : []
  return [
    { steps: reads, last: true },
    { steps: [], deeds },
  ]
}

/** It reads and writes itself, all in one write. */
const changed: Kind = (client) => {
  const key = client.key()
  return together(
    ...client.get(key),
    client.set(key, client.value()),
    ...client.get(key),
    client.set(key, client.value())
  )
}

/** Over several slots. */
const gathered: Kind = (client) => {
  const keys = [...new Set([client.key(), client.key(), client.key()])]
  const before = keys.flatMap((key) => client.get(key))
  const values = keys.map((key) => bulk(client.valueOf(key)!))
  const reads = keys.map((key) => client.read(key))
  return together(
    ...before,
    step(['MGET', ...keys], array(...values), (hearing) => {
      for (const read of reads) read?.(hearing)
    })
  )
}

/** `CLIENT CACHING` is about the next command, and about a whole transaction. */
const cached: Kind = (client) => {
  const mode = client.tracking?.mode
  if (mode !== 'optin' && mode !== 'optout') return []
  const key = client.key()
  const caching = step(['CLIENT', 'CACHING', mode === 'optin' ? 'YES' : 'NO'], OK)
  const [before, read] = [client.get(key), client.get(key, true)]
  if (client.chance.below(2) === 0) return together(...before, caching, ...read)
  return together(
    ...before,
    caching,
    step(['MULTI'], OK),
    step(['GET', key], QUEUED),
    step(['EXEC'], array(bulk(client.valueOf(key)!)), read.at(-1)!.effect)
  )
}

/** What is watched for a transaction, and what is tracked, are two things. */
const watched: Kind = (client) => {
  const key = client.key()
  const reads = client.get(key)
  return [
    { steps: [step(['WATCH', key], OK), ...reads], last: true },
    { steps: [], deeds: [client.rewritten(key)], last: true },
    {
      steps: [
        step(['MULTI'], OK),
        step(['SET', key, 'never'], QUEUED),
        step(['EXEC'], noArray(client.version)),
      ],
    },
  ]
}

export const CACHING: readonly Kind[] = [
  begun,
  begun,
  ended,
  invalidated,
  invalidated,
  shared,
  shared,
  changed,
  gathered,
  cached,
  watched,
]
