import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDouble, parseFloat64, parseInteger } from '../../lib/testing/numbers.ts'

test('doubles are written with 17 digits, as C does', () => {
  const cases: [number, string][] = [
    [0.1, '0.10000000000000001'],
    [3, '3'],
    [-0, '-0'],
    [1e20, '1e+20'],
    [1e-7, '9.9999999999999995e-08'],
    [123456789012345680, '1.2345678901234568e+17'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
    [Number.NaN, 'nan'],
  ]
  for (const [value, text] of cases) assert.equal(formatDouble(value), text)
})

test('an integer is accepted in its one canonical form only', () => {
  for (const text of ['', '+1', '01', '-0', ' 1', '1 ', '1.0', '9223372036854775808']) {
    assert.equal(parseInteger(text), undefined, text)
  }
  assert.equal(parseInteger('-9223372036854775808'), -(2n ** 63n))
})

test('a float may be infinite but not NaN', () => {
  assert.equal(parseFloat64('-inf'), Number.NEGATIVE_INFINITY)
  assert.equal(parseFloat64('+1e2'), 100)
  for (const text of ['nan', '', ' 1', '1x', 'e1'])
    assert.equal(parseFloat64(text), undefined, text)
})
