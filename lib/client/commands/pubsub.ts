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
import { container, type Subcommand } from './container.ts'
import { Glob } from './glob.ts'
import type { LocalCall, LocalCommands } from './local.ts'

/** What all masters answer to the same request; an error if one does. It is asked when they have carried out what clients did before. */
async function census({
  args,
  services,
  session,
}: LocalCall): Promise<readonly PartReply[] | ErrorReply> {
  const question = args.map((arg) => Buffer.from(arg))
  await services.hub.settled()
  const answers = await services.askEach(question, session.identity?.base ?? LANES.resp2)
  for (const { reply } of answers) {
    const at = valueStart(reply)
    if (isError(reply, at)) return new ErrorReply(Buffer.from(content(reply, at)))
  }
  return answers
}

function names(kind: SubscriptionKind): Subcommand['run'] {
  return async (call) => {
    const { args, services } = call
    if (args.length > 3) {
      const word = args[1]!.toString('latin1')
      const text = `ERR unknown subcommand or wrong number of arguments for '${word}'. Try PUBSUB HELP.`
      return new ErrorReply(Buffer.from(text, 'latin1'))
    }
    const glob = args[2] === undefined ? undefined : new Glob(args[2])
    const answers = await census(call)
    if (answers instanceof ErrorReply) return answers
    const found = new Map<string, Buffer>()
    for (const { reply } of answers)
      for (const name of strings(reply)) found.set(name.toString('latin1'), name)
    // Those of this proxy's clients may be known to a node that is no master any more.
    for (const { name } of services.hub.topics(kind)) {
      if (glob === undefined || glob.matches(name, 0, name.length)) {
        found.set(name.toString('latin1'), name)
      }
    }
    return [...found.values()]
  }
}

function counts(kind: SubscriptionKind): Subcommand['run'] {
  return async (call) => {
    const wanted = call.args.slice(2).map((name) => Buffer.from(name))
    const answers = await census(call)
    if (answers instanceof ErrorReply) return answers
    const { hub } = call.services
    const totals = wanted.map((name) => hub.subscribers(kind, name))
    for (const { node, reply } of answers) {
      const feed = hub.feed(node)
      const told = strings(reply)
      for (const [i, name] of wanted.entries()) {
        const others = Number(told[2 * i + 1]) - (feed?.has(kind, name) === true ? 1 : 0)
        totals[i]! += Math.max(0, others)
      }
    }
    return wanted.flatMap((name, i): ReplyValue[] => [name, totals[i]!])
  }
}

async function patterns(call: LocalCall): Promise<ReplyValue> {
  const answers = await census(call)
  if (answers instanceof ErrorReply) return answers
  const { hub } = call.services
  let total = [...hub.topics('pattern')].length
  for (const { node, reply } of answers) {
    const told = Number(content(reply, valueStart(reply)))
    total += Math.max(0, told - (hub.feed(node)?.count('pattern') ?? 0))
  }
  return total
}

/** The items of a reply; numbers too, as texts. */
function strings(reply: Buffer): Buffer[] {
  const found: Buffer[] = []
  const items = new FrameItems(reply)
  while (items.next()) found.push(content(reply, items.start))
  return found
}

/** Handler of PUBSUB. */
export const pubsubCommands: LocalCommands = {
  pubsub: container('pubsub', {
    channels: { arity: -2, run: names('channel') },
    numsub: { arity: -2, run: counts('channel') },
    numpat: { arity: 2, run: patterns },
    shardchannels: { arity: -2, run: names('shard') },
    shardnumsub: { arity: -2, run: counts('shard') },
  }),
}
