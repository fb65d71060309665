import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slotOfKey } from '../../lib/testing/slot.ts'

/** What CLUSTER KEYSLOT of Redis 7.0.15 says. */
const SLOTS: readonly (readonly [key: string, slot: number])[] = [
  ['123456789', 12739],
  ['a', 15495],
  ['foo', 12182],
  ['foo{}{bar}', 8363],
  ['', 0],
]

for (const [key, slot] of SLOTS) {
  test(`the slot of '${key}' is ${slot}`, () => {
    assert.equal(slotOfKey(key), slot)
  })
}

test('only what stands in the first pair of braces is hashed', () => {
  assert.equal(slotOfKey('{user}.a'), slotOfKey('user'))
  assert.equal(slotOfKey('x{{a}}y'), slotOfKey('{a'))
  assert.equal(slotOfKey('{a}{b}'), slotOfKey('a'))
})

test('text and its bytes have the same slot', () => {
  assert.equal(slotOfKey('Käse'), slotOfKey(Buffer.from('Käse')))
})
