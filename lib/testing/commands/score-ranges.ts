import type { ReplyValue } from '../../resp/encode.ts'
import { parseFloat64, position } from '../numbers.ts'
import { refuse, TEXTS } from '../refusal.ts'
import type { Scored } from '../sorted-set.ts'
import { bulk, type Call, type CommandRow, family, KEYS, row } from './call.ts'
import { removeMembers, scoredReply } from './sorted-sets.ts'

type By = 'rank' | 'score' | 'lex'
type Test = (scored: Scored) => boolean

interface RangeOptions {
  by: By
  reverse: boolean
  withScores: boolean
  limit: readonly [offset: number, count: number] | undefined
}

function optionsOf(
  words: readonly string[],
  start: Partial<RangeOptions>,
  unified: boolean
): RangeOptions {
  const options: RangeOptions = {
    by: 'rank',
    reverse: false,
    withScores: false,
    limit: undefined,
    ...start,
  }
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!.toLowerCase()
    if (word === 'withscores') options.withScores = true
    else if (word === 'limit' && i + 2 < words.length) {
      options.limit = [position(words[i + 1]!), position(words[i + 2]!)]
      i += 2
    } else if (unified && word === 'rev') options.reverse = true
    else if (unified && word === 'byscore') options.by = 'score'
    else if (unified && word === 'bylex') options.by = 'lex'
    else refuse(TEXTS.syntax)
  }
  // The server takes a count of -1 for no limit at all.
  if ((options.limit?.[1] ?? -1) !== -1 && options.by === 'rank') {
    refuse('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX')
  }
  if (options.withScores && options.by === 'lex') {
    refuse('ERR syntax error, WITHSCORES not supported in combination with BYLEX')
  }
  return options
}

function scoreLimit(text: string): { score: number; exclusive: boolean } {
  const exclusive = text.startsWith('(')
  const score = parseFloat64(exclusive ? text.slice(1) : text)
  return score === undefined ? refuse('ERR min or max is not a float') : { score, exclusive }
}

function scoreTest(minimum: string, maximum: string): Test {
  const [min, max] = [scoreLimit(minimum), scoreLimit(maximum)]
  return ([, score]) =>
    (min.exclusive ? score > min.score : score >= min.score) &&
    (max.exclusive ? score < max.score : score <= max.score)
}

function lexTest(minimum: string, maximum: string): Test {
  for (const text of [minimum, maximum]) {
    if (text !== '-' && text !== '+' && text[0] !== '[' && text[0] !== '(') {
      refuse('ERR min or max not valid string range item')
    }
  }
  const [low, high] = [minimum.slice(1), maximum.slice(1)]
  const above = (member: string): boolean => (minimum[0] === '(' ? member > low : member >= low)
  const below = (member: string): boolean => (maximum[0] === '(' ? member < high : member <= high)
  return ([member]) =>
    (minimum === '-' || (minimum !== '+' && above(member))) &&
    (maximum === '+' || (maximum !== '-' && below(member)))
}

function byRank(sorted: readonly Scored[], first: number, last: number): readonly Scored[] {
  const from = Math.max(0, first < 0 ? sorted.length + first : first)
  const to = last < 0 ? sorted.length + last : last
  return from > to ? [] : sorted.slice(from, to + 1)
}

function limited(scored: readonly Scored[], limit: RangeOptions['limit']): readonly Scored[] {
  if (limit === undefined) return scored
  const [offset, count] = limit
  if (offset < 0) return []
  return scored.slice(offset, count < 0 ? undefined : offset + count)
}

function sortedOf({ args, data }: Call): readonly Scored[] {
  return data.typed(args[1]!, 'zset')?.members.sorted() ?? []
}

function select(call: Call, options: RangeOptions): readonly Scored[] {
  const [start, stop] = [call.args[2]!, call.args[3]!]
  const inOrder = (sorted: readonly Scored[]): readonly Scored[] =>
    options.reverse ? sorted.toReversed() : sorted
  if (options.by === 'rank') {
    const [first, last] = [position(start), position(stop)]
    return byRank(inOrder(sortedOf(call)), first, last)
  }
  const [min, max] = options.reverse ? [stop, start] : [start, stop]
  const test = options.by === 'score' ? scoreTest(min, max) : lexTest(min, max)
  return limited(inOrder(sortedOf(call)).filter(test), options.limit)
}

function range(start: Partial<RangeOptions>, unified = false) {
  return (call: Call): ReplyValue => {
    const options = optionsOf(call.args.slice(4), start, unified)
    const found = select(call, options)
    return options.withScores ? scoredReply(call, found) : found.map(([member]) => bulk(member))
  }
}

function zcount(call: Call): ReplyValue {
  const test = scoreTest(call.args[2]!, call.args[3]!)
  return sortedOf(call).filter(test).length
}

function removeRange(by: 'rank' | 'score') {
  return (call: Call): ReplyValue => {
    const found = select(call, { by, reverse: false, withScores: false, limit: undefined })
    return removeMembers(
      call.data,
      call.args[1]!,
      found.map(([member]) => member)
    )
  }
}

/** Commands on ranges of sorted sets. */
export const scoreRanges: readonly CommandRow[] = family('sortedset', [
  row('zrange', -4, 'readonly', KEYS.first, range({}, true)),
  row('zrevrange', -4, 'readonly', KEYS.first, range({ reverse: true })),
  row('zrangebyscore', -4, 'readonly', KEYS.first, range({ by: 'score' })),
  row('zrevrangebyscore', -4, 'readonly', KEYS.first, range({ by: 'score', reverse: true })),
  row('zcount', 4, 'readonly fast', KEYS.first, zcount),
  row('zremrangebyrank', 4, 'write', KEYS.first, removeRange('rank')),
  row('zremrangebyscore', 4, 'write', KEYS.first, removeRange('score')),
])
