import { createHash } from 'node:crypto'
import { Dice } from '../support/dice.ts'

/** The tag of all keys: in the cluster they are in one slot, so that everything a single server does works there too. */
const TAG = '{t}'
/** Keys of each type. One has a name with bytes that end a line or a string elsewhere. */
const NAMES = ['1', '2', '3', '\r\n\0é']
/** The first letter of a key tells which type it mostly has. */
const TYPES = ['s', 'h', 'l', 't', 'z', 'x', 'p', 'g', 'b']

/** All keys that a stream can use. */
export const ALL_KEYS: readonly string[] = [...TYPES, 'y', 'junk'].flatMap((type) =>
  ['', ...NAMES].map((name) => `${type}${name}${TAG}`)
)

/** The scripts that commands may run or name. */
export const SCRIPTS: readonly string[] = [
  "return redis.call('GET', KEYS[1])",
  "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  "return {KEYS[1], ARGV[1], #ARGV, 1.9, false, true, {ok='FINE'}, {err='MY ERR'}, {}}",
  "return redis.pcall('LPUSH', KEYS[1], unpack(ARGV))",
  "redis.setresp(3) return redis.call('ZSCORE', KEYS[1], ARGV[1])",
  'return {double=1.5}',
  "return {map={only='pair'}}",
  'return {set={member=true}}',
  "return {big_number='1234567890123456789012'}",
  "return {verbatim_string={format='txt', string='as it is'}}",
  "return redis.error_reply('MOVED 1 127.0.0.1:1')",
  "return redis.error_reply('ASK 1 127.0.0.1:1')",
  "return {redis.error_reply('MOVED 1 127.0.0.1:1')}",
  "return redis.status_reply('FINE')",
  "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'x')",
  'return nil',
  'no lua',
]

/** What a word with a `$` before it stands for: one of these. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  v: ['a', 'b', 'hello', '', '1', '12', '-7', '3.5', 'Aé', 'x'.repeat(70), 'two\r\nlines\0'],
  int: [
    '0',
    '1',
    '-1',
    '2',
    '3',
    '10',
    '-3',
    '9223372036854775807',
    '-9223372036854775808',
    'x',
    '',
  ],
  float: [
    '0',
    '1',
    '1.5',
    '-2.25',
    '0.1',
    '3e2',
    '1e20',
    'inf',
    '-inf',
    'nan',
    'x',
    '5',
    '12345.678',
  ],
  n: ['0', '1', '-1', '2', '-2', '5', '-100', '100'],
  count: ['0', '1', '2', '3', '10', '-1', 'x'],
  // How many keys follow where one does: never two, since what is no key then would count as one.
  keys: ['0', '1', '-1', 'x', '1.5'],
  offset: ['0', '1', '5', '7', '100', '-1', 'x', '4294967296'],
  m: ['1', '2', '3', '17', 'a', 'b', 'c', 'dd', 'é\r\n'],
  bound: ['0', '1', '(1', '1.5', '(3', '-inf', '+inf', '300', 'x'],
  // Ranges by name mean nothing where scores differ, so these sorted sets have one score only.
  y: [`y1${TAG}`, `y2${TAG}`],
  lex: ['-', '+', '[a', '(b', '[c', 'x'],
  sec: ['100', '1000', '100000', '0', '-1', 'x', '9223372036854775807'],
  // Nothing may expire while a stream runs.
  ms: ['100000', '10000000', '0', '-1', 'x', '9223372036854775807'],
  // Far enough from anything relative that no clock decides a comparison.
  moment: ['4102444800', '4102444801', '1', '0', 'x'],
  milli: ['4102444800000', '4102444801000', '1', 'x'],
  set: ['NX', 'XX', 'GET', 'KEEPTTL', 'bogus', 'nx'],
  nx: ['NX', 'XX', 'foo'],
  when: ['NX', 'XX', 'GT', 'LT', 'nx', 'foo'],
  zflag: ['NX', 'XX', 'GT', 'LT', 'CH', 'INCR', 'ch'],
  end: ['LEFT', 'RIGHT', 'left', 'UP'],
  minmax: ['MIN', 'MAX', 'min', 'x'],
  id: ['1-1', '2-0', '5-*', '7-3', '9', '0-0', 'x', '12-1', '20-5', '21-1', '40'],
  range: ['-', '+', '0', '5', '(5-1', '9-9', '$', 'x'],
  group: ['g1', 'g2'],
  who: ['alice', 'bob'],
  idle: ['0', '100000000', 'x'],
  trim: ['=', '~', ''],
  lon: ['13.361389', '15.087269', '-122.4', '0', '181', 'x'],
  lat: ['38.115556', '37.502669', '37.7', '0', '86', 'x'],
  city: ['Palermo', 'Catania', 'SF', 'null'],
  unit: ['m', 'km', 'mi', 'ft', 'x'],
  radius: ['0', '100', '200.5', '20000', '-1', 'x'],
  bits: ['0', '1', '2', 'x'],
  type: ['u8', 'i5', 'u1', 'i64', 'u63', 'u64', 'x'],
  over: ['WRAP', 'SAT', 'FAIL', 'x'],
  bop: ['AND', 'OR', 'XOR', 'NOT', 'x'],
  agg: ['SUM', 'MIN', 'MAX', 'x'],
  script: SCRIPTS,
  // Without a key they run at any node: not to be asked for by hash, since the others do not know them then.
  lone: ['return {#KEYS, #ARGV, ARGV[1]}', 'return 2^53', 'nothing'],
  sha: [
    ...SCRIPTS.map((text) => createHash('sha1').update(text).digest('hex')),
    'f'.repeat(40),
    'x',
  ],
}

/** `$word` is one of a list, `$s` to `$b` a key of that type, `$any` any; `[ ]` may be left out, `{ }` comes up to three times. */
const TEMPLATES: Readonly<Record<string, string>> = {
  strings: `
    GET $s
    SET $s $v [ $set ] [ $set ]
    SET $s $v EX $sec [ $set ]
    SET $s $v PXAT $milli
    GETSET $s $v
    SETNX $s $v
    SETEX $s $sec $v
    PSETEX $s $ms $v
    GETDEL $s
    GETEX $s [ PERSIST ]
    GETEX $s EXAT $moment
    APPEND $s $v
    STRLEN $s
    GETRANGE $s $n $n
    SUBSTR $s $n $n
    SETRANGE $s $offset $v
    MGET { $any }
    MSET { $s $v } [ $s ]
    MSETNX { $s $v }
    INCR $s
    DECR $s
    INCRBY $s $int
    DECRBY $s $int
    INCRBYFLOAT $s $float
    LCS $s $s [ LEN ] [ IDX ] [ MINMATCHLEN $count ] [ WITHMATCHLEN ]`,
  keys: `
    DEL { $any }
    UNLINK { $any }
    EXISTS { $any }
    TOUCH { $any }
    TYPE $any
    EXPIRE $any $sec [ $nx ]
    PEXPIRE $any $ms [ $nx ]
    EXPIREAT $any $moment [ $when ] [ $when ]
    PEXPIREAT $any $milli [ $when ]
    TTL $any
    PTTL $any
    EXPIRETIME $any
    PEXPIRETIME $any
    PERSIST $any
    RENAME $any $any
    RENAMENX $any $any
    COPY $any $any [ REPLACE ]
    DUMP $any
    RESTORE $any $ms $v
    OBJECT ENCODING $any
    OBJECT REFCOUNT $any
    OBJECT FREQ $any
    OBJECT $v $any
    OBJECT HELP
    SORT $any [ LIMIT $n $count ] [ DESC ] [ ALPHA ]
    SORT $any ALPHA STORE $l
    SORT_RO $any [ ALPHA ]`,
  hashes: `
    HSET $h { $m $v } [ $m ]
    HMSET $h { $m $v }
    HSETNX $h $m $v
    HGET $h $m
    HMGET $h { $m }
    HDEL $h { $m }
    HGETALL $h
    HKEYS $h
    HVALS $h
    HLEN $h
    HEXISTS $h $m
    HSTRLEN $h $m
    HINCRBY $h $m $int
    HINCRBYFLOAT $h $m $float
    HSCAN $h 0 COUNT 1000 [ MATCH [1-9]* ]
    HSCAN $h x
    HRANDFIELD $h 0
    HRANDFIELD $h x`,
  lists: `
    LPUSH $l { $v }
    RPUSH $l { $v }
    LPUSHX $l { $v }
    RPUSHX $l { $v }
    LPOP $l [ $int ]
    RPOP $l [ $n ]
    LLEN $l
    LRANGE $l $n $n
    LINDEX $l $n
    LSET $l $n $v
    LREM $l $n $v
    LTRIM $l $n $n
    LINSERT $l BEFORE $v $v
    LINSERT $l $end $v $v
    LPOS $l $v [ RANK $n ] [ COUNT $count ] [ MAXLEN $count ]
    LMOVE $l $l $end $end
    RPOPLPUSH $l $l
    LMPOP 2 $l $l $end [ COUNT $count ]
    LMPOP $keys $l $end`,
  sets: `
    SADD $t { $m }
    SADD $t 1 2 3 4
    SREM $t { $m }
    SMEMBERS $t
    SISMEMBER $t $m
    SMISMEMBER $t { $m }
    SCARD $t
    SMOVE $t $t $m
    SUNION { $t }
    SINTER { $t }
    SDIFF { $t }
    SUNIONSTORE $t { $t }
    SINTERSTORE $t { $t }
    SDIFFSTORE $t { $t }
    SINTERCARD 2 $t $t [ LIMIT $count ]
    SINTERCARD $keys $t
    SSCAN $t 0 COUNT 1000 [ MATCH [1-9]* ]
    SPOP $t 0
    SPOP $t x
    SRANDMEMBER $t 0
    SRANDMEMBER $t x`,
  sortedSets: `
    ZADD $z { $float $m }
    ZADD $z [ $zflag ] [ $zflag ] { $float $m }
    ZINCRBY $z $float $m
    ZREM $z { $m }
    ZSCORE $z $m
    ZMSCORE $z { $m }
    ZCARD $z
    ZADD $y 0 $m 0 $m
    ZCOUNT $z $bound $bound
    ZLEXCOUNT $y $lex $lex
    ZRANGE $z $n $n [ WITHSCORES ] [ REV ]
    ZRANGE $z $bound $bound BYSCORE [ REV ] [ LIMIT $n $count ] [ WITHSCORES ]
    ZRANGE $y $lex $lex BYLEX [ LIMIT $n $count ] [ REV ]
    ZRANGESTORE $z $z $n $n [ REV ]
    ZREVRANGE $z $n $n [ WITHSCORES ]
    ZRANGEBYSCORE $z $bound $bound [ WITHSCORES ] [ LIMIT $n $count ]
    ZREVRANGEBYSCORE $z $bound $bound [ LIMIT $n $count ] [ WITHSCORES ]
    ZRANGEBYLEX $y $lex $lex [ LIMIT $n $count ]
    ZREVRANGEBYLEX $y $lex $lex
    ZRANK $z $m
    ZREVRANK $z $m
    ZPOPMIN $z [ $int ]
    ZPOPMAX $z [ $n ]
    ZMPOP 2 $z $z $minmax [ COUNT $count ]
    ZREMRANGEBYRANK $z $n $n
    ZREMRANGEBYSCORE $z $bound $bound
    ZREMRANGEBYLEX $y $lex $lex
    ZUNION 2 $z $z [ WEIGHTS $float $float ] [ AGGREGATE $agg ] [ WITHSCORES ]
    ZINTER 2 $z $t [ WITHSCORES ]
    ZDIFF 2 $z $z [ WITHSCORES ]
    ZUNIONSTORE $z 2 $z $t [ WEIGHTS 2 3 ] [ AGGREGATE $agg ]
    ZUNIONSTORE $z $keys $z
    ZINTERSTORE $z 2 $z $z
    ZDIFFSTORE $z 2 $z $z
    ZINTERCARD 2 $z $z [ LIMIT $count ]
    ZSCAN $z 0 COUNT 1000
    ZRANDMEMBER $z 0
    ZRANDMEMBER $z x`,
  streams: `
    XADD $x $id { $m $v }
    XADD $x $id $m $v
    XADD $x [ NOMKSTREAM ] [ MAXLEN $trim $count ] $id $m $v [ $m ]
    XADD $x MINID $trim 5 $id $m $v
    XLEN $x
    XRANGE $x $range $range [ COUNT $count ]
    XREVRANGE $x $range $range [ COUNT $count ]
    XREAD [ COUNT $count ] STREAMS $x $id
    XREAD STREAMS $x $x 0 [ 5 ]
    XDEL $x { $id }
    XTRIM $x MAXLEN $trim $count
    XTRIM $x MINID $id
    XSETID $x $id [ ENTRIESADDED 9 MAXDELETEDID 0-0 ]
    XGROUP CREATE $x $group $range [ MKSTREAM ] [ ENTRIESREAD $count ]
    XGROUP SETID $x $group $range
    XGROUP CREATECONSUMER $x $group $who
    XGROUP DELCONSUMER $x $group $who
    XGROUP DESTROY $x $group
    XGROUP HELP
    XREADGROUP GROUP $group $who [ COUNT $count ] [ NOACK ] STREAMS $x >
    XREADGROUP GROUP $group $who STREAMS $x 0
    XACK $x $group { $id }
    XPENDING $x $group
    XPENDING $x $group - + 10 [ $who ]
    XPENDING $x $group IDLE $idle - + $count
    XCLAIM $x $group $who $idle $id [ JUSTID ] [ FORCE ]
    XAUTOCLAIM $x $group $who $idle $id [ COUNT $count ] [ JUSTID ]
    XINFO STREAM $x
    XINFO GROUPS $x
    XINFO CONSUMERS $x $group
    XINFO HELP`,
  hyperLogLogs: `
    PFADD $p { $m }
    PFADD $p
    PFCOUNT { $p }
    PFMERGE $p { $p }`,
  geo: `
    GEOADD $g [ $nx ] [ CH ] $lon $lat $city
    GEOADD $g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
    GEODIST $g $city $city [ $unit ]
    GEOHASH $g { $city }
    GEOPOS $g { $city }
    GEORADIUS $g $lon $lat $radius $unit [ WITHDIST ] [ WITHCOORD ] [ WITHHASH ] [ COUNT $count ] [ DESC ]
    GEORADIUS $g 15 37 200 km STORE $z
    GEORADIUS_RO $g 15 37 $radius km
    GEORADIUSBYMEMBER $g $city $radius $unit [ ASC ]
    GEORADIUSBYMEMBER_RO $g $city 200 km
    GEOSEARCH $g FROMMEMBER $city BYRADIUS $radius $unit [ ASC ] [ WITHDIST ]
    GEOSEARCH $g FROMLONLAT $lon $lat BYBOX $radius 400 km ASC
    GEOSEARCHSTORE $g $g FROMMEMBER $city BYRADIUS $radius km [ STOREDIST ]`,
  bitmaps: `
    SETBIT $b $offset $bits
    GETBIT $b $offset
    BITCOUNT $b [ $n $n ] [ BIT ]
    BITPOS $b $bits [ $n ] [ $n ] [ BIT ]
    BITOP $bop $b { $b }
    BITFIELD $b SET $type $offset $int GET $type $offset
    BITFIELD $b OVERFLOW $over INCRBY $type #1 $int
    BITFIELD_RO $b GET $type $offset`,
  scripts: `
    EVAL $script 1 $s { $int }
    EVAL $script 1 $z { $m }
    EVAL $script 2 $s $l $v
    EVAL $lone $keys $any
    EVAL $lone 0 $v
    EVAL_RO $script 1 $any 1
    EVALSHA $sha 1 $s $int
    EVALSHA_RO $sha 1 $any 1
    FCALL nonsense 1 $any
    FCALL_RO nonsense 1 $any`,
  others: `
    PING [ $v ]
    PING a b
    ECHO $v
    ECHO
    COMMAND COUNT
    COMMAND INFO GET nonsense
    COMMAND GETKEYS MSET $s $v
    COMMAND NONSENSE
    CLIENT SETNAME $m
    CLIENT GETNAME
    CLIENT NONSENSE
    CONFIG GET maxmemory
    SELECT 0
    PUBLISH $m $v
    SPUBLISH $s $v
    NONSENSE { $v }
    GET
    GET $s $s
    $city $v
    XGROUP NONSENSE $x
    OBJECT`,
}

type Item =
  | string
  | { readonly most: number; readonly least: number; readonly items: readonly Item[] }

function parse(template: string): Item[] {
  const open: Item[][] = [[]]
  for (const word of template.trim().split(' ')) {
    if (word === '[' || word === '{') open.push([])
    else if (word === ']' || word === '}') {
      const items = open.pop()!
      open.at(-1)!.push(word === ']' ? { least: 0, most: 1, items } : { least: 1, most: 3, items })
    } else open.at(-1)!.push(word)
  }
  return open[0]!
}

const PARSED = Object.values(TEMPLATES).map((lines) => lines.trim().split('\n').map(parse))

/** Names of all commands that a stream can hold, lower case, subcommands as `container|subcommand`. */
export const COMMAND_NAMES: ReadonlySet<string> = new Set(
  PARSED.flat().map(([first]) => String(first).toLowerCase())
)

/** Without their last word these pick at random, or list in the order of a hash table. */
const RANDOM_WHEN_SHORT = new Set(['SPOP', 'SRANDMEMBER', 'HRANDFIELD', 'ZRANDMEMBER', 'COMMAND'])

/** Random commands, the same for the same seed. */
export class RandomCommands {
  readonly #dice: Dice

  constructor(seed: number) {
    this.#dice = new Dice(seed)
  }

  /** The next command: a family, one of its templates, and words for it. */
  next(): string[] {
    const command = this.#make(this.#dice.pick(this.#dice.pick(PARSED)))
    const mutation = this.#dice.below(40)
    if (mutation === 0 && !RANDOM_WHEN_SHORT.has(command[0]!)) command.pop()
    // Keys may be where the additional word is: it has the tag.
    if (mutation === 1) command.push(`junk${TAG}`)
    if (mutation === 2) command[0] = command[0]!.toLowerCase()
    return command.length === 0 ? ['PING'] : command
  }

  #make(items: readonly Item[]): string[] {
    return items.flatMap((item) => {
      if (typeof item === 'string')
        return item.startsWith('$') ? [this.#word(item.slice(1))] : [item]
      const times = item.least + this.#dice.below(item.most - item.least + 1)
      return Array.from({ length: times }, () => this.#make(item.items)).flat()
    })
  }

  #word(name: string): string {
    const words = WORDS[name]
    if (words !== undefined) return this.#dice.pick(words)
    const type = name === 'any' || this.#dice.below(15) === 0 ? this.#dice.pick(TYPES) : name
    return `${type}${this.#dice.pick(NAMES)}${TAG}`
  }
}
