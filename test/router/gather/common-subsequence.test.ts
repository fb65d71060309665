import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { commonLength, commonSubsequence } from '../../../lib/router/gather/common-subsequence.ts'

/** The table of the textbook, and the way back through it as the server goes. */
function reference(a: Buffer, b: Buffer): string {
  const table = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      table[i]![j] =
        a[i - 1] === b[j - 1]
          ? table[i - 1]![j - 1]! + 1
          : Math.max(table[i - 1]![j]!, table[i]![j - 1]!)
    }
  }
  let common = ''
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    if (a[i - 1] === b[j - 1]) {
      common = String.fromCharCode(a[i - 1]!) + common
      i--
      j--
    } else if (table[i - 1]![j]! > table[i]![j - 1]!) i--
    else j--
  }
  return common
}

const strings = fc
  .array(fc.constantFrom(...'abc'), { maxLength: 150 })
  .map((letters) => Buffer.from(letters.join('')))

describe('the longest common subsequence', () => {
  it('is the one that the server finds', () => {
    fc.assert(
      fc.property(strings, strings, (a, b) => {
        const expected = reference(a, b)
        assert.equal(commonSubsequence(a, b).bytes.toString(), expected)
        assert.equal(commonLength(a, b), expected.length)
      }),
      { numRuns: 200 }
    )
  })

  it('is made of runs, the last one first', () => {
    const { bytes, ranges } = commonSubsequence(Buffer.from('ohmytext'), Buffer.from('mynewtext'))
    assert.equal(bytes.toString(), 'mytext')
    assert.deepEqual(ranges, [
      { firstStart: 4, firstEnd: 7, secondStart: 5, secondEnd: 8 },
      { firstStart: 2, firstEnd: 3, secondStart: 0, secondEnd: 1 },
    ])
  })

  it('of an empty string is empty', () => {
    for (const [a, b] of [
      ['', ''],
      ['abc', ''],
      ['', 'abc'],
    ] as const) {
      assert.equal(commonLength(Buffer.from(a), Buffer.from(b)), 0)
      const { bytes, ranges } = commonSubsequence(Buffer.from(a), Buffer.from(b))
      assert.deepEqual([bytes.length, ranges.length], [0, 0])
    }
  })
})
