import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  cString,
  integer,
  isWord,
  looseInteger,
  strictInteger,
  word,
} from '../../lib/command/words.ts'
import { frameRequest } from '../../lib/resp/request-reader.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('isWord', () => {
  const cases: [string, boolean][] = [
    ['store', true],
    ['STORE', true],
    ['Store\0xyz', true],
    ['stor', false],
    ['stores', false],
    ['stor\x05', false],
    ['', false],
  ]
  for (const [argument, expected] of cases) {
    it(`says ${expected} for ${JSON.stringify(argument)}`, () => {
      assert.equal(isWord(frameRequest(['x', argument]), 1, 'store'), expected)
    })
  }
})

describe('looseInteger and strictInteger', () => {
  const cases: [string, number, bigint | undefined][] = [
    ['0', 0, 0n],
    ['12', 12, 12n],
    ['-3', -3, -3n],
    ['+3', 3, undefined],
    [' \t\r\n4', 4, undefined],
    ['007', 7, undefined],
    ['-0', 0, undefined],
    ['2abc', 2, undefined],
    ['- 2', 0, undefined],
    ['', 0, undefined],
    ['4294967297', 1, 4294967297n],
    ['-4294967297', -1, -4294967297n],
    ['9223372036854775807', -1, 9223372036854775807n],
    ['9223372036854775808', -1, undefined],
    ['-9223372036854775808', 0, -9223372036854775808n],
    ['-9999999999999999999', 0, undefined],
  ]
  for (const [argument, loose, strict] of cases) {
    it(`read ${JSON.stringify(argument)}`, () => {
      const view = frameRequest(['x', argument])
      assert.equal(looseInteger(view, 1), loose)
      assert.equal(strictInteger(view, 1), strict)
    })
  }
})

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
