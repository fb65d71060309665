import { Dice } from '../support/dice.ts'

/** A word of a template: literal text, or a function that makes one. */
type Word = string | ((stream: CommandStream) => string | readonly string[])
type Template = readonly Word[]

const INTEGERS = [
  '0',
  '1',
  '-1',
  '2',
  '3',
  '10',
  '-3',
  '100',
  '9223372036854775807',
  '-9223372036854775808',
  'x',
  '1.5',
  '',
]
const FLOATS = [
  '0',
  '1',
  '1.5',
  '-2.25',
  '0.1',
  '3e2',
  '1e20',
  '12345.678',
  'inf',
  '-inf',
  'x',
  '0.30000000000000004',
  '5',
]
const VALUES = [
  'a',
  'b',
  'hello',
  '',
  '1',
  '12',
  '-7',
  '3.5',
  'A\u00e9',
  'x'.repeat(70),
  'two\r\nlines',
]
const MEMBERS = ['1', '2', '3', '17', 'a', 'b', 'c', 'dd']
const BOUNDS = ['0', '1', '(1', '1.5', '(3', '-inf', '+inf', 'inf', '300', 'x']

const pick =
  (words: readonly string[]): Word =>
  (stream) =>
    stream.pick(words)
const some =
  (...words: readonly Word[]): Word =>
  (stream) =>
    stream.repeat(1, 3, words)
const maybe =
  (...words: readonly Word[]): Word =>
  (stream) =>
    stream.repeat(0, 1, words)
const key =
  (type: string): Word =>
  (stream) =>
    stream.key(type)

const integer = pick(INTEGERS)
const float = pick(FLOATS)
const value = pick(VALUES)
const member = pick(MEMBERS)
const bound = pick(BOUNDS)
const index = pick(['0', '1', '-1', '2', '-2', '5', '-100', '100'])
const str = key('s')
const hash = key('h')
const list = key('l')
const set = key('t')
const zset = key('z')
const any = key('any')
const seconds = pick(['100000', '1000000', '0', '-1', 'x', '9223372036854775807'])
const moment = pick(['4102444800', '4102444801', '1', '0', 'x'])
// No moment that has passed: a server counts the dead key in DBSIZE until it comes across it.
const future = pick(['4102444800', '4102444801', '0', 'x'])
const end = pick(['LEFT', 'RIGHT', 'left', 'UP'])
const when = maybe(pick(['NX', 'XX', 'GT', 'LT', 'nx', 'foo']))
const condition = maybe(pick(['NX', 'XX', 'GET', 'KEEPTTL', 'EX', 'bogus']))

const STRINGS: readonly Template[] = [
  ['GET', str],
  ['SET', str, value],
  ['SET', str, value, condition, condition],
  ['SET', str, value, pick(['EX', 'PX']), seconds, condition],
  ['SET', str, value, pick(['EXAT', 'exat']), future, condition],
  ['GETEX', str, 'PXAT', pick(['4102444800000', '0', 'x'])],
  ['GETSET', str, value],
  ['SETNX', str, value],
  ['SETEX', str, seconds, value],
  ['PSETEX', str, seconds, value],
  ['GETDEL', str],
  ['GETEX', str, maybe(pick(['PERSIST', 'EX', 'foo'])), maybe(seconds)],
  ['APPEND', str, value],
  ['STRLEN', str],
  ['GETRANGE', str, index, index],
  ['SUBSTR', str, index, index],
  ['SETRANGE', str, pick(['0', '1', '5', '-1', 'x', '536870912']), value],
  ['MGET', some(any)],
  ['MSET', some(str, value), maybe(str)],
  ['MSETNX', some(str, value)],
  ['INCR', str],
  ['DECR', str],
  ['INCRBY', str, integer],
  ['DECRBY', str, integer],
  ['INCRBYFLOAT', str, float],
]

