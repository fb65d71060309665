import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  content,
  FrameItems,
  isAggregate,
  isError,
  isNull,
  valueEnd,
  valueStart,
} from '../../lib/resp/frame.ts'
import { frameEnd } from '../support/resp-frame.ts'

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

function itemsOf(frame: Buffer, at = 0): string[] {
  const items = new FrameItems(frame, at)
  const found: string[] = []
  while (items.next()) found.push(frame.toString('latin1', items.start, items.end))
  assert.equal(found.length, items.size)
  return found
}

/** One of each type without items. */
const SCALARS = [
  '+OK\r\n',
  '+\r\n',
  '-ERR some text\r\n',
  ':-9223372036854775808\r\n',
  '$0\r\n\r\n',
  '$12\r\n\r\n+OK\r\n$3\r\n\0\r\n',
  '$-1\r\n',
  '_\r\n',
  '#t\r\n',
  ',-inf\r\n',
  '(3492890328409238509324850943850943825024385\r\n',
  '!9\r\nERR a\r\nb!\r\n',
  '=8\r\ntxt:a\r\nb\r\n',
]

const scalar = fc.constantFrom(...SCALARS, '*-1\r\n')
const { value } = fc.letrec<{ value: string; items: string[]; pairs: string[] }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc
      .tuple(fc.constantFrom('*', '~', '>'), tie('items'))
      .map(([type, items]) => `${type}${items.length}\r\n${items.join('')}`),
    tie('pairs').map((items) => `%${items.length / 2}\r\n${items.join('')}`),
    fc
      .tuple(tie('pairs'), tie('value'))
      .map(([items, next]) => `|${items.length / 2}\r\n${items.join('')}${next}`)
  ),
  items: fc.array(tie('value'), { maxLength: 4 }),
  pairs: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 2 }).map((all) => all.flat()),
}))

describe('the items of an aggregate', () => {
  it('are what it was made of, of whatever types and depth', () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 6 }),
        fc.constantFrom('*', '~', '>'),
        (all, type) => {
          assert.deepEqual(itemsOf(latin1(`${type}${all.length}\r\n${all.join('')}`)), all)
        }
      )
    )
  })

  it('are twice the pairs of a map', () => {
    const frame = latin1('%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n')
    assert.deepEqual(itemsOf(frame), ['+a\r\n', ':1\r\n', '+b\r\n', '*1\r\n_\r\n'])
    assert.equal(new FrameItems(frame).type, 0x25)
  })

  it('begin at their attributes, and the aggregate behind its own', () => {
    const item = '|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n$1\r\nx\r\n'
    const frame = latin1(`+before\r\n|1\r\n+ttl\r\n:3\r\n|0\r\n*2\r\n${item}:7\r\n`)
    assert.deepEqual(itemsOf(frame, 9), [item, ':7\r\n'])
  })

  it('are none in a null array and in an empty one', () => {
    assert.deepEqual(itemsOf(latin1('*-1\r\n')), [])
    assert.deepEqual(itemsOf(latin1('~0\r\n')), [])
  })

  it('are found in arrays of any depth', () => {
    const deep = `${'*1\r\n'.repeat(500_000)}:1\r\n`
    assert.equal(itemsOf(latin1(`*2\r\n${deep}+end\r\n`))[0]?.length, deep.length)
  })
})

describe('a value', () => {
  it('ends where the next one begins', () => {
    fc.assert(
      fc.property(value, value, (first, second) => {
        const frame = latin1(first + second)
        assert.equal(valueEnd(frame, 0), first.length)
        assert.equal(valueEnd(frame, first.length), frame.length)
        assert.equal(frameEnd(frame, 0), first.length)
      })
    )
  })

  it('begins behind its attributes', () => {
    assert.equal(valueStart(latin1('+OK\r\n')), 0)
    assert.equal(valueStart(latin1('|1\r\n+a\r\n*1\r\n+b\r\n|0\r\n+OK\r\n')), 20)
  })

  const contents: readonly (readonly [frame: string, bytes: string])[] = [
    ['+OK\r\n', 'OK'],
    ['+\r\n', ''],
    ['-ERR no\r\n', 'ERR no'],
    [':+5\r\n', '+5'],
    ['$4\r\n\r\n\0\xff\r\n', '\r\n\0\xff'],
    ['$0\r\n\r\n', ''],
    ['$-1\r\n', ''],
    ['_\r\n', ''],
    ['!5\r\nERR a\r\n', 'ERR a'],
    ['=8\r\ntxt:a\r\nb\r\n', 'a\r\nb'],
    [',1.5\r\n', '1.5'],
  ]
  for (const [frame, bytes] of contents) {
    it(`of ${JSON.stringify(frame)} holds ${JSON.stringify(bytes)}`, () => {
      assert.equal(content(latin1(`:1\r\n${frame}+x\r\n`), 4).toString('latin1'), bytes)
    })
  }

  it('is known by its type', () => {
    const told = (frame: string): string => {
      const bytes = latin1(frame)
      const words: string[] = []
      if (isError(bytes, 0)) words.push('error')
      if (isNull(bytes, 0)) words.push('null')
      if (isAggregate(bytes, 0)) words.push('aggregate')
      return words.join(' ')
    }
    assert.equal(told('-ERR\r\n'), 'error')
    assert.equal(told('!3\r\nERR\r\n'), 'error')
    assert.equal(told('_\r\n'), 'null')
    assert.equal(told('$-1\r\n'), 'null')
    assert.equal(told('*-1\r\n'), 'null aggregate')
    for (const type of '*~>%') assert.equal(told(`${type}0\r\n`), 'aggregate')
    assert.equal(told(':-1\r\n'), '')
    assert.equal(told('$1\r\n-\r\n'), '')
  })
})

describe('bytes that are no reply', () => {
  const broken = { name: 'ProxyError', code: 'NODE_PROTOCOL' }

  it('are refused wherever they are cut', () => {
    for (const text of [
      '*2\r\n$3\r\nfoo\r\n:1\r\n',
      '%1\r\n+a\r\n=5\r\ntxt:a\r\n',
      '|1\r\n:1\r\n_\r\n+OK\r\n',
    ]) {
      for (let length = 0; length < text.length; length++) {
        assert.throws(
          () => valueEnd(latin1(text.slice(0, length)), 0),
          broken,
          text.slice(0, length)
        )
      }
    }
  })

  it('are refused for their type, their lengths, and where items were expected', () => {
    assert.throws(() => valueEnd(latin1('?1\r\n'), 0), broken)
    assert.throws(() => valueEnd(latin1('$a\r\n\r\n'), 0), broken)
    assert.throws(() => valueEnd(latin1('*99999999999999999999999\r\n'), 0), broken)
    assert.throws(() => new FrameItems(latin1('$1\r\na\r\n')), broken)
  })
})
