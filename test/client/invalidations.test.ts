import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Invalidations } from '../../lib/client/invalidations.ts'
import { KeyWatch } from '../../lib/cluster/key-watch.ts'
import { laneOf, trackedKind, trackingOf } from '../../lib/cluster/lanes.ts'
import { fakeClient } from './commands/local-call.ts'

const KIND = trackedKind({ protocol: 3, broadcast: false, noLoop: false })

function made(): Invalidations {
  return new Invalidations({
    settings: { trackingTableMaxKeys: 0, connectTimeout: 1000 },
    cache: { owner: () => undefined, masters: () => [] },
    client: () => undefined,
    elsewhere: () => undefined,
    exists: async () => Buffer.from(':0\r\n'),
  })
}

function watchOf(sink: Invalidations, lane: number): KeyWatch {
  const setup = (): never => assert.fail('nothing is dialled')
  const node = { name: 'node:1' }
  return new KeyWatch({ node, lane, tracked: trackingOf(lane)!, setup, sink })
}

test('what nodes say of lanes without clients leaves nothing behind', () => {
  const invalidations = made()
  const watch = watchOf(invalidations, laneOf(KIND, 1, 0))
  invalidations.onInvalidate(watch, [{ name: 'k', slot: 1 }])
  invalidations.onInvalidate(watch, undefined)
  invalidations.onGap(watch)
  assert.deepEqual(invalidations.prefixes(watch.lane), [])
  assert.equal(invalidations.lanes, 0)
})

test('a client that goes from user to user is kept in the lane of the last one only, and in none when it stops', () => {
  const invalidations = made()
  const client = fakeClient(1)
  client.session.protocol = 3
  const tracking = invalidations.tracking(client)
  client.session.tracking = tracking
  for (const number of [1, 2, 3]) {
    client.session.identity = { number, user: `user ${number}`, base: 16 * number }
    invalidations.place(tracking)
  }
  for (const number of [1, 2]) invalidations.onGap(watchOf(invalidations, laneOf(KIND, number, 0)))
  assert.equal(invalidations.lanes, 1)
  invalidations.stop(tracking)
  assert.equal(invalidations.lanes, 0)
})

test('E16.1 clients that come and go leave nothing at keys that never change, whoever else tracks them', () => {
  const invalidations = made()
  const settled = (id: number) => {
    const client = fakeClient(id)
    client.session.protocol = 3
    const tracking = invalidations.tracking(client)
    client.session.tracking = tracking
    invalidations.place(tracking)
    return tracking
  }
  const staying = settled(1)
  const { group } = staying
  invalidations.remember(group!, { name: 'hot', slot: 1 }, staying)
  for (let id = 2; id < 10; id++) {
    const passing = settled(id)
    assert.equal(passing.group, group)
    for (const name of ['hot', `own ${id}`])
      invalidations.remember(group!, { name, slot: 1 }, passing)
    invalidations.stop(passing)
  }
  assert.equal(group!.keys.owners, 1)
  assert.deepEqual([...group!.keys.take({ name: 'hot', slot: 1 })], [staying])
  assert.equal(invalidations.size, 0)
})
