import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Aggregation, aggregate } from '../../lib/router/aggregate.ts'

type Case = readonly [
  what: string,
  Aggregation,
  frames: readonly string[],
  result: string | undefined,
]

const MAX = '9223372036854775807'

const CASES: readonly Case[] = [
  ['integers are added', 'agg_sum', [':1\r\n', ':-3\r\n', ':+5\r\n'], ':3\r\n'],
  [
    'integers beyond 2^53 are added exactly',
    'agg_sum',
    [':9007199254740993\r\n', ':2\r\n'],
    ':9007199254740995\r\n',
  ],
  [
    'a sum beyond 64 bits is a big number',
    'agg_sum',
    [`:${MAX}\r\n`, ':1\r\n'],
    '(9223372036854775808\r\n',
  ],
  ['big numbers stay big numbers', 'agg_sum', ['(5\r\n', ':1\r\n'], '(6\r\n'],
  ['doubles are added', 'agg_sum', [',1.5\r\n', ',2\r\n', ':1\r\n'], ',4.5\r\n'],
  ['infinity is kept', 'agg_sum', [',inf\r\n', ',2\r\n'], ',inf\r\n'],
  ['opposite infinities are no number', 'agg_sum', [',inf\r\n', ',-inf\r\n'], ',nan\r\n'],
  ['nulls do not count', 'agg_sum', ['_\r\n', ':4\r\n', '_\r\n'], ':4\r\n'],
  ['nothing but nulls is null', 'agg_min', ['_\r\n', '_\r\n'], '_\r\n'],
  ['attributes are passed over', 'agg_sum', ['|1\r\n+a\r\n:9\r\n:4\r\n', ':1\r\n'], ':5\r\n'],
  ['the least keeps its bytes', 'agg_min', [':3\r\n', ',2.50\r\n', ':7\r\n'], ',2.50\r\n'],
  [
    'the least of large ones is found exactly',
    'agg_min',
    [`:${MAX}\r\n`, ':9223372036854775806\r\n'],
    ':9223372036854775806\r\n',
  ],
  ['the greatest is found', 'agg_max', [':-3\r\n', ':-1\r\n', ':-2\r\n'], ':-1\r\n'],
  ['minus infinity is the least', 'agg_min', [':0\r\n', ',-inf\r\n'], ',-inf\r\n'],
  ['all must be true for AND', 'agg_logical_and', [':1\r\n', ':0\r\n', ':1\r\n'], ':0\r\n'],
  ['any number but 0 is true', 'agg_logical_and', [':2\r\n', ':-1\r\n', ',0.5\r\n'], ':1\r\n'],
  ['one is enough for OR', 'agg_logical_or', [':0\r\n', ':1\r\n'], ':1\r\n'],
  ['OR of false is false', 'agg_logical_or', ['#f\r\n', '#f\r\n'], '#f\r\n'],
  ['booleans stay booleans', 'agg_logical_and', ['#t\r\n', '#t\r\n'], '#t\r\n'],
  [
    'arrays are aggregated item by item',
    'agg_logical_and',
    ['*3\r\n:1\r\n:1\r\n:0\r\n', '*3\r\n:1\r\n:0\r\n:1\r\n'],
    '*3\r\n:1\r\n:0\r\n:0\r\n',
  ],
  [
    'arrays keep the least of each place',
    'agg_min',
    ['*2\r\n:1\r\n:5\r\n', '*2\r\n:2\r\n|1\r\n+a\r\n+b\r\n:3\r\n'],
    '*2\r\n:1\r\n:3\r\n',
  ],
  ['empty arrays are an empty array', 'agg_sum', ['*0\r\n', '*0\r\n'], '*0\r\n'],
  [
    'arrays of different length do not fit',
    'agg_sum',
    ['*1\r\n:1\r\n', '*2\r\n:1\r\n:1\r\n'],
    undefined,
  ],
  ['an array and a number do not fit', 'agg_sum', ['*1\r\n:1\r\n', ':1\r\n'], undefined],
  ['a number and an array do not fit', 'agg_sum', [':1\r\n', '*1\r\n:1\r\n'], undefined],
  ['text is no number', 'agg_sum', [':1\r\n', '$1\r\n1\r\n'], undefined],
  ['text within arrays is no number', 'agg_sum', ['*1\r\n:1\r\n', '*1\r\n+a\r\n'], undefined],
  ['what is no integer is none', 'agg_sum', [':1\r\n', ':1x\r\n'], undefined],
]

describe('replies of several nodes as one', () => {
  for (const [what, aggregation, frames, result] of CASES) {
    it(`${aggregation}: ${what}`, () => {
      const replies = frames.map((frame) => Buffer.from(frame))
      assert.equal(aggregate(aggregation, replies, 3)?.toString(), result)
    })
  }

  it('has no sum beyond 64 bits in RESP2, which cannot say it', () => {
    const sum = (...numbers: string[]): string | undefined =>
      aggregate(
        'agg_sum',
        numbers.map((n) => Buffer.from(`:${n}\r\n`)),
        2
      )?.toString()
    assert.equal(sum(MAX, '1'), undefined)
    assert.equal(sum(MAX, '1', '-1'), `:${MAX}\r\n`)
    assert.equal(sum('-9223372036854775808', '0'), ':-9223372036854775808\r\n')
  })

  it('is what the numbers say, whatever they are', () => {
    const numbers = fc.array(fc.bigInt(-(2n ** 61n), 2n ** 61n), { minLength: 2, maxLength: 4 })
    fc.assert(
      fc.property(numbers, (all) => {
        const replies = all.map((n) => Buffer.from(`:${n}\r\n`))
        const got = (how: Aggregation): string | undefined => aggregate(how, replies, 3)?.toString()
        const sum = all.reduce((a, b) => a + b)
        const fits = BigInt.asIntN(64, sum) === sum
        assert.equal(got('agg_sum'), `${fits ? ':' : '('}${sum}\r\n`)
        assert.equal(got('agg_min'), `:${all.reduce((a, b) => (b < a ? b : a))}\r\n`)
        assert.equal(got('agg_max'), `:${all.reduce((a, b) => (b > a ? b : a))}\r\n`)
        assert.equal(got('agg_logical_and'), all.includes(0n) ? ':0\r\n' : ':1\r\n')
      })
    )
  })
})