const KEYS: readonly Template[] = [
  ['DEL', some(any)],
  ['UNLINK', some(any)],
  ['EXISTS', some(any)],
  ['TOUCH', some(any)],
  ['TYPE', any],
  ['EXPIRE', any, seconds, when, when],
  ['PEXPIRE', any, seconds, when],
  ['EXPIREAT', any, moment, when],
  ['PEXPIREAT', any, moment, when],
  ['TTL', any],
  ['PTTL', any],
  ['EXPIRETIME', any],
  ['PEXPIRETIME', any],
  ['PERSIST', any],
  ['RENAME', any, any],
  ['RENAMENX', any, any],
  ['COPY', any, any, maybe('REPLACE')],
  ['COPY', any, any, 'DB', pick(['0', '1', 'x'])],
  ['FLUSHDB', pick(['nonsense'])],
  ['SPOP', set, '1', '2'],
  ['KEYS', pick(['*', 's*', '[sh]?{*', '[^s]*', '?1*', 'h\\1*', 'nothing'])],
  ['DBSIZE'],
  ['OBJECT', 'ENCODING', any],
  ['OBJECT', 'REFCOUNT', any],
  ['OBJECT', 'FREQ', any],
  ['OBJECT', 'NONSENSE', any],
  ['NONSENSE', some(value)],
  ['GET'],
  ['SCAN', pick(['x', '-1', '0']), pick(['COUNT', 'nonsense']), pick(['0', 'x'])],
]

const HASHES: readonly Template[] = [
  ['HSET', hash, some(member, value), maybe(member)],
  ['HMSET', hash, some(member, value)],
  ['HGET', hash, member],
  ['HMGET', hash, some(member)],
  ['HDEL', hash, some(member)],
  ['HGETALL', hash],
  ['HKEYS', hash],
  ['HVALS', hash],
  ['HLEN', hash],
  ['HEXISTS', hash, member],
  ['HINCRBY', hash, member, integer],
  ['HINCRBYFLOAT', hash, member, float],
  ['HSETNX', hash, member, value],
  ['HSTRLEN', hash, member],
  ['HSCAN', hash, '0', maybe('MATCH', pick(['*', 'a', '[1-2]']))],
]

const LISTS: readonly Template[] = [
  ['LPUSH', list, some(value)],
  ['RPUSH', list, some(value)],
  ['LPUSHX', list, some(value)],
  ['RPUSHX', list, some(value)],
  ['LPOP', list, maybe(integer)],
  ['RPOP', list, maybe(index)],
  ['LPOP', list, '1', '2'],
  ['LLEN', list],
  ['LRANGE', list, index, index],
  ['LINDEX', list, index],
  ['LSET', list, index, value],
  ['LREM', list, index, value],
  ['LTRIM', list, pick(['0', '-5', '1']), pick(['-1', '5', '2'])],
  ['LINSERT', list, pick(['BEFORE', 'after', 'x']), value, value],
  ['LMOVE', list, list, end, end],
  ['RPOPLPUSH', list, list],
  ['BLPOP', some(list), '0.001'],
  ['BRPOP', list, pick(['0.001', '-1', 'x'])],
]

const SETS: readonly Template[] = [
  ['SADD', set, some(member)],
  ['SADD', set, some(pick(['1', '2', '3']))],
  ['SREM', set, some(member)],
  ['SMEMBERS', set],
  ['SISMEMBER', set, member],
  ['SMISMEMBER', set, some(member)],
  ['SCARD', set],
  ['SPOP', set, pick(['x', '-1', '0'])],
  ['SRANDMEMBER', set, pick(['x', '0'])],
  ['SMOVE', set, set, member],
  ['SUNION', some(set)],
  ['SINTER', some(set)],
  ['SDIFF', some(set)],
  ['SUNIONSTORE', set, some(set)],
  ['SINTERSTORE', set, some(set)],
  ['SDIFFSTORE', set, some(set)],
  ['SSCAN', set, '0', maybe('MATCH', '[1-9]*')],
]

const flag = maybe(pick(['NX', 'XX', 'GT', 'LT', 'CH', 'INCR', 'ch']))
const limit = maybe('LIMIT', pick(['0', '1', '-1']), pick(['1', '2', '-1', 'x']))

