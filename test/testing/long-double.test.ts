import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addDecimals } from '../../lib/testing/long-double.ts'

test('sums come out as a server on x86 writes them', () => {
  assert.equal(addDecimals('10.5', '0.1'), '10.6')
  assert.equal(addDecimals('12345.5', '0.1'), '12345.59999999999999964')
  assert.equal(addDecimals('0', '1e20'), '100000000000000000000')
  assert.equal(addDecimals('5.0e3', '-2.0e2'), '4800')
  assert.equal(addDecimals('1', '-1'), '0')
})

test('what is no finite number has no sum', () => {
  for (const text of ['inf', '', 'x', '1e5000']) assert.equal(addDecimals('1', text), undefined)
})
