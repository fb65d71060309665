import { NULL_ARRAY, OK, type ReplyValue } from '../../resp/encode.ts'
import type { Keyspace } from '../keyspace.ts'
import { count, float, position } from '../numbers.ts'
import { refuse, TEXTS, wrongArity } from '../refusal.ts'
import { bulk, bulks, type Call, type CommandRow, family, KEYS, row, Wait } from './call.ts'

type End = 'left' | 'right'
const FAST_WRITE = 'write denyoom fast'

function add(data: Keyspace, key: string, end: End, texts: readonly string[]): number {
  const { items } = data.typedOrNew(key, 'list')
  for (const text of texts) {
    if (end === 'left') items.unshift(text)
    else items.push(text)
  }
  data.changed(key)
  return items.length
}

function take(data: Keyspace, key: string, end: End): string | undefined {
  const items = data.typed(key, 'list')?.items
  const taken = end === 'left' ? items?.shift() : items?.pop()
  if (taken !== undefined) data.changed(key)
  return taken
}

function push(end: End, onlyIfThere: boolean) {
  return ({ args, data }: Call): ReplyValue => {
    if (onlyIfThere && data.typed(args[1]!, 'list') === undefined) return 0
    return add(data, args[1]!, end, args.slice(2))
  }
}

function pop(end: End) {
  return ({ args, data }: Call): ReplyValue => {
    if (args.length > 3) refuse(wrongArity(args[0]!.toLowerCase()))
    if (args.length === 2) return bulk(take(data, args[1]!, end))
    const wanted = count(args[2]!)
    const length = data.typed(args[1]!, 'list')?.items.length
    if (length === undefined) return NULL_ARRAY
    return Array.from({ length: Math.min(wanted, length) }, () => bulk(take(data, args[1]!, end)))
  }
}

/** Positions that a range of LRANGE and LTRIM means, both inclusive; empty when `from > to`. */
function range(length: number, first: number, last: number): { from: number; to: number } {
  const from = Math.max(0, first < 0 ? length + first : first)
  const to = Math.min(length - 1, last < 0 ? length + last : last)
  return { from, to }
}

function lrange({ args, data }: Call): ReplyValue {
  const [first, last] = [position(args[2]!), position(args[3]!)]
  const items = data.typed(args[1]!, 'list')?.items ?? []
  const { from, to } = range(items.length, first, last)
  return bulks(items.slice(from, Math.max(from, to + 1)))
}

function ltrim({ args, data }: Call): ReplyValue {
  const [first, last] = [position(args[2]!), position(args[3]!)]
  const items = data.typed(args[1]!, 'list')?.items
  if (items === undefined) return OK
  const { from, to } = range(items.length, first, last)
  items.splice(Math.max(from, to + 1))
  items.splice(0, from)
  data.changed(args[1]!)
  return OK
}

function lindex({ args, data }: Call): ReplyValue {
  const items = data.typed(args[1]!, 'list')?.items
  return items === undefined ? null : bulk(items.at(position(args[2]!)))
}

function lset({ args, data }: Call): ReplyValue {
  const items = data.typed(args[1]!, 'list')?.items ?? refuse(TEXTS.noSuchKey)
  const at = position(args[2]!)
  const index = at < 0 ? items.length + at : at
  if (index < 0 || index >= items.length) refuse('ERR index out of range')
  items[index] = args[3]!
  data.changed(args[1]!)
  return OK
}

function lrem({ args, data }: Call): ReplyValue {
  const limit = position(args[2]!)
  const items = data.typed(args[1]!, 'list')?.items
  if (items === undefined) return 0
  const places = items.flatMap((item, i) => (item === args[3] ? [i] : []))
  const most = limit === 0 ? places.length : Math.abs(limit)
  const gone = limit < 0 ? places.slice(-most) : places.slice(0, most)
  for (const at of gone.reverse()) items.splice(at, 1)
  if (gone.length > 0) data.changed(args[1]!)
  return gone.length
}

function linsert({ args, data }: Call): ReplyValue {
  const where = args[2]!.toLowerCase()
  if (where !== 'before' && where !== 'after') refuse(TEXTS.syntax)
  const items = data.typed(args[1]!, 'list')?.items
  if (items === undefined) return 0
  const at = items.indexOf(args[3]!)
  if (at < 0) return -1
  items.splice(where === 'before' ? at : at + 1, 0, args[4]!)
  data.changed(args[1]!)
  return items.length
}

