import type { ReplyValue } from '../../resp/encode.ts'
import type { Keyspace, SetValue } from '../keyspace.ts'
import { count, parseInteger, position } from '../numbers.ts'
import { refuse, TEXTS } from '../refusal.ts'
import { bulk, bulks, type Call, type CommandRow, family, KEYS, row } from './call.ts'
import { scanCollection } from './scan.ts'

/** `set-max-intset-entries`. */
const SMALL_ENTRIES = 512
const FAST_WRITE = 'write denyoom fast'

function membersOf(data: Keyspace, key: string): ReadonlySet<string> {
  return data.typed(key, 'set')?.members ?? new Set<string>()
}

function put(set: SetValue, member: string): void {
  set.members.add(member)
  if (set.members.size > SMALL_ENTRIES || parseInteger(member) === undefined) set.large = true
}

/** A small set of integers comes in their order, as from the server. */
function ordered(set: SetValue | undefined): string[] {
  const members = [...(set?.members ?? [])]
  return set?.large === false ? members.sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)) : members
}

function setReply(members: Iterable<string>): ReplyValue {
  return new Set(bulks(members))
}

function sadd({ args, data }: Call): ReplyValue {
  const set = data.typedOrNew(args[1]!, 'set')
  const before = set.members.size
  for (const member of args.slice(2)) put(set, member)
  if (set.members.size > before) data.changed(args[1]!)
  return set.members.size - before
}

function remove(data: Keyspace, key: string, members: readonly string[]): number {
  const set = data.typed(key, 'set')
  const removed = members.filter((member) => set?.members.delete(member)).length
  if (removed > 0) data.changed(key)
  return removed
}

function smove({ args, data }: Call): ReplyValue {
  const [, from, to, member] = args as [string, string, string, string]
  const source = data.typed(from, 'set')
  if (source === undefined) return 0
  data.typed(to, 'set')
  if (from === to) return Number(source.members.has(member))
  if (remove(data, from, [member]) === 0) return 0
  put(data.typedOrNew(to, 'set'), member)
  data.changed(to)
  return 1
}

function randomOf(members: readonly string[]): string | undefined {
  return members[Math.floor(Math.random() * members.length)]
}

function shuffled(members: Iterable<string>): string[] {
  return Array.from(members, (member) => ({ member, weight: Math.random() }))
    .sort((a, b) => a.weight - b.weight)
    .map(({ member }) => member)
}

function spop({ args, data }: Call): ReplyValue {
  const key = args[1]!
  if (args.length > 3) refuse(TEXTS.syntax)
  const most = args.length === 3 ? count(args[2]!) : 1
  const taken = shuffled(membersOf(data, key)).slice(0, most)
  remove(data, key, taken)
  return args.length === 3 ? setReply(taken) : bulk(taken[0])
}

function srandmember({ args, data }: Call): ReplyValue {
  if (args.length > 3) refuse(TEXTS.syntax)
  const wanted = args.length === 3 ? position(args[2]!) : undefined
  const members = [...membersOf(data, args[1]!)]
  if (wanted === undefined) return bulk(randomOf(members))
  if (wanted >= 0) return bulks(shuffled(members).slice(0, wanted))
  return members.length === 0 ? [] : Array.from({ length: -wanted }, () => bulk(randomOf(members)))
}

type Combine = (all: readonly ReadonlySet<string>[]) => string[]
const union: Combine = (all) => [...new Set(all.flatMap((one) => [...one]))]
const inter: Combine = ([first, ...rest]) =>
  [...first!].filter((member) => rest.every((set) => set.has(member)))
const diff: Combine = ([first, ...rest]) =>
  [...first!].filter((member) => !rest.some((set) => set.has(member)))

function combined(combine: Combine) {
  return ({ args, data }: Call): ReplyValue =>
    setReply(combine(args.slice(1).map((key) => membersOf(data, key))))
}

function stored(combine: Combine) {
  return ({ args, data }: Call): ReplyValue => {
    const target = args[1]!
    const members = combine(args.slice(2).map((key) => membersOf(data, key)))
    data.delete(target)
    if (members.length === 0) return 0
    const set = data.typedOrNew(target, 'set')
    for (const member of members) put(set, member)
    data.changed(target)
    return members.length
  }
}

const UNORDERED = { tips: ['nondeterministic_output_order'] }
const RANDOM = { tips: ['nondeterministic_output'] }
const has = ({ args, data }: Call, at: number): number =>
  Number(membersOf(data, args[1]!).has(args[at]!))

/** Commands on sets. */
export const sets: readonly CommandRow[] = family('set', [
  row('sadd', -3, FAST_WRITE, KEYS.first, sadd),
  row('srem', -3, 'write fast', KEYS.first, ({ args, data }) =>
    remove(data, args[1]!, args.slice(2))
  ),
  row(
    'smembers',
    2,
    'readonly',
    KEYS.first,
    ({ args, data }) => setReply(ordered(data.typed(args[1]!, 'set'))),
    UNORDERED
  ),
  row('sismember', 3, 'readonly fast', KEYS.first, (call) => has(call, 2)),
  row(
    'smismember',
    -3,
    'readonly fast',
    KEYS.first,
    (call) => call.args.slice(2).map((_, i) => has(call, i + 2)),
    {
      since: '6.2.0',
    }
  ),
  row('scard', 2, 'readonly fast', KEYS.first, ({ args, data }) => membersOf(data, args[1]!).size),
  row('spop', -2, 'write fast', KEYS.first, spop, RANDOM),
  row('srandmember', -2, 'readonly', KEYS.first, srandmember, RANDOM),
  row('smove', 4, 'write fast', KEYS.two, smove),
  row('sunion', -2, 'readonly', KEYS.all, combined(union), UNORDERED),
  row('sinter', -2, 'readonly', KEYS.all, combined(inter), UNORDERED),
  row('sdiff', -2, 'readonly', KEYS.all, combined(diff), UNORDERED),
  row('sunionstore', -3, 'write denyoom', KEYS.all, stored(union)),
  row('sinterstore', -3, 'write denyoom', KEYS.all, stored(inter)),
  row('sdiffstore', -3, 'write denyoom', KEYS.all, stored(diff)),
  row('sscan', -3, 'readonly', KEYS.first, scanCollection('set'), RANDOM),
])
