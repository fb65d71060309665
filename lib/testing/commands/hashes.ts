import { OK, type ReplyValue } from '../../resp/encode.ts'
import type { HashValue, Keyspace } from '../keyspace.ts'
import { addDecimals } from '../long-double.ts'
import { fits, float, integer } from '../numbers.ts'
import { refuse, TEXTS, wrongArity } from '../refusal.ts'
import { bulk, bulks, type Call, type CommandRow, family, KEYS, row } from './call.ts'
import { scanCollection } from './scan.ts'

/** `hash-max-listpack-entries` and `hash-max-listpack-value`. */
const SMALL_ENTRIES = 512
const SMALL_VALUE = 64
const FAST_WRITE = 'write denyoom fast'

function fieldsOf({ args, data }: Call): ReadonlyMap<string, string> {
  return data.typed(args[1]!, 'hash')?.fields ?? new Map<string, string>()
}

function put(hash: HashValue, field: string, text: string): void {
  hash.fields.set(field, text)
  const long = field.length > SMALL_VALUE || text.length > SMALL_VALUE
  if (long || hash.fields.size > SMALL_ENTRIES) hash.large = true
}

function putAll(data: Keyspace, args: readonly string[]): number {
  const hash = data.typedOrNew(args[1]!, 'hash')
  const before = hash.fields.size
  for (let i = 2; i < args.length; i += 2) put(hash, args[i]!, args[i + 1]!)
  data.changed(args[1]!)
  return hash.fields.size - before
}

function hset({ args, data }: Call): ReplyValue {
  if (args.length % 2 === 1) refuse(wrongArity(args[0]!.toLowerCase()))
  return putAll(data, args)
}

function hmset(call: Call): ReplyValue {
  hset(call)
  return OK
}

function hsetnx(call: Call): ReplyValue {
  if (fieldsOf(call).has(call.args[2]!)) return 0
  return putAll(call.data, call.args)
}

function hdel({ args, data }: Call): ReplyValue {
  const hash = data.typed(args[1]!, 'hash')
  if (hash === undefined) return 0
  const removed = args.slice(2).filter((field) => hash.fields.delete(field)).length
  if (removed > 0) data.changed(args[1]!)
  return removed
}

function hincrby(call: Call): ReplyValue {
  const [, , field, amountText] = call.args as [string, string, string, string]
  const amount = integer(amountText)
  const before = integer(fieldsOf(call).get(field) ?? '0', 'ERR hash value is not an integer')
  const sum = before + amount
  if (!fits(sum)) refuse(TEXTS.overflow)
  putAll(call.data, ['', call.args[1]!, field, String(sum)])
  return sum
}

function hincrbyfloat(call: Call): ReplyValue {
  const [, , field, amountText] = call.args as [string, string, string, string]
  const amount = float(amountText)
  if (!Number.isFinite(amount)) refuse('ERR value is NaN or Infinity')
  const before = fieldsOf(call).get(field) ?? '0'
  const sum = float(before, 'ERR hash value is not a float') + amount
  const text = Number.isFinite(sum) ? addDecimals(before, amountText) : undefined
  if (text === undefined) return refuse(TEXTS.notFinite)
  putAll(call.data, ['', call.args[1]!, field, text])
  return bulk(text)
}

function hmget(call: Call): ReplyValue {
  const fields = fieldsOf(call)
  return call.args.slice(2).map((field) => bulk(fields.get(field)))
}

function hgetall(call: Call): ReplyValue {
  return new Map(Array.from(fieldsOf(call), ([field, text]) => [bulk(field), bulk(text)] as const))
}

const UNORDERED = { tips: ['nondeterministic_output_order'] }

/** Commands on hashes. */
export const hashes: readonly CommandRow[] = family('hash', [
  row('hset', -4, FAST_WRITE, KEYS.first, hset),
  row('hget', 3, 'readonly fast', KEYS.first, (call) => bulk(fieldsOf(call).get(call.args[2]!))),
  row('hmset', -4, FAST_WRITE, KEYS.first, hmset),
  row('hmget', -3, 'readonly fast', KEYS.first, hmget),
  row('hdel', -3, 'write fast', KEYS.first, hdel),
  row('hgetall', 2, 'readonly', KEYS.first, hgetall, UNORDERED),
  row('hkeys', 2, 'readonly', KEYS.first, (call) => bulks(fieldsOf(call).keys()), UNORDERED),
  row('hvals', 2, 'readonly', KEYS.first, (call) => bulks(fieldsOf(call).values()), UNORDERED),
  row('hlen', 2, 'readonly fast', KEYS.first, (call) => fieldsOf(call).size),
  row('hexists', 3, 'readonly fast', KEYS.first, (call) =>
    Number(fieldsOf(call).has(call.args[2]!))
  ),
  row('hincrby', 4, FAST_WRITE, KEYS.first, hincrby),
  row('hincrbyfloat', 4, FAST_WRITE, KEYS.first, hincrbyfloat),
  row('hsetnx', 4, FAST_WRITE, KEYS.first, hsetnx),
  row(
    'hstrlen',
    3,
    'readonly fast',
    KEYS.first,
    (call) => fieldsOf(call).get(call.args[2]!)?.length ?? 0
  ),
  row('hscan', -3, 'readonly', KEYS.first, scanCollection('hash'), {
    tips: ['nondeterministic_output'],
  }),
])