function endOf(word: string): End {
  const end = word.toLowerCase()
  return end === 'left' || end === 'right' ? end : refuse(TEXTS.syntax)
}

/** Moves one item; undefined while there is none. */
function move(
  data: Keyspace,
  source: string,
  target: string,
  from: End,
  to: End
): Buffer | undefined {
  if (data.typed(source, 'list') === undefined) return undefined
  data.typed(target, 'list')
  const taken = take(data, source, from)!
  add(data, target, to, [taken])
  return bulk(taken)
}

function lmove({ args, data }: Call): ReplyValue {
  const [from, to] = [endOf(args[3]!), endOf(args[4]!)]
  return move(data, args[1]!, args[2]!, from, to) ?? null
}

/** The milliseconds of a blocking command's time limit in seconds. */
function timeoutOf(text: string): number {
  const seconds = float(text, 'ERR timeout is not a float or out of range')
  if (seconds < 0) refuse('ERR timeout is negative')
  return Math.ceil(seconds * 1000)
}

function blockingPop(end: End) {
  return ({ args, data }: Call): ReplyValue | Wait => {
    const timeout = timeoutOf(args.at(-1)!)
    const keys = args.slice(1, -1)
    const attempt = (): ReplyValue | undefined => {
      const key = keys.find((one) => data.typed(one, 'list') !== undefined)
      return key === undefined ? undefined : [bulk(key), bulk(take(data, key, end))]
    }
    return attempt() ?? new Wait(keys, timeout, attempt, NULL_ARRAY)
  }
}

function blockingMove(ends: (args: readonly string[]) => readonly [End, End]) {
  return ({ args, data }: Call): ReplyValue | Wait => {
    const [from, to] = ends(args)
    const timeout = timeoutOf(args.at(-1)!)
    const attempt = (): ReplyValue | undefined => move(data, args[1]!, args[2]!, from, to)
    return attempt() ?? new Wait([args[1]!], timeout, attempt, NULL_ARRAY)
  }
}

/** Commands on lists. */
export const lists: readonly CommandRow[] = family('list', [
  row('lpush', -3, FAST_WRITE, KEYS.first, push('left', false)),
  row('rpush', -3, FAST_WRITE, KEYS.first, push('right', false)),
  row('lpushx', -3, FAST_WRITE, KEYS.first, push('left', true)),
  row('rpushx', -3, FAST_WRITE, KEYS.first, push('right', true)),
  row('lpop', -2, 'write fast', KEYS.first, pop('left')),
  row('rpop', -2, 'write fast', KEYS.first, pop('right')),
  row(
    'llen',
    2,
    'readonly fast',
    KEYS.first,
    ({ args, data }) => data.typed(args[1]!, 'list')?.items.length ?? 0
  ),
  row('lrange', 4, 'readonly', KEYS.first, lrange),
  row('lindex', 3, 'readonly', KEYS.first, lindex),
  row('lset', 4, 'write denyoom', KEYS.first, lset),
  row('lrem', 4, 'write', KEYS.first, lrem),
  row('ltrim', 4, 'write', KEYS.first, ltrim),
  row('linsert', 5, 'write denyoom', KEYS.first, linsert),
  row('lmove', 5, 'write denyoom', KEYS.two, lmove, { since: '6.2.0' }),
  row(
    'rpoplpush',
    3,
    'write denyoom',
    KEYS.two,
    ({ args, data }) => move(data, args[1]!, args[2]!, 'right', 'left') ?? null
  ),
  row('blpop', -3, 'write noscript blocking', KEYS.butLast, blockingPop('left')),
  row('brpop', -3, 'write noscript blocking', KEYS.butLast, blockingPop('right')),
  row(
    'blmove',
    6,
    'write denyoom noscript blocking',
    KEYS.two,
    blockingMove((args) => [endOf(args[3]!), endOf(args[4]!)]),
    {
      since: '6.2.0',
    }
  ),
  row(
    'brpoplpush',
    4,
    'write denyoom noscript blocking',
    KEYS.two,
    blockingMove(() => ['right', 'left'])
  ),
])
