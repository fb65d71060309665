import { OK, type ReplyValue, SimpleString } from '../../resp/encode.ts'
import { matchesGlob } from '../glob.ts'
import type { Value } from '../keyspace.ts'
import { integer, parseInteger } from '../numbers.ts'
import { refuse, TEXTS } from '../refusal.ts'
import { bulk, bulks, type Call, type CommandRow, family, KEYS, row } from './call.ts'
import { scan } from './scan.ts'

/** Longest string that lies beside its header. */
const EMBEDDED = 44

function encodingOf(value: Value): string {
  if (value.type === 'string') {
    if (value.form === 'compact' && parseInteger(value.text) !== undefined) return 'int'
    return value.form !== 'raw' && value.text.length <= EMBEDDED ? 'embstr' : 'raw'
  }
  if (value.type === 'list') return 'quicklist'
  if (value.type === 'set') return value.large ? 'hashtable' : 'intset'
  if (value.type === 'zset') return value.large ? 'skiplist' : 'listpack'
  return value.large ? 'hashtable' : 'listpack'
}

function del({ args, data }: Call): ReplyValue {
  return args.slice(1).filter((key) => data.has(key) && data.delete(key)).length
}

function exists({ args, data }: Call): ReplyValue {
  return args.slice(1).filter((key) => data.has(key)).length
}

function rename({ args, data }: Call): ReplyValue {
  const [, from, to] = args as [string, string, string]
  const value = data.get(from) ?? refuse(TEXTS.noSuchKey)
  if (from === to) return OK
  const expiresAt = data.expiresAt(from)
  data.delete(from)
  data.set(to, value, expiresAt)
  return OK
}

function renamenx(call: Call): ReplyValue {
  if (!call.data.has(call.args[1]!)) refuse(TEXTS.noSuchKey)
  if (call.data.has(call.args[2]!)) return 0
  rename(call)
  return 1
}

function copyReplaces(words: readonly string[]): boolean {
  let replace = false
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!.toLowerCase()
    if (word === 'replace') replace = true
    else if (word === 'db' && i + 1 < words.length) {
      if (integer(words[++i]!) !== 0n)
        refuse('ERR Copying to another database is not allowed in cluster mode')
    } else refuse(TEXTS.syntax)
  }
  return replace
}

function copy({ args, data }: Call): ReplyValue {
  const [, from, to] = args as [string, string, string]
  const replace = copyReplaces(args.slice(3))
  if (from === to) refuse('ERR source and destination objects are the same')
  const value = data.copyOf(from)
  if (value === undefined || (data.has(to) && !replace)) return 0
  data.set(to, value, data.expiresAt(from))
  return 1
}

function flush({ args, data, node }: Call): ReplyValue {
  const mode = args[1]?.toLowerCase()
  if (args.length > 2 || (mode !== undefined && mode !== 'async' && mode !== 'sync'))
    refuse(TEXTS.syntax)
  data.clear()
  node.tracking.cleared()
  return OK
}

function randomkey({ data }: Call): ReplyValue {
  const keys = data.keys()
  return bulk(keys[Math.floor(Math.random() * keys.length)])
}

function object(answer: (value: Value) => ReplyValue) {
  return ({ args, data }: Call): ReplyValue => {
    const value = data.get(args[2]!)
    return value === undefined ? null : answer(value)
  }
}

const NO_LFU =
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. ' +
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.'

const ON_KEY = [2, 2, 1] as const
const objectRows: readonly CommandRow[] = family('keyspace', [
  row('object|encoding', 3, 'readonly', ON_KEY, object(encodingOf)),
  row(
    'object|refcount',
    3,
    'readonly',
    ON_KEY,
    object(() => 1)
  ),
  row(
    'object|idletime',
    3,
    'readonly',
    ON_KEY,
    object(() => 0)
  ),
  row(
    'object|freq',
    3,
    'readonly',
    ON_KEY,
    object(() => refuse(NO_LFU))
  ),
])

const SUM = { tips: ['request_policy:multi_shard', 'response_policy:agg_sum'] }
const ALL = { tips: ['request_policy:all_shards', 'response_policy:all_succeeded'] }
const LISTING = { tips: ['request_policy:all_shards', 'nondeterministic_output_order'] }

/** Commands on keys of any type. */
export const keys: readonly CommandRow[] = family('keyspace', [
  row('del', -2, 'write', KEYS.all, del, SUM),
  row('unlink', -2, 'write fast', KEYS.all, del, SUM),
  row('exists', -2, 'readonly fast', KEYS.all, exists, SUM),
  row('touch', -2, 'readonly fast', KEYS.all, exists, SUM),
  row(
    'type',
    2,
    'readonly fast',
    KEYS.first,
    ({ args, data }) => new SimpleString(data.get(args[1]!)?.type ?? 'none')
  ),
  row('rename', 3, 'write', KEYS.two, rename),
  row('renamenx', 3, 'write fast', KEYS.two, renamenx),
  row('copy', -3, 'write denyoom', KEYS.two, copy),
  row('keys', 2, 'readonly', KEYS.none, keysMatching, LISTING),
  row('scan', -2, 'readonly', KEYS.none, scan, {
    tips: ['nondeterministic_output', 'request_policy:special'],
  }),
  row('randomkey', 1, 'readonly', KEYS.none, randomkey, {
    tips: ['request_policy:all_shards', 'nondeterministic_output'],
  }),
  row('dbsize', 1, 'readonly fast', KEYS.none, ({ data }) => data.keys().length, {
    tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
  }),
  row('flushall', -1, 'write', KEYS.none, flush, ALL),
  row('flushdb', -1, 'write', KEYS.none, flush, ALL),
  row('object', -2, '', KEYS.none, () => null, { subcommands: objectRows }),
])

function keysMatching({ args, data }: Call): ReplyValue {
  return bulks(data.keys().filter((key) => matchesGlob(args[1]!, key)))
}
