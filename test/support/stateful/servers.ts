/**
 * Sequences for real servers: what a fake node does not know, rights, scripts and streams.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { ABORTED, array, bulk, number, OK, QUEUED } from './frames.ts'
import { type Kind, together } from './kind.ts'
import type { Situation } from './situation.ts'
import { step } from './step.ts'
import { keyPrefix, USERS } from './users.ts'

/** Servers before 7.2 say it in more words. */
const DENIED =
  /^-NOPERM (?:this user has no permissions to access one of the keys used as arguments|No permissions to access a key)\r\n$/
const READ = "return redis.call('GET', KEYS[1])"
const WRITE = "return redis.call('SET', KEYS[1], ARGV[1])"

/** Keys of others are denied, in transactions and to blocking commands too. */
const denied: Kind = (client) => {
  const other = client.chance.pick(USERS.filter((user) => user !== client.user))
  const key = `${keyPrefix(other)}${client.name} key 0`
  return together(
    // It may be told of what it asked for, and did not get.
    step(['GET', key], DENIED, ({ cache }) => cache.asked(key)),
    step(['BLPOP', key, '0'], DENIED),
    step(['MULTI'], OK),
    step(['SET', key, 'never'], DENIED),
    step(['EXEC'], ABORTED)
  )
}

const scriptRead: Kind = (client) => {
  const key = client.key()
  const before = client.get(key)
  const value = bulk(client.valueOf(key)!)
  return together(...before, step(['EVAL', READ, '1', key], value, client.read(key)))
}

/** A script is taken to read all its keys. */
const scriptWritten: Kind = (client) => {
  const key = client.key()
  const value = client.value()
  client.note(key, value)
  const wrote = client.wrote(key)
  const evaluated = step(['EVAL', WRITE, '1', key, value], OK, (hearing) => {
    hearing.cache.asked(key)
    wrote(hearing)
  })
  return together(evaluated, ...client.get(key))
}

/** A script that was loaded is known to every node, within MULTI too. */
const scriptByName: Kind = (client) => {
  const key = client.key()
  // New to all nodes.
  const body = `return redis.call('GET', KEYS[1]) -- ${client.value()}`
  const sha = createHash('sha1').update(body).digest('hex')
  const before = client.get(key)
  const value = bulk(client.valueOf(key)!)
  return together(
    ...before,
    step(['SCRIPT', 'LOAD', body], bulk(sha)),
    step(['EVALSHA', sha, '1', key], value, client.read(key)),
    step(['MULTI'], OK),
    step(['EVALSHA', sha, '1', key], QUEUED),
    step(['EXEC'], array(value), client.read(key))
  )
}

function streamOf(client: Situation): string {
  return `stream:${client.key()} ${client.value()}`
}

/** The reply of XREAD with one entry. */
function entry({ version }: Situation, stream: string, value: string): string {
  const entries = array(array(bulk('2-1'), array(bulk('field'), bulk(value))))
  return version === 3 ? `%1\r\n${bulk(stream)}${entries}` : array(array(bulk(stream), entries))
}

const streamed: Kind = (client) => {
  const stream = streamOf(client)
  const value = client.value()
  const read = ['XREAD', 'BLOCK', '0', 'STREAMS', stream, '1-1']
  return [
    {
      steps: [
        step(['XADD', stream, '1-1', 'field', 'old'], bulk('1-1')),
        step(read, entry(client, stream, value), ({ cache }) => cache.asked(stream)),
      ],
      // Not before the first entry: ids grow.
      deeds: [
        {
          by: client.user,
          command: ['XADD', stream, 'NOMKSTREAM', '2-1', 'field', value],
          reply: bulk('2-1'),
          repeated: true,
        },
      ],
    },
  ]
}

const grouped: Kind = (client) => {
  const stream = streamOf(client)
  const value = client.value()
  const read = ['XREADGROUP', 'GROUP', 'group', 'one', 'BLOCK', '0', 'STREAMS', stream, '>']
  return [
    { steps: [step(['XGROUP', 'CREATE', stream, 'group', '$', 'MKSTREAM'], OK)], last: true },
    {
      steps: [
        step(read, entry(client, stream, value)),
        step(['XACK', stream, 'group', '2-1'], number(1)),
      ],
      deeds: [
        { by: client.user, command: ['XADD', stream, '2-1', 'field', value], reply: bulk('2-1') },
      ],
    },
  ]
}

export const SERVERS: readonly Kind[] = [
  denied,
  scriptRead,
  scriptWritten,
  scriptByName,
  streamed,
  grouped,
]
