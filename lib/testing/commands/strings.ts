import { OK, type ReplyValue } from '../../resp/encode.ts'
import type { Keyspace, StringValue } from '../keyspace.ts'
import { position } from '../numbers.ts'
import { refuse, TEXTS, wrongArity } from '../refusal.ts'
import { bulk, type Call, type CommandRow, family, KEYS, row } from './call.ts'
import { expiryOf, parseExpiry } from './expiry.ts'

const MAX_LENGTH = 512 * 1024 * 1024
const WRITE = 'write denyoom'
const FAST_WRITE = 'write denyoom fast'

/** A string value as SET stores it. */
export function stringValue(text: string): StringValue {
  return { type: 'string', text, form: 'compact' }
}

interface SetOptions {
  readonly condition: 'nx' | 'xx' | undefined
  readonly get: boolean
  readonly keepTtl: boolean
  readonly expiry: readonly [unit: string, amount: string] | undefined
}

function setOptions(words: readonly string[]): SetOptions {
  const options = { condition: undefined as 'nx' | 'xx' | undefined, get: false, keepTtl: false }
  let expiry: readonly [string, string] | undefined
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!.toLowerCase()
    const lives = options.keepTtl || expiry !== undefined
    if ((word === 'nx' || word === 'xx') && (options.condition ?? word) === word)
      options.condition = word
    else if (word === 'get') options.get = true
    else if (word === 'keepttl' && expiry === undefined) options.keepTtl = true
    else if (['ex', 'px', 'exat', 'pxat'].includes(word) && !lives && i + 1 < words.length) {
      expiry = [word, words[++i]!]
    } else refuse(TEXTS.syntax)
  }
  return { ...options, expiry }
}

function set({ args, data }: Call): ReplyValue {
  const [, key, text] = args as [string, string, string]
  const options = setOptions(args.slice(3))
  const expiresAt = options.expiry && parseExpiry('set', ...options.expiry)
  const before = options.get ? bulk(data.typed(key, 'string')?.text) : undefined
  const blocked = options.condition !== undefined && data.has(key) !== (options.condition === 'xx')
  if (blocked) return before ?? null
  data.set(key, stringValue(text), options.keepTtl ? data.expiresAt(key) : expiresAt)
  return before === undefined ? OK : before
}

function setWithExpiry(unit: 'ex' | 'px', name: string) {
  return ({ args, data }: Call): ReplyValue => {
    data.set(args[1]!, stringValue(args[3]!), parseExpiry(name, unit, args[2]!))
    return OK
  }
}

function getex({ args, data }: Call): ReplyValue {
  const words = args.slice(2).map((word) => word.toLowerCase())
  const persist = words.length === 1 && words[0] === 'persist'
  const timed = words.length === 2 && ['ex', 'px', 'exat', 'pxat'].includes(words[0]!)
  if (words.length > 0 && !persist && !timed) refuse(TEXTS.syntax)
  const value = data.typed(args[1]!, 'string')
  if (value === undefined) return null
  const found = bulk(value.text)
  if (persist) data.expire(args[1]!, undefined)
  if (timed) expiryOf(data, args[1]!, parseExpiry('getex', words[0]!, words[1]!))
  return found
}

function getrange({ args, data }: Call): ReplyValue {
  const [from, to] = [position(args[2]!), position(args[3]!)]
  const text = data.typed(args[1]!, 'string')?.text ?? ''
  if (from < 0 && to < 0 && from > to) return ''
  const start = Math.max(0, from < 0 ? text.length + from : from)
  const end = Math.max(0, to < 0 ? text.length + to : to)
  return bulk(text.slice(start, end + 1))
}

function checkLength(length: number): void {
  if (length > MAX_LENGTH) refuse(TEXTS.tooLong)
}

