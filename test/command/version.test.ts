import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isSince } from '../../lib/command/version.ts'

it('versions are compared by their numbers', () => {
  assert.ok(isSince('7.2.0', 7, 2))
  assert.ok(isSince('7.10', 7, 2))
  assert.ok(isSince('8.0.1', 7, 2))
  assert.ok(!isSince('7.0.15', 7, 2))
  assert.ok(!isSince('6.9', 7, 2))
  assert.ok(!isSince('', 7, 0))
})
