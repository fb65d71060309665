import { encodeReply, Push, RawReply, type ReplyValue } from '../../resp/encode.ts'
import type { Client, SubscriptionKind } from '../client.ts'
import { matchesGlob } from '../glob.ts'
import type { NodeState } from '../node-state.ts'
import { slotOfBytes } from '../slot.ts'
import { bulk, bulks, type Call, type CommandRow, family, type Handler, KEYS, row } from './call.ts'

const FLAGS = 'pubsub noscript loading stale'

function countOf(client: Client, kind: SubscriptionKind): number {
  return kind === 'shardChannels'
    ? client.shardChannels.size
    : client.channels.size + client.patterns.size
}

/** One frame for each channel, as the server answers; they are no elements of one reply. */
function frames(call: Call, pushes: readonly Push[]): ReplyValue {
  return new RawReply(Buffer.concat(pushes.map((push) => encodeReply(push, call.protocol))))
}

function subscribe(kind: SubscriptionKind, word: string): Handler {
  return (call) => {
    const pushes = call.args.slice(1).map((name) => {
      call.client[kind].add(name)
      return new Push([word, bulk(name), countOf(call.client, kind)])
    })
    return frames(call, pushes)
  }
}

function unsubscribe(kind: SubscriptionKind, word: string): Handler {
  return (call) => {
    const { client } = call
    const names = call.args.length > 1 ? call.args.slice(1) : [...client[kind]]
    const pushes = names.map((name) => {
      client[kind].delete(name)
      return new Push([word, bulk(name), countOf(client, kind)])
    })
    return frames(
      call,
      pushes.length > 0 ? pushes : [new Push([word, null, countOf(client, kind)])]
    )
  }
}

/** Sends a message to the subscribers of one node; says how many there were. */
export function deliver(node: NodeState, channel: string, message: string): number {
  let receivers = 0
  for (const client of node.clients) {
    if (client.channels.has(channel)) {
      client.stream.send(new Push(['message', bulk(channel), bulk(message)]))
      receivers++
    }
    for (const pattern of client.patterns) {
      if (!matchesGlob(pattern, channel)) continue
      client.stream.send(new Push(['pmessage', bulk(pattern), bulk(channel), bulk(message)]))
      receivers++
    }
  }
  return receivers
}

/** Ends the subscriptions to channels whose slot has left the node's shard, and says so, as a server does when a slot moves. */
export function revokeShardChannels(node: NodeState): void {
  const home = node.master ?? node
  for (const client of node.clients) {
    for (const channel of [...client.shardChannels]) {
      if (node.ownerOf(slotOfBytes(channel)) === home) continue
      client.shardChannels.delete(channel)
      client.stream.send(
        new Push(['sunsubscribe', bulk(channel), countOf(client, 'shardChannels')])
      )
    }
  }
}

/** A message reaches all nodes; the reply counts the receivers of this one. */
function publish({ args, node }: Call): ReplyValue {
  for (const other of node.cluster.members) if (other !== node) deliver(other, args[1]!, args[2]!)
  return deliver(node, args[1]!, args[2]!)
}

/** A sharded message reaches the nodes of its shard. */
function spublish({ args, node }: Call): ReplyValue {
  const master = node.master ?? node
  const counts = [master, ...node.cluster.replicasOf(master)].map((one) => {
    const receivers = [...one.clients].filter((client) => client.shardChannels.has(args[1]!))
    for (const client of receivers)
      client.stream.send(new Push(['smessage', bulk(args[1]!), bulk(args[2]!)]))
    return one === node ? receivers.length : 0
  })
  return counts.reduce((sum, count) => sum + count, 0)
}

function channelsOf(node: NodeState, kind: SubscriptionKind, pattern = '*'): string[] {
  const names = [...node.clients].flatMap((client) => [...client[kind]])
  return [...new Set(names)].filter((name) => matchesGlob(pattern, name))
}

function numsub(kind: SubscriptionKind): Handler {
  return ({ args, node }) =>
    args
      .slice(2)
      .flatMap((name) => [
        bulk(name),
        [...node.clients].filter((client) => client[kind].has(name)).length,
      ])
}

function listing(kind: SubscriptionKind): Handler {
  return ({ args, node }) => bulks(channelsOf(node, kind, args[2]))
}

const SHARDED = { since: '7.0.0' }
const PLAIN = 'pubsub loading stale'
const pubsubRows: readonly CommandRow[] = family('pubsub', [
  row('pubsub|channels', -2, PLAIN, KEYS.none, listing('channels')),
  row('pubsub|numsub', -2, PLAIN, KEYS.none, numsub('channels')),
  row('pubsub|numpat', 2, PLAIN, KEYS.none, ({ node }) => channelsOf(node, 'patterns').length),
  row('pubsub|shardchannels', -2, PLAIN, KEYS.none, listing('shardChannels'), SHARDED),
  row('pubsub|shardnumsub', -2, PLAIN, KEYS.none, numsub('shardChannels'), SHARDED),
])

/** Publishing and subscribing. */
export const pubsub: readonly CommandRow[] = family('pubsub', [
  row('publish', 3, 'pubsub loading stale fast', KEYS.none, publish),
  row('spublish', 3, 'pubsub loading stale fast', KEYS.first, spublish, SHARDED),
  row('subscribe', -2, FLAGS, KEYS.none, subscribe('channels', 'subscribe')),
  row('unsubscribe', -1, FLAGS, KEYS.none, unsubscribe('channels', 'unsubscribe')),
  row('psubscribe', -2, FLAGS, KEYS.none, subscribe('patterns', 'psubscribe')),
  row('punsubscribe', -1, FLAGS, KEYS.none, unsubscribe('patterns', 'punsubscribe')),
  row('ssubscribe', -2, FLAGS, KEYS.all, subscribe('shardChannels', 'ssubscribe'), SHARDED),
  row('sunsubscribe', -1, FLAGS, KEYS.all, unsubscribe('shardChannels', 'sunsubscribe'), SHARDED),
  row('pubsub', -2, '', KEYS.none, () => null, { subcommands: pubsubRows }),
])

/** What a RESP2 client may still send while it is subscribed. */
export const WHILE_SUBSCRIBED: readonly string[] = [
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
  'ping',
  'quit',
  'reset',
]
