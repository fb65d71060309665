import { isSince } from '../../command/version.ts'
import { ErrorReply, type ProtocolVersion, type RawReply } from '../../resp/encode.ts'
import { content } from '../../resp/frame.ts'
import {
  type GatherCall,
  type GatherPart,
  type GatherPlan,
  mergePlan,
  TEXTS,
} from './gather-plan.ts'
import { distinct, groupBySlot, type KeyGroup, partPerKey } from './key-groups.ts'
import { eachMember, eachScored, intersectionOf, unionOf } from './members.ts'
import { ReplyText } from './reply-text.ts'
import { intersectScores, type ScoredMember, unionScores } from './score-join.ts'
import { formatScore } from './scores.ts'
import { readSortedSetCall, type SortedSetOptions } from './sorted-set-options.ts'

const TYPES = new Set(['zset', 'set', 'none'])

/** Makes the plan of a call without errors. */
type ValidPlanner = (
  call: GatherCall,
  keys: readonly Buffer[],
  options: SortedSetOptions
) => GatherPlan

/**
 * ZUNION, ZINTER, ZDIFF and ZINTERCARD, which read their arguments alike. Sets count as sorted sets
 * whose scores are 1.
 */
export function planSortedSets(call: GatherCall): GatherPlan | ErrorReply {
  const read = readSortedSetCall(call)
  if (read instanceof ErrorReply) return read
  const { keys, options } = read
  if (options instanceof ErrorReply) return planTypeCheck(keys, options)
  return PLANNERS[call.spec.name]!(call, keys, options)
}

const PLANNERS: Readonly<Record<string, ValidPlanner>> = {
  zunion: planJoin,
  zinter: planJoin,
  zdiff: planDifference,
  zintercard: planIntersectionSize,
}

/**
 * For a call with a wrong option: a key of another type is the error that the server finds first.
 */
function planTypeCheck(keys: readonly Buffer[], error: ErrorReply): GatherPlan {
  return mergePlan(partPerKey(distinct(keys).keys, ['TYPE']), (replies) => {
    const right = replies.every((frame) => TYPES.has(content(frame, 0).toString('latin1')))
    return right ? error : new ErrorReply(TEXTS.wrongType)
  })
}

/**
 * ZUNION and ZINTER: every key with its scores, since the order in which they are added up depends
 * on the sizes.
 */
function planJoin(
  { spec, version }: GatherCall,
  keys: readonly Buffer[],
  { weights, aggregate, withScores }: SortedSetOptions
): GatherPlan {
  const name = spec.name.toUpperCase()
  const join = name === 'ZUNION' ? unionScores : intersectScores
  const shortest = isSince(version, 7, 2)
  const { keys: asked, places } = distinct(keys)
  return mergePlan(partPerKey(asked, [name, '1'], ['WITHSCORES']), (replies, protocol) => {
    const sources = places.map((place, i) => ({ frame: replies[place]!, weight: weights[i]! }))
    const members = join(sources, { protocol, aggregate })
    if (!withScores) return membersReply(members)
    for (const member of members) member.text ??= formatScore(member.score, shortest)
    return scoredReply(members as TextScored[], protocol)
  })
}

/**
 * ZDIFF: the difference within the slot of the first key, in order already, without the members of
 * the other slots.
 */
function planDifference(
  _: GatherCall,
  keys: readonly Buffer[],
  { withScores }: SortedSetOptions
): GatherPlan {
  const [first, ...others] = keys as [Buffer, ...Buffer[]]
  const [own, ...rest] = groupBySlot(keys)
  // The first key may be named again, and then nothing is left; groups have no repetitions.
  const repeated = others.some((key) => key.equals(first))
  const minuend = { slot: own!.slot, keys: repeated ? [first, ...own!.keys] : own!.keys }
  const parts = [
    part('ZDIFF', minuend, withScores ? ['WITHSCORES'] : []),
    ...rest.map((group) => part('ZUNION', group)),
  ]
  return mergePlan(parts, ([all, ...subtrahends], protocol) => {
    const removed = unionOf(subtrahends)
    const left: TextScored[] = []
    const take = (member: string, text = ''): void => {
      if (!removed.has(member)) left.push({ member, text })
    }
    if (!withScores) eachMember(all!, take)
    else eachScored(all!, protocol, take)
    return withScores ? scoredReply(left, protocol) : membersReply(left)
  })
}

/** ZINTERCARD: the intersection of each slot, and the size of their intersection. */
function planIntersectionSize(
  _: GatherCall,
  keys: readonly Buffer[],
  { limit }: SortedSetOptions
): GatherPlan {
  const parts = groupBySlot(keys).map((group) => part('ZINTER', group))
  return mergePlan(parts, (replies) => Math.min(intersectionOf(replies).size, limit))
}

function part(name: string, { slot, keys }: KeyGroup, options: readonly string[] = []): GatherPart {
  return { slot, args: [name, String(keys.length), ...keys, ...options] }
}

interface TextScored {
  readonly member: string
  /** The score as it is to be written. */
  readonly text: string
}

function membersReply(members: readonly Pick<ScoredMember, 'member'>[]): RawReply {
  const text = new ReplyText()
  text.add(`*${members.length}\r\n`)
  for (const { member } of members) text.bulk(member)
  return text.end()
}

function scoredReply(members: readonly TextScored[], protocol: ProtocolVersion): RawReply {
  const text = new ReplyText()
  text.add(`*${protocol === 3 ? members.length : 2 * members.length}\r\n`)
  for (const { member, text: score } of members) {
    if (protocol === 3) text.add('*2\r\n')
    text.bulk(member)
    if (protocol === 3) text.add(`,${score}\r\n`)
    else text.bulk(score)
  }
  return text.end()
}
