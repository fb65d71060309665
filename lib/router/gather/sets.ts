import { integer, word } from '../../command/words.ts'
import {
  ErrorReply,
  type ProtocolVersion,
  type RawReply,
  type ReplyValue,
} from '../../resp/encode.ts'
import {
  type GatherCall,
  type GatherPart,
  type GatherPlan,
  mergePlan,
  TEXTS,
} from './gather-plan.ts'
import { groupBySlot, type KeyGroup } from './key-groups.ts'
import { eachMember, intersectionOf, unionOf } from './members.ts'
import { ReplyText } from './reply-text.ts'

/** SUNION: the union of each slot, and of these the union. */
export function planSetUnion({ args }: GatherCall): GatherPlan {
  return mergePlan(setParts('SUNION', groupBySlot(args.slice(1))), (replies, protocol) =>
    setReply(unionOf(replies), protocol)
  )
}

/** SINTER: the intersection of each slot, and of these the intersection. */
export function planSetIntersection({ args }: GatherCall): GatherPlan {
  return mergePlan(setParts('SINTER', groupBySlot(args.slice(1))), (replies, protocol) =>
    setReply(intersectionOf(replies), protocol)
  )
}

/**
 * SDIFF: the difference within the slot of the first key, without the unions of the other slots.
 */
export function planSetDifference({ args }: GatherCall): GatherPlan {
  const [, first, ...others] = args as [Buffer, Buffer, ...Buffer[]]
  const [own, ...rest] = groupBySlot([first, ...others])
  // The first key may be named again, and then nothing is left; groups have no repetitions.
  const repeated = others.some((key) => key.equals(first))
  const keys = repeated ? [first, ...own!.keys] : own!.keys
  const parts = [part('SDIFF', { slot: own!.slot, keys }), ...setParts('SUNION', rest)]
  return mergePlan(parts, ([minuend, ...subtrahends], protocol) => {
    const removed = unionOf(subtrahends)
    const left = new Set<string>()
    eachMember(minuend!, (member) => {
      if (!removed.has(member)) left.add(member)
    })
    return setReply(left, protocol)
  })
}

/** SINTERCARD: as SINTER, of which only the size is answered. */
export function planSetIntersectionSize({ args }: GatherCall): GatherPlan | ErrorReply {
  const count = integer(args[1]!)
  if (count === undefined || count < 1n) {
    return new ErrorReply('ERR numkeys should be greater than 0')
  }
  if (count > BigInt(args.length - 2)) {
    return new ErrorReply("ERR Number of keys can't be greater than number of args")
  }
  const end = 2 + Number(count)
  const limit = limitOption(args, end)
  if (limit instanceof ErrorReply) return limit
  return mergePlan(setParts('SINTER', groupBySlot(args.slice(2, end))), (replies) =>
    Math.min(intersectionOf(replies).size, limit)
  )
}

/** The last LIMIT from argument `from` on, with infinity for none or 0. */
function limitOption(args: readonly Buffer[], from: number): number | ErrorReply {
  let limit = 0n
  for (let i = from; i < args.length; i += 2) {
    if (word(args[i]!) !== 'limit' || i + 1 === args.length) return new ErrorReply(TEXTS.syntax)
    const value = integer(args[i + 1]!)
    if (value === undefined || value < 0n) return new ErrorReply(TEXTS.negativeLimit)
    limit = value
  }
  return limit === 0n ? Infinity : Number(limit)
}

function setParts(name: string, groups: readonly KeyGroup[]): GatherPart[] {
  return groups.map((group) => part(name, group))
}

function part(name: string, { slot, keys }: KeyGroup): GatherPart {
  return { slot, args: [name, ...keys] }
}

function setReply(members: ReadonlySet<string>, protocol: ProtocolVersion): RawReply & ReplyValue {
  const text = new ReplyText()
  text.add(`${protocol === 3 ? '~' : '*'}${members.size}\r\n`)
  for (const member of members) text.bulk(member)
  return text.end()
}
