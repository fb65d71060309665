import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aggregateScores, formatScore, parseScore } from '../../../lib/router/gather/scores.ts'

/** Score, as `%.17g` writes it, as the server does since 7.2. */
const TEXTS: readonly (readonly [score: number, long: string, short: string])[] = [
  [0, '0', '0'],
  [-0, '-0', '-0'],
  [Infinity, 'inf', 'inf'],
  [-Infinity, '-inf', '-inf'],
  [1, '1', '1'],
  [-17, '-17', '-17'],
  [1.5, '1.5', '1.5'],
  [1.1, '1.1000000000000001', '1.1'],
  [-0.1, '-0.10000000000000001', '-0.1'],
  [0.0001, '0.0001', '0.0001'],
  [0.00001, '1.0000000000000001e-05', '0.00001'],
  [0.0000001, '9.9999999999999995e-08', '1e-7'],
  [0.000012345, '1.2345e-05', '1.2345e-5'],
  [123456.7890123, '123456.7890123', '1.234567890123e+5'],
  [123.456789012, '123.456789012', '123.456789012'],
  [1e15, '1000000000000000', '1000000000000000'],
  [1e17, '1e+17', '100000000000000000'],
  [123456789012345680, '1.2345678901234568e+17', '123456789012345680'],
  [2 ** 62, '4.6116860184273879e+18', '4611686018427387904'],
  [1e19, '1e+19', '1e+19'],
  [12345678901234567000, '1.2345678901234567e+19', '12345678901234567000'],
  [-1.25e100, '-1.25e+100', '-1.25e+100'],
  [5e-324, '4.9406564584124654e-324', '5e-324'],
]

describe('scores', () => {
  it('are written with 17 digits by 7.0, and as short as can be since 7.2', () => {
    for (const [score, long, short] of TEXTS) {
      assert.equal(formatScore(score, false), long)
      assert.equal(formatScore(score, true), short)
    }
  })

  it('are rounded to the even digit where they lie exactly between two texts', () => {
    assert.equal(formatScore(12345678 + 2 ** -10, false), '12345678.000976562')
    assert.equal(formatScore(12345678 + 3 * 2 ** -10, false), '12345678.002929688')
  })

  it('are read as they are written', () => {
    for (const [score, long, short] of TEXTS) {
      assert.equal(parseScore(long), score)
      assert.equal(parseScore(short), score)
    }
  })

  it('are added, with 0 for what is no number, or compared', () => {
    assert.equal(aggregateScores(1, 2, 'sum'), 3)
    assert.equal(aggregateScores(Infinity, -Infinity, 'sum'), 0)
    assert.equal(aggregateScores(1, 2, 'min'), 1)
    assert.equal(aggregateScores(1, Number.NaN, 'min'), 1)
    assert.equal(aggregateScores(1, 2, 'max'), 2)
  })
})
