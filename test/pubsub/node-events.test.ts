import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isNodeEvent, mayMatchNodeEvents } from '../../lib/pubsub/node-events.ts'
import { matchesGlob } from '../../lib/testing/glob.ts'

const CHANNELS = ['__keyspace@0__:x', '__keyevent@0__:expired', '__keyspace@15__:', '__keyevent@']

describe('notifications of one node', () => {
  it('are known by how their channel begins', () => {
    for (const channel of CHANNELS) assert.ok(isNodeEvent(Buffer.from(channel)), channel)
    for (const channel of ['', '__key', '__keyspace', 'x__keyspace@0__:x', '__KEYSPACE@0__:x'])
      assert.ok(!isNodeEvent(Buffer.from(channel)), channel)
  })

  for (const pattern of [
    '*',
    '__key*',
    '__keyevent@0__:expired',
    '__keyspace@*__:*',
    '_?key*',
    '[_]_keyspace@0__:a',
    '[^a]*',
    '__key[es]vent@0__:*',
    '\\_\\_keyspace@*',
    '*x',
  ]) {
    it(`may match ${pattern}`, () => {
      assert.ok(mayMatchNodeEvents(Buffer.from(pattern)))
    })
  }

  for (const pattern of [
    '',
    'n*',
    '?',
    '__keyspace',
    '__keyx*',
    '\\*',
    '__kexspace@*',
    '[_]a*',
    '[_',
  ]) {
    it(`do not match ${pattern || 'the empty pattern'}`, () => {
      assert.ok(!mayMatchNodeEvents(Buffer.from(pattern)))
    })
  }

  it('are never missed: whatever pattern matches one of their channels may match them', () => {
    const piece = fc.oneof(
      fc.constantFrom('*', '?', '[_k]', '[^a]', '[a-z]', '\\_', '[', '\\'),
      fc.constantFrom('__', 'key', 'space', 'event', '@', '0', '__:', 'x')
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const pattern = pieces.join('')
        for (const channel of CHANNELS) {
          if (matchesGlob(pattern, channel))
            assert.ok(mayMatchNodeEvents(Buffer.from(pattern)), pattern)
        }
      }),
      { numRuns: 5000 }
    )
  })
})
