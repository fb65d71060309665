import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LANES, plainLane, trackedKind, trackingOf } from '../../lib/cluster/lanes.ts'

test('each kind of tracking has a lane of its own, beside those of other clients', () => {
  const lanes = new Set<number>(Object.values(LANES))
  for (const protocol of [2, 3] as const) {
    for (const broadcast of [false, true]) {
      for (const noLoop of [false, true]) {
        const kind = { protocol, broadcast, noLoop }
        const lane = trackedKind(kind)
        assert.ok(!lanes.has(lane))
        lanes.add(lane)
        assert.deepEqual(trackingOf(lane), kind)
        assert.equal(plainLane(lane), protocol === 3 ? LANES.resp3 : LANES.resp2)
      }
    }
  }
  for (const lane of Object.values(LANES))
    assert.deepEqual([trackingOf(lane), plainLane(lane)], [undefined, lane])
})