const SORTED_SETS: readonly Template[] = [
  ['ZADD', zset, some(float, member)],
  ['ZADD', zset, flag, flag, some(float, member)],
  ['ZINCRBY', zset, float, member],
  ['ZREM', zset, some(member)],
  ['ZSCORE', zset, member],
  ['ZMSCORE', zset, some(member)],
  ['ZCARD', zset],
  ['ZCOUNT', zset, bound, bound],
  ['ZRANGE', zset, index, index, maybe('WITHSCORES'), maybe('REV')],
  ['ZRANGE', zset, bound, bound, 'BYSCORE', maybe('REV'), limit, maybe('WITHSCORES')],
  // Ranges by text mean something only where all scores are the same.
  ['ZADD', 'lex{tag}', '0', member],
  [
    'ZRANGE',
    'lex{tag}',
    pick(['-', '[a', '(b']),
    pick(['+', '[c', 'x']),
    'BYLEX',
    limit,
    maybe('REV'),
  ],
  ['ZRANGE', zset, index, index, limit],
  ['ZREVRANGE', zset, index, index, maybe('WITHSCORES')],
  ['ZRANGEBYSCORE', zset, bound, bound, maybe('WITHSCORES'), limit],
  ['ZREVRANGEBYSCORE', zset, bound, bound, limit, maybe('WITHSCORES')],
  ['ZRANK', zset, member],
  ['ZREVRANK', zset, member],
  ['ZPOPMIN', zset, maybe(integer)],
  ['ZPOPMAX', zset, maybe(index)],
  ['ZREMRANGEBYRANK', zset, index, index],
  ['ZREMRANGEBYSCORE', zset, bound, bound],
  ['ZSCAN', zset, '0'],
]

const CONNECTION: readonly Template[] = [
  ['PING', maybe(value)],
  ['ECHO', value],
  ['PING', 'a', 'b'],
  ['CLIENT', 'SETNAME', value],
  ['CLIENT', 'GETNAME'],
  ['CLIENT', 'NO-EVICT', pick(['ON', 'off', 'x'])],
  ['CLIENT', 'NONSENSE'],
  ['CONFIG', 'GET', pick(['maxmemory', 'appendonly', 'nothing'])],
  ['HELLO', '4'],
  ['AUTH', 'wrong'],
  ['AUTH', 'nobody', 'wrong'],
  ['MULTI'],
  ['EXEC'],
  ['DISCARD'],
  ['WATCH', some(any)],
  ['UNWATCH'],
  ['PUBLISH', member, value],
]

const TEMPLATES: readonly Template[] = [
  ...STRINGS,
  ...KEYS,
  ...HASHES,
  ...LISTS,
  ...SETS,
  ...SORTED_SETS,
  ...CONNECTION,
  // A transaction must not stay open for long.
  ['EXEC'],
  ['EXEC'],
]

/** Random commands, the same for the same seed. */
export class CommandStream {
  readonly #dice: Dice

  constructor(seed: number) {
    this.#dice = new Dice(seed)
  }

  pick(words: readonly string[]): string {
    return words[this.#dice.below(words.length)]!
  }

  /** A key that mostly has values of one type. */
  key(type: string): string {
    const wanted =
      type === 'any' || this.#dice.below(12) === 0 ? this.pick(['s', 'h', 'l', 't', 'z']) : type
    return `${wanted}${this.#dice.below(3)}${this.#dice.below(60) === 0 ? '' : '{tag}'}`
  }

  repeat(least: number, most: number, words: readonly Word[]): string[] {
    const times = least + this.#dice.below(most - least + 1)
    return Array.from({ length: times }, () => words.flatMap((word) => this.#make(word))).flat()
  }

  #make(word: Word): readonly string[] {
    const made = typeof word === 'string' ? word : word(this)
    return typeof made === 'string' ? [made] : made
  }

  /** The next command. */
  next(): string[] {
    const template = TEMPLATES[this.#dice.below(TEMPLATES.length)]!
    return template.flatMap((word) => this.#make(word))
  }
}
