import type { ReplyValue } from '../../resp/encode.ts'
import type { Keyspace, ZsetValue } from '../keyspace.ts'
import { count, float } from '../numbers.ts'
import { refuse, TEXTS } from '../refusal.ts'
import type { Scored, SortedSet } from '../sorted-set.ts'
import { bulk, type Call, type CommandRow, double, family, KEYS, row } from './call.ts'
import { scanCollection } from './scan.ts'

/** `zset-max-listpack-entries` and `zset-max-listpack-value`. */
const SMALL_ENTRIES = 128
const SMALL_VALUE = 64
const FAST_WRITE = 'write denyoom fast'

type AddOption = 'nx' | 'xx' | 'gt' | 'lt' | 'ch' | 'incr'
type AddOptions = ReadonlySet<AddOption>
const ADD_OPTIONS: readonly string[] = ['nx', 'xx', 'gt', 'lt', 'ch', 'incr']

function put(zset: ZsetValue, member: string, score: number): void {
  zset.members.set(member, score)
  if (member.length > SMALL_VALUE || zset.members.size > SMALL_ENTRIES) zset.large = true
}

function checkAdd(options: AddOptions, words: number): void {
  if (words === 0 || words % 2 === 1) refuse(TEXTS.syntax)
  const exclusive = (['gt', 'lt', 'nx'] as const).filter((option) => options.has(option))
  if (options.has('nx') && options.has('xx'))
    refuse('ERR XX and NX options at the same time are not compatible')
  if (exclusive.length > 1)
    refuse('ERR GT, LT, and/or NX options at the same time are not compatible')
  if (options.has('incr') && words > 2)
    refuse('ERR INCR option supports a single increment-element pair')
}

/** The score that a member gets, or undefined when the options say that nothing happens. */
function scoreFor(
  options: AddOptions,
  before: number | undefined,
  given: number
): number | undefined {
  if (before === undefined) return options.has('xx') ? undefined : given
  if (options.has('nx')) return undefined
  const score = options.has('incr') ? before + given : given
  if (Number.isNaN(score)) refuse('ERR resulting score is not a number (NaN)')
  if ((options.has('lt') && score >= before) || (options.has('gt') && score <= before))
    return undefined
  return score
}

function addAll(call: Call, options: AddOptions, pairs: readonly Scored[]): ReplyValue {
  const { args, data } = call
  const key = args[1]!
  const known = data.typed(key, 'zset')
  const zset = known ?? (options.has('xx') ? undefined : data.typedOrNew(key, 'zset'))
  const tally = { added: 0, updated: 0, last: undefined as number | undefined }
  for (const [member, given] of zset === undefined ? [] : pairs) {
    const before = zset!.members.score(member)
    const score = scoreFor(options, before, given)
    tally.last = score
    if (score === undefined || score === before) continue
    put(zset!, member, score)
    if (before === undefined) tally.added++
    else tally.updated++
  }
  if (tally.added + tally.updated > 0) data.changed(key)
  if (options.has('incr')) return tally.last === undefined ? null : double(call, tally.last)
  return options.has('ch') ? tally.added + tally.updated : tally.added
}

function zadd(call: Call): ReplyValue {
  let at = 2
  const options = new Set<AddOption>()
  while (at < call.args.length && ADD_OPTIONS.includes(call.args[at]!.toLowerCase())) {
    options.add(call.args[at++]!.toLowerCase() as AddOption)
  }
  const words = call.args.slice(at)
  checkAdd(options, words.length)
  const pairs: Scored[] = []
  for (let i = 0; i < words.length; i += 2) pairs.push([words[i + 1]!, float(words[i]!)])
  return addAll(call, options, pairs)
}

function zincrby(call: Call): ReplyValue {
  return addAll(call, new Set<AddOption>(['incr']), [[call.args[3]!, float(call.args[2]!)]])
}

function membersOf({ args, data }: Call): SortedSet | undefined {
  return data.typed(args[1]!, 'zset')?.members
}

/** Removes members; says how many were there. */
export function removeMembers(data: Keyspace, key: string, members: readonly string[]): number {
  const zset = data.typed(key, 'zset')
  const removed = members.filter((member) => zset?.members.delete(member)).length
  if (removed > 0) data.changed(key)
  return removed
}

function scoreReply(call: Call, member: string): ReplyValue {
  const score = membersOf(call)?.score(member)
  return score === undefined ? null : double(call, score)
}

function rank(reverse: boolean) {
  return (call: Call): ReplyValue => {
    const members = membersOf(call)
    const at = members?.rank(call.args[2]!)
    if (members === undefined || at === undefined) return null
    return reverse ? members.size - 1 - at : at
  }
}

/** Members with their scores: pairs in RESP3, one flat list in RESP2. */
export function scoredReply(
  call: Call,
  scored: readonly Scored[],
  nested: boolean = call.protocol === 3
): ReplyValue {
  const pairs = scored.map(([member, score]): ReplyValue[] => [bulk(member), double(call, score)])
  return nested ? pairs : pairs.flat()
}

function pop(highest: boolean) {
  return (call: Call): ReplyValue => {
    if (call.args.length > 3) refuse(TEXTS.syntax)
    const counted = call.args.length === 3
    const most = counted ? count(call.args[2]!) : 1
    const sorted = membersOf(call)?.sorted() ?? []
    const taken = (highest ? sorted.toReversed() : sorted).slice(0, most)
    removeMembers(
      call.data,
      call.args[1]!,
      taken.map(([member]) => member)
    )
    return scoredReply(call, taken, call.protocol === 3 && counted)
  }
}

/** Commands on members of sorted sets. */
export const sortedSets: readonly CommandRow[] = family('sortedset', [
  row('zadd', -4, FAST_WRITE, KEYS.first, zadd),
  row('zincrby', 4, FAST_WRITE, KEYS.first, zincrby),
  row('zrem', -3, 'write fast', KEYS.first, ({ args, data }) =>
    removeMembers(data, args[1]!, args.slice(2))
  ),
  row('zscore', 3, 'readonly fast', KEYS.first, (call) => scoreReply(call, call.args[2]!)),
  row(
    'zmscore',
    -3,
    'readonly fast',
    KEYS.first,
    (call) => call.args.slice(2).map((member) => scoreReply(call, member)),
    {
      since: '6.2.0',
    }
  ),
  row('zcard', 2, 'readonly fast', KEYS.first, (call) => membersOf(call)?.size ?? 0),
  row('zrank', 3, 'readonly fast', KEYS.first, rank(false)),
  row('zrevrank', 3, 'readonly fast', KEYS.first, rank(true)),
  row('zpopmin', -2, 'write fast', KEYS.first, pop(false)),
  row('zpopmax', -2, 'write fast', KEYS.first, pop(true)),
  row('zscan', -3, 'readonly', KEYS.first, scanCollection('zset'), {
    tips: ['nondeterministic_output'],
  }),
])
