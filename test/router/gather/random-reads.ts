import { Dice } from '../../support/dice.ts'
import type { Argument } from '../../support/resp-frame.ts'

/** A command that the differential test sends. */
export type Command = readonly Argument[]

const NAMES = ['a', 'b', 'c', 'd', 'e']
/** Keys by their type; `n` keys do not exist. */
const TYPES = ['t', 'z', 's', 'p', 'x', 'n']
const ALL_KEYS = TYPES.flatMap((type) => NAMES.map((name) => type + name))

const MEMBERS: readonly Argument[] = [
  ...Array.from({ length: 12 }, (_, i) => i),
  '',
  'a',
  'ab',
  'b',
  'é\r\n',
  Buffer.from([0xff]),
  Buffer.from([0xff, 0]),
  Buffer.from([0x7f]),
  'x'.repeat(80),
]
const SCORES = [
  ...[
    '0',
    '-0',
    '1',
    '1',
    '2',
    '3',
    '-1.5',
    '0.1',
    '0.2',
    '0.7',
    '1e20',
    '1e17',
    '123456789012345678',
  ],
  ...['inf', '-inf', '1e-5', '0.0001', '5e-324', '1.7976931348623157e308', '12345678.0009765625'],
  ...['12345678.0029296875', '3.3', '1e22', '-7.25e-10', '4611686018427387904'],
]
const GOOD_WEIGHTS = [
  ...['1', '2', '0', '-1', '0.1', '1.5', '1e300', 'inf', '-inf', '+3', '.5', '2.', '1e1', '0x10'],
]
const WEIGHTS = [
  ...[...GOOD_WEIGHTS, '0x.8p1', '-infinity', 'Inf', 'nan', 'x', '', ' 1', '1 '],
  ...['1e400', '1e-400', '0e999', '0x', '0x1p-2000', '1\0'],
]
const WORDS: Readonly<Record<string, readonly Argument[]>> = {
  w: WEIGHTS,
  good: GOOD_WEIGHTS,
  agg: ['SUM', 'min', 'MAX', 'MAX', 'x', ''],
  aggregate: ['AGGREGATE', 'aggregate', 'AGGREGAT'],
  weights: ['WEIGHTS', 'weights', 'WEIGHT', 'WEIGHTS\0x'],
  scores: ['WITHSCORES', 'withscores', 'WITHSCORE'],
  limit: ['LIMIT', 'limit', 'LIMI'],
  count: [
    '0',
    '1',
    '2',
    '3',
    '100',
    '9223372036854775807',
    '-1',
    'x',
    '-0',
    '01',
    '9223372036854775808',
    '',
  ],
  numkeys: ['0', '1', '2', '-1', '9', 'x', '1.5', '9223372036854775807', '9223372036854775808', ''],
  lcs: ['LEN', 'IDX', 'idx', 'IDX', 'WITHMATCHLEN', 'len'],
  junk: ['junk', 'LIMIT', 'WITHSCORES', 'LEN', '$', 'COUNT', 'NOACK', 'GROUP', 'BLOCK'],
  id: [
    '0',
    '$',
    '0-0',
    '1',
    '1-1',
    '2-5',
    '3',
    '18446744073709551615',
    '5-',
    '+',
    '-',
    '>',
    'x',
    '',
    '0-x',
    '99',
  ],
  goodId: ['0', '0-0', '1', '1-1', '2-5', '3', '$', '2'],
}

/**
 * `$t`, `$z`, ... are keys of a type, mostly; `[ ]` may be left out, `{ }` comes one to four times,
 * `#( )` with its number before.
 */
const TEMPLATES = [
  'SUNION { $t }',
  'SINTER { $t }',
  'SDIFF $t { $t }',
  'sintercard #( $t ) [ $limit $count ] [ $limit $count ]',
  'SINTERCARD $numkeys { $t } [ $limit $count ]',
  'ZUNION #( $z ) [ $scores ]',
  'ZUNION 2 $z $z $weights $good $good $scores',
  'ZUNION 3 $z $z $z [ $weights $good $good $good ] [ $aggregate $agg ] [ $scores ]',
  'ZUNION 3 $z $z $t [ $aggregate $agg ] [ $weights $w $w $w ] [ $scores ]',
  'ZINTER #( $z ) [ $scores ]',
  'ZINTER 2 $z $z $weights $good $good $scores',
  'ZINTER 3 $z $z $z [ $weights $good $good $good ] [ $aggregate $agg ] [ $scores ]',
  'ZINTER 2 $z $t $scores [ $weights $w $w ]',
  'ZDIFF #( $z ) [ $scores ]',
  'ZDIFF 2 $z $t [ $scores ] [ $aggregate SUM ]',
  'ZINTERCARD #( $z ) [ $limit $count ] [ $limit $count ]',
  'ZINTERCARD 2 $z $t [ $scores ]',
  'ZUNION $numkeys { $z } [ $scores ]',
  'ZINTER $numkeys { $z }',
  'ZDIFF $numkeys { $z }',
  'ZINTERCARD $numkeys { $z } [ $limit $count ]',
  'PFCOUNT { $p }',
  'LCS $s $s',
  'LCS $s $s [ $lcs ] [ MINMATCHLEN $count ] [ $lcs ]',
  'LCS $s $s IDX [ WITHMATCHLEN ] [ MINMATCHLEN $count ]',
  'XREAD [ COUNT $count ] STREAMS $x $x $goodId $goodId',
  'XREAD STREAMS $x $x $x $goodId $goodId $goodId',
  'XREAD [ COUNT $count ] [ NOACK ] STREAMS $x $x $id $id',
  'XREAD [ BLOCK x ] [ BLOCK -1 ] STREAMS $x $x $x $id $id',
  'XREAD BLOCK 1 [ COUNT $count ] STREAMS $x $x $goodId $goodId',
  'XREAD [ COUNT 1 ] BLOCK 1 STREAMS $x $x $x $id $id $id',
  'XREAD [ GROUP a b ] COUNT 1 [ COUNT ] STREAMS $x $x $id',
]

