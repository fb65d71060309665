/**
 * Sequences that subscribe, publish and unsubscribe. Subscriptions outlive their sequence.
 *
 * @module
 */

import { ANY_NUMBER, array, bulk, confirmation, OK, QUEUED } from './frames.ts'
import { type Kind, together } from './kind.ts'
import type { Situation } from './situation.ts'
import { type Phase, type Step, step } from './step.ts'

type Family = 'channels' | 'patterns' | 'shards'

const PREFIX: Readonly<Record<Family, string>> = { channels: '', patterns: 'p', shards: 's' }
/** Topics that all clients share. */
const CHANNELS = ['news 0', 'news 1', 'news 2', 'mews 0', 'mews 1', 'mews 2', 'quiet']
const PATTERNS = ['news *', '?ews 1', 'quie?', 'n*1']
const SHARDS = ['shard 0', 'shard 1', 'shard 2', 'shard 3']

function topicOf(client: Situation, family: Family): string {
  const { chance } = client
  if (family === 'patterns') return chance.pick([...PATTERNS, `own ${client.name} *`])
  if (family === 'shards') return chance.pick([...SHARDS, `own ${client.name} shard`])
  return chance.pick([...CHANNELS, channelOf(client)])
}

/** A channel of its own. */
function channelOf({ name }: Situation): string {
  return `own ${name} channel`
}

function countOf(client: Situation, family: Family): number {
  return family === 'shards' ? client.shards.size : client.channels.size + client.patterns.size
}

function subscribe(client: Situation, family: Family, names: readonly string[]): Step {
  const word = `${PREFIX[family]}subscribe`
  const replies = names.map((name) => {
    client[family].add(name)
    return confirmation(client.version, word, name, countOf(client, family))
  })
  return { command: [word.toUpperCase(), ...names], replies }
}

function unsubscribe(client: Situation, family: Family, names: readonly string[]): Step {
  const word = `${PREFIX[family]}unsubscribe`
  const given = names.length > 0 ? names : [...client[family]]
  const replies = given.map((name) => {
    client[family].delete(name)
    return confirmation(client.version, word, name, countOf(client, family))
  })
  const none = confirmation(client.version, word, null, countOf(client, family))
  return {
    command: [word.toUpperCase(), ...names],
    replies: replies.length > 0 ? replies : [none],
  }
}

function familyOf({ chance }: Situation): Family {
  return chance.pick(['channels', 'patterns', 'shards'])
}

const subscribed: Kind = (client) => {
  const family = familyOf(client)
  const names = [topicOf(client, family)]
  // Shard channels of one command belong to one slot.
  while (family !== 'shards' && client.chance.below(3) === 0) names.push(topicOf(client, family))
  return together(subscribe(client, family, names))
}

const left: Kind = (client) => {
  const family = familyOf(client)
  if (client.chance.below(2) === 0) return together(unsubscribe(client, family, []))
  return together(unsubscribe(client, family, [topicOf(client, family)]))
}

const leftAll: Kind = (client) =>
  together(
    unsubscribe(client, 'channels', []),
    unsubscribe(client, 'patterns', []),
    unsubscribe(client, 'shards', [])
  )

function publish(client: Situation, channel: string): Step {
  const text = client.text(client.name, channel)
  return step(['PUBLISH', channel, text], ANY_NUMBER, client.published(channel, text))
}

function publishToShard(client: Situation, channel: string): Step {
  const text = client.text(client.name, channel)
  return step(['SPUBLISH', channel, text], ANY_NUMBER, client.publishedToShard(channel, text))
}

function ownOrShared(client: Situation): string {
  return client.chance.below(2) === 0 ? channelOf(client) : client.chance.pick(CHANNELS)
}

/** Whoever subscribes and unsubscribes with what is published to that in between. What it published itself must have come before it leaves. */
const published: Kind = (client) => {
  const channel = ownOrShared(client)
  const messages = Array.from(
    { length: 1 + client.chance.below(3) },
    () => () => publish(client, channel)
  )
  const before = client.version === 3 ? [subscribe(client, 'channels', [channel])] : []
  return [{ steps: [...before, ...messages.map((make) => make())], last: true }]
}

const publishedToShard: Kind = (client) => {
  const channel = topicOf(client, 'shards')
  const before = client.version === 3 ? [subscribe(client, 'shards', [channel])] : []
  return [{ steps: [...before, publishToShard(client, channel)], last: true }]
}