function setrange({ args, data }: Call): ReplyValue {
  const [, key, , patch] = args as [string, string, string, string]
  const offset = position(args[2]!)
  if (offset < 0) refuse('ERR offset is out of range')
  const value = data.typed(key, 'string')
  if (patch === '') return value?.text.length ?? 0
  checkLength(offset + patch.length)
  const target = value ?? data.typedOrNew(key, 'string')
  const padded = target.text.padEnd(offset, '\0')
  target.text = padded.slice(0, offset) + patch + padded.slice(offset + patch.length)
  target.form = 'raw'
  data.changed(key)
  return target.text.length
}

function append({ args, data }: Call): ReplyValue {
  const [, key, more] = args as [string, string, string]
  const existed = data.has(key)
  const value = data.typedOrNew(key, 'string')
  checkLength(value.text.length + more.length)
  value.text += more
  if (existed) value.form = 'raw'
  data.changed(key)
  return value.text.length
}

function setAll(data: Keyspace, args: readonly string[]): void {
  for (let i = 1; i < args.length; i += 2) data.set(args[i]!, stringValue(args[i + 1]!))
}

function mset({ args, data }: Call): ReplyValue {
  if (args.length % 2 === 0) refuse(wrongArity('mset'))
  setAll(data, args)
  return OK
}

function msetnx({ args, data }: Call): ReplyValue {
  if (args.length % 2 === 0) refuse(wrongArity('msetnx'))
  for (let i = 1; i < args.length; i += 2) if (data.has(args[i]!)) return 0
  setAll(data, args)
  return 1
}

function setnx({ args, data }: Call): ReplyValue {
  if (data.has(args[1]!)) return 0
  data.set(args[1]!, stringValue(args[2]!))
  return 1
}

function getset({ args, data }: Call): ReplyValue {
  const before = bulk(data.typed(args[1]!, 'string')?.text)
  data.set(args[1]!, stringValue(args[2]!))
  return before
}

function getdel({ args, data }: Call): ReplyValue {
  const before = bulk(data.typed(args[1]!, 'string')?.text)
  data.delete(args[1]!)
  return before
}

const get = ({ args, data }: Call): ReplyValue => bulk(data.typed(args[1]!, 'string')?.text)
const strlen = ({ args, data }: Call): ReplyValue =>
  data.typed(args[1]!, 'string')?.text.length ?? 0

function mget({ args, data }: Call): ReplyValue {
  return args.slice(1).map((key) => {
    const value = data.get(key)
    return value?.type === 'string' ? bulk(value.text) : null
  })
}

const MULTI_SHARD = 'request_policy:multi_shard'

/** Commands on strings, counters aside. */
export const strings: readonly CommandRow[] = family('string', [
  row('get', 2, 'readonly fast', KEYS.first, get),
  row('set', -3, WRITE, KEYS.first, set),
  row('getset', 3, FAST_WRITE, KEYS.first, getset),
  row('setnx', 3, FAST_WRITE, KEYS.first, setnx),
  row('setex', 4, WRITE, KEYS.first, setWithExpiry('ex', 'setex')),
  row('psetex', 4, WRITE, KEYS.first, setWithExpiry('px', 'psetex')),
  row('getdel', 2, 'write fast', KEYS.first, getdel),
  row('getex', -2, 'write fast', KEYS.first, getex),
  row('append', 3, FAST_WRITE, KEYS.first, append),
  row('strlen', 2, 'readonly fast', KEYS.first, strlen),
  row('getrange', 4, 'readonly', KEYS.first, getrange),
  row('substr', 4, 'readonly', KEYS.first, getrange),
  row('setrange', 4, WRITE, KEYS.first, setrange),
  row('mget', -2, 'readonly fast', KEYS.all, mget, { tips: [MULTI_SHARD] }),
  row('mset', -3, WRITE, KEYS.pairs, mset, {
    tips: [MULTI_SHARD, 'response_policy:all_succeeded'],
  }),
  row('msetnx', -3, WRITE, KEYS.pairs, msetnx, { tips: [MULTI_SHARD, 'response_policy:agg_min'] }),
])