type Item = string | { readonly kind: string; readonly items: readonly Item[] }

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '{': '}', '#(': ')' }

function parse(template: string): Item[] {
  const open: { kind: string; items: Item[] }[] = [{ kind: '', items: [] }]
  for (const token of template.split(' ')) {
    if (CLOSING[token] !== undefined) open.push({ kind: token, items: [] })
    else if (token === CLOSING[open.at(-1)!.kind]) {
      const done = open.pop()!
      open.at(-1)!.items.push(done)
    } else open.at(-1)!.items.push(token)
  }
  return open[0]!.items
}

const PARSED = TEMPLATES.map(parse)

/**
 * Random data, and random reads of it by all commands that are gathered; the same for the same
 * seed.
 */
export class RandomReads {
  readonly #dice: Dice

  constructor(seed: number) {
    this.#dice = new Dice(seed)
  }

  /** Commands that fill an empty server. */
  data(): Command[] {
    return NAMES.flatMap((name, i) => [
      ...this.#set(`t${name}`, i),
      ...this.#sortedSet(`z${name}`),
      ...this.#string(`s${name}`),
      ...this.#hyperLogLog(`p${name}`, i),
      ...this.#stream(`x${name}`),
    ])
  }

  /** The next read. */
  next(): Command {
    const command = this.#make(this.#dice.pick(PARSED))
    if (this.#dice.below(30) === 0) command.push(this.#dice.pick(WORDS.junk!))
    if (this.#dice.below(60) === 0) command.pop()
    return command
  }

  /** One of the characters of a text. */
  choose(letters: string): string {
    return letters[this.#dice.below(letters.length)]!
  }

  #some<Value>(most: number, make: () => Value): Value[] {
    return Array.from({ length: 1 + this.#dice.below(most) }, make)
  }

  /** Whole numbers are stored otherwise than texts. */
  #set(key: string, i: number): Command[] {
    const members = i % 2 === 0 ? MEMBERS.slice(0, 12) : MEMBERS
    return [['SADD', key, ...this.#some(15, () => this.#dice.pick(members))]]
  }

  #sortedSet(key: string): Command[] {
    return this.#some(20, () => ['ZADD', key, this.#dice.pick(SCORES), this.#dice.pick(MEMBERS)])
  }

  #string(key: string): Command[] {
    const kind = this.#dice.below(4)
    if (kind === 0) return [['SET', key, String(this.#dice.below(100_000))]]
    const letters = kind === 1 ? 'ab' : 'acgt\0é'
    return [['SET', key, this.#some(120, () => this.#dice.pick([...letters])).join('')]]
  }

  #hyperLogLog(key: string, i: number): Command[] {
    const size = [3, 30, 900, 9000, 200][i]!
    const first = this.#dice.below(300)
    return [['PFADD', key, ...Array.from({ length: size }, (_, n) => first + n)]]
  }

  #stream(key: string): Command[] {
    const entries = this.#some(5, () => this.#dice.pick(MEMBERS)).map(
      (value, n): Command => ['XADD', key, `${n}-${n + 1}`, 'field', value]
    )
    return this.#dice.below(4) === 0 ? [...entries, ['XTRIM', key, 'MAXLEN', 0]] : entries
  }

  #make(items: readonly Item[]): Argument[] {
    return items.flatMap((item) => {
      if (typeof item === 'string') return [item.startsWith('$') ? this.#word(item.slice(1)) : item]
      const least = item.kind === '[' ? 0 : 1
      const times = least + this.#dice.below(item.kind === '[' ? 2 : 4)
      const made = Array.from({ length: times }, () => this.#make(item.items)).flat()
      return item.kind === '#(' ? [times, ...made] : made
    })
  }

  #word(name: string): Argument {
    const words = WORDS[name]
    if (words !== undefined) return this.#dice.pick(words)
    const chance = this.#dice.below(25)
    if (chance === 0) return this.#dice.pick(ALL_KEYS)
    return `${chance === 1 ? 'n' : name}${this.#dice.pick(NAMES)}`
  }
}