/** What others publish comes in either version. */
function heard(client: Situation, family: 'channels' | 'shards'): readonly Phase[] {
  const shard = family === 'shards'
  const channel = shard ? topicOf(client, family) : ownOrShared(client)
  const before = subscribe(client, family, [channel])
  const publisher = `${client.name} by ${client.user}`
  const deeds = Array.from({ length: 1 + client.chance.below(2) }, () => {
    const text = client.text(publisher, channel)
    return {
      by: client.user,
      command: [shard ? 'SPUBLISH' : 'PUBLISH', channel, text],
      reply: ANY_NUMBER,
      effect: shard ? client.publishedToShard(channel, text) : client.published(channel, text),
    }
  })
  const after = client.chance.below(2) === 0 ? [unsubscribe(client, family, [channel])] : []
  return [{ steps: [before], last: true }, { steps: [], deeds, last: true }, { steps: after }]
}

const heardOnChannel: Kind = (client) => heard(client, 'channels')
const heardOnShard: Kind = (client) => heard(client, 'shards')

/** Messages of transactions: in no order with others, since they take another way. */
const publishedByExec: Kind = (client) => {
  const channel = ownOrShared(client)
  const key = client.key()
  const text = `${client.value()} 1`
  const value = client.value()
  client.note(key, value)
  const [wrote, reaches] = [client.wrote(key), client.published(channel, text)]
  return [
    {
      steps: [
        step(['MULTI'], OK),
        step(['SET', key, value], QUEUED),
        step(['PUBLISH', channel, text], QUEUED),
        step(['EXEC'], /^\*2\r\n\+OK\r\n:\d+\r\n$/, (hearing) => {
          wrote(hearing)
          reaches(hearing)
        }),
      ],
      last: true,
    },
  ]
}

const publishedToShardByExec: Kind = (client) => {
  const channel = topicOf(client, 'shards')
  const text = client.text(client.name, channel)
  const reaches = client.publishedToShard(channel, text)
  const exec = step(['EXEC'], /^\*1\r\n:\d+\r\n$/, reaches)
  return [
    {
      steps: [step(['MULTI'], OK), step(['SPUBLISH', channel, text], QUEUED), exec],
      last: true,
    },
  ]
}

/** Messages come to who waits in a command that blocks. */
const heardWhileBlocked: Kind = (client) => {
  if (client.version === 2) return []
  const channel = channelOf(client)
  const list = `fed:${client.key()}`
  const value = client.value()
  const before = subscribe(client, 'channels', [channel])
  const text = client.text(`${client.name} by ${client.user}`, channel)
  const effect = client.published(channel, text)
  return [
    { steps: [before], last: true },
    {
      steps: [step(['BLPOP', list, '0'], array(bulk(list), bulk(value)))],
      deeds: [
        { by: client.user, command: ['PUBLISH', channel, text], reply: ANY_NUMBER, effect },
        { by: client.user, command: ['RPUSH', list, value], reply: ':1\r\n' },
      ],
      last: true,
    },
  ]
}

const crossed: Kind = () =>
  together(
    step(
      ['SSUBSCRIBE', 'shard 0', 'shard 1'],
      "-CROSSSLOT Keys in request don't hash to the same slot\r\n"
    )
  )

/** For clients that may do anything. */
export const PUBSUB: readonly Kind[] = [
  subscribed,
  left,
  leftAll,
  published,
  publishedToShard,
  heardOnChannel,
  heardOnShard,
  publishedByExec,
  publishedToShardByExec,
  heardWhileBlocked,
  crossed,
]

function refusal(name: string): string {
  return (
    `-ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET ` +
    'are allowed in this context\r\n'
  )
}

const refused: Kind = (client) =>
  together(
    step(['GET', client.key()], refusal('get')),
    step(['MULTI'], refusal('multi')),
    step(['WATCH', client.key()], refusal('watch')),
    step(['BLPOP', client.key(), '0'], refusal('blpop')),
    step(['HELLO', '3'], refusal('hello')),
    step(['CLIENT', 'TRACKING', 'OFF'], refusal('client|tracking')),
    step(['PING'], array(bulk('pong'), bulk('')))
  )

const pinged: Kind = (client) =>
  together(step(['PING', client.name], array(bulk('pong'), bulk(client.name))))

/** For those of RESP2 that are subscribed. */
export const CONFINED: readonly Kind[] = [
  subscribed,
  left,
  leftAll,
  leftAll,
  heardOnChannel,
  heardOnShard,
  refused,
  pinged,
]
