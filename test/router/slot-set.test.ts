import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SlotSet } from '../../lib/router/slot-set.ts'

describe('a set of slots', () => {
  it('knows what was added and not deleted', () => {
    const set = SlotSet.of(0, 7, 8, 16383)
    set.addRange(100, 102)
    set.delete(101)
    assert.deepEqual([...set], [0, 7, 8, 100, 102, 16383])
    assert.ok(set.has(102) && !set.has(101))
  })

  it('tells its lowest slot, -1 when it is empty', () => {
    assert.equal(new SlotSet().lowest(), -1)
    for (const slot of [0, 1, 7, 8, 9, 4711, 16383]) {
      assert.equal(SlotSet.of(slot, 16383).lowest(), slot)
    }
    assert.equal(SlotSet.all().lowest(), 0)
  })

  it('is equal to one with the same slots, and its copies go their own ways', () => {
    const one = SlotSet.of(5)
    const other = one.copy()
    assert.ok(one.equals(other))
    other.addAll(SlotSet.of(6))
    assert.ok(!one.equals(other))
    assert.deepEqual([...one], [5])
    assert.equal([...SlotSet.all()].length, 16384)
  })
})
