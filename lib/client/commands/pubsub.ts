/**
 * PUBSUB: who is subscribed, as a single server would tell. Clients of this proxy count as themselves, and its own connections to the nodes, which
 * subscribe for all of them together, do not.
 *
 * @module
 */

import { LANES } from '../../cluster/lanes.ts'
import type { SubscriptionKind } from '../../pubsub/kind.ts'
import { ErrorReply, type ReplyValue } from '../../resp/encode.ts'
import { content, FrameItems, isError, valueStart } from '../../resp/frame.ts'
import type { PartReply } from '../../router/composite.ts'
import { container } from './container.ts'
import { type Everywhere, everywhere } from './everywhere.ts'
import { Glob } from './glob.ts'
import type { LocalCall, LocalCommands, LocalServices } from './local.ts'
import { wrongSubcommand } from './refusal.ts'

/** What one thread knows of some numbers: those of its clients, and how many of what each node tells are its own connections. */
interface Numbers {
  readonly own: readonly number[]
  readonly placed: readonly (readonly [node: string, numbers: readonly number[]])[]
}

/** What one thread's clients are subscribed to, by names of one character for each byte; and what of that each node has from the thread. */
interface Names {
  readonly names: readonly string[]
  readonly placed: readonly (readonly [node: string, names: readonly string[]])[]
}

/** What all masters answer to a request; an error if one does. */
async function census({
  args,
  services,
  session,
}: LocalCall): Promise<readonly PartReply[] | ErrorReply> {
  const answers = await services.askEach(args, session.identity?.base ?? LANES.resp2)
  for (const { reply } of answers) {
    const at = valueStart(reply)
    if (isError(reply, at)) return new ErrorReply(Buffer.from(content(reply, at)))
  }
  return answers
}

/** The names of a thread, when the nodes have carried out what its clients did before. */
async function namesOf(services: LocalServices, kind: SubscriptionKind): Promise<Names> {
  const { hubs } = services
  await hubs.settled()
  return {
    names: Array.from(hubs.topics(kind), ({ name }) => name.toString('latin1')),
    placed: Array.from(hubs.feeds(), (feed) => [feed.node.name, feed.names(kind)] as const),
  }
}

/** `PUBSUB CHANNELS` and `SHARDCHANNELS`: those of the nodes, and of clients, whose connection may be to a node that is no master any more. */
function channels(subcommand: string, kind: SubscriptionKind): Everywhere<Names> {
  return {
    kind: `pubsub ${subcommand}`,
    share: (args, services) =>
      args.length > 3 ? wrongSubcommand('pubsub', args[1]!) : namesOf(services, kind),
    reply: async (shares, call) => {
      const answers = await census(call)
      if (answers instanceof ErrorReply) return answers
      const found = new Set<string>()
      for (const { reply } of answers)
        for (const name of items(reply)) found.add(name.toString('latin1'))
      const pattern = call.args[2] && new Glob(call.args[2])
      for (const { value } of shares) {
        for (const name of value.names) {
          const bytes = Buffer.from(name, 'latin1')
          if (pattern?.matches(bytes, 0, bytes.length) !== false) found.add(name)
        }
      }
      return Array.from(found, (name) => Buffer.from(name, 'latin1'))
    },
  }
}

/** `PUBSUB NUMSUB` and `SHARDNUMSUB`. */
function subscribers(subcommand: string, kind: SubscriptionKind): Everywhere<Numbers> {
  return {
    kind: `pubsub ${subcommand}`,
    share: async (args, { hubs }) => {
      const names = args.slice(2).map((name) => Buffer.from(name))
      await hubs.settled()
      return {
        own: names.map((name) => hubs.subscribers(kind, name)),
        placed: Array.from(
          hubs.feeds(),
          (feed) => [feed.node.name, names.map((name) => Number(feed.has(kind, name)))] as const
        ),
      }
    },
    reply: async (shares, call) => {
      const answers = await census(call)
      if (answers instanceof ErrorReply) return answers
      const parts = shares.map(({ value }) => value)
      const told = answers.map(({ node, reply }) => ({ node, counts: items(reply) }))
      return call.args.slice(2).flatMap((name, i): ReplyValue[] => {
        const own = parts.reduce((sum, part) => sum + part.own[i]!, 0)
        const strangers = told.reduce((sum, { node, counts }) => {
          const ours = parts.flatMap(({ placed }) => placedAt(placed, node).map((each) => each[i]!))
          return sum + beyond(Number(counts[2 * i + 1]), ours)
        }, 0)
        return [name, own + strangers]
      })
    },
  }
}

/** `PUBSUB NUMPAT`: different patterns, however many clients have each. */
const patterns: Everywhere<Names> = {
  kind: 'pubsub numpat',
  share: (_args, services) => namesOf(services, 'pattern'),
  reply: async (shares, call) => {
    const answers = await census(call)
    if (answers instanceof ErrorReply) return answers
    const own = new Set(shares.flatMap(({ value }) => value.names))
    const strangers = answers.map(({ node, reply }) => {
      // Several threads, and users, may have the same pattern at one node, which counts it once.
      const ours = new Set(shares.flatMap(({ value }) => placedAt(value.placed, node).flat()))
      return beyond(Number(content(reply, valueStart(reply))), [ours.size])
    })
    return strangers.reduce((sum, count) => sum + count, own.size)
  },
}

/** What one node has; a thread may have several connections to it, one for each user. */
function placedAt<Value>(
  placed: readonly (readonly [node: string, value: Value])[],
  node: string
): readonly Value[] {
  return placed.filter(([name]) => name === node).map(([, value]) => value)
}

/** What remains of a number without ours; both may change while they are asked for. */
function beyond(told: number, ours: readonly number[]): number {
  return Math.max(
    0,
    ours.reduce((left, count) => left - count, told)
  )
}

/** The items of a reply; numbers too, as texts. */
function items(reply: Buffer): Buffer[] {
  const found: Buffer[] = []
  const all = new FrameItems(reply)
  while (all.next()) found.push(content(reply, all.start))
  return found
}

const COMMANDS = {
  channels: channels('channels', 'channel'),
  shardchannels: channels('shardchannels', 'shard'),
  numsub: subscribers('numsub', 'channel'),
  shardnumsub: subscribers('shardnumsub', 'shard'),
}

/** What each thread tells of its subscriptions. */
export const pubsubShares: readonly Pick<Everywhere<unknown>, 'kind' | 'share'>[] = [
  ...Object.values(COMMANDS),
  patterns,
]

/** Handler of PUBSUB. */
export const pubsubCommands: LocalCommands = {
  pubsub: container('pubsub', {
    channels: { arity: -2, run: everywhere(COMMANDS.channels) },
    shardchannels: { arity: -2, run: everywhere(COMMANDS.shardchannels) },
    numsub: { arity: -2, run: everywhere(COMMANDS.numsub) },
    shardnumsub: { arity: -2, run: everywhere(COMMANDS.shardnumsub) },
    numpat: { arity: 2, run: everywhere(patterns) },
  }),
}
