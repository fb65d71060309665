import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cString, integer, isPrintable, word } from '../../../lib/client/commands/argument.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('integer', () => {
  const cases: [string, bigint | undefined][] = [
    ['0', 0n],
    ['-1', -1n],
    ['9223372036854775807', 9223372036854775807n],
    ['9223372036854775808', undefined],
    ['-9223372036854775808', -9223372036854775808n],
    ['-9223372036854775809', undefined],
    ['9'.repeat(1000), undefined],
    ['', undefined],
    ['-', undefined],
    ['-0', undefined],
    ['01', undefined],
    ['+1', undefined],
    [' 1', undefined],
    ['1\n', undefined],
    ['1.0', undefined],
  ]
  for (const [text, value] of cases) {
    it(`takes ${JSON.stringify(text.slice(0, 30))} for ${value}`, () => {
      assert.equal(integer(bytes(text)), value)
    })
  }
})

describe('C strings', () => {
  it('end at a NUL or at the limit', () => {
    assert.deepEqual(cString(bytes('ab\0c')), bytes('ab'))
    assert.deepEqual(cString(bytes('abc'), 2), bytes('ab'))
    assert.deepEqual(cString(bytes('a\0c'), 2), bytes('a'))
  })

  it('are words without regard to case', () => {
    assert.equal(word(bytes('SetName\0x')), 'setname')
  })
})

describe('isPrintable', () => {
  it('accepts visible ASCII only, and nothing at all', () => {
    assert.ok(isPrintable(bytes('')))
    assert.ok(isPrintable(bytes('!a~')))
    for (const text of ['a b', 'a\n', '\x7f', '\xe9', '\0']) assert.ok(!isPrintable(bytes(text)))
  })
})
