import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NodeView } from '../../lib/router/node-view.ts'
import {
  afterNode,
  isDone,
  type ScanProgress,
  startOf,
  withoutMoving,
} from '../../lib/router/scan-progress.ts'
import { SlotSet } from '../../lib/router/slot-set.ts'

/** `1 2 3>B 4<A`: owned, leaving to a node, coming from one. */
function view(words: string, id = 'A'): NodeView {
  const owned = new SlotSet()
  const migrating = new Map<number, string>()
  const importing = new Set<number>()
  for (const word of words.split(' ').filter((each) => each !== '')) {
    const slot = Number.parseInt(word, 10)
    if (word.includes('<')) importing.add(slot)
    else owned.add(slot)
    if (word.includes('>')) migrating.set(slot, word.split('>')[1]!)
  }
  return { id, owned, migrating, importing }
}

function outcome({ left, moving }: ScanProgress): [number[], [number, string][]] {
  return [[...left], [...moving]]
}

describe('after the scan of a node', () => {
  const start = startOf(SlotSet.of(1, 2, 3))
  const cases: readonly [string, string, string, number[], [number, string][]][] = [
    ['slots that it owned all the time are done', '1 2', '1 2', [3], []],
    ['slots that it lost are left', '1 2', '1', [2, 3], []],
    ['slots that it got are left', '1', '1 2', [2, 3], []],
    ['of a slot that is leaving the rest is where its keys go', '1 2>B', '1 2>B', [3], [[2, 'B']]],
    ['it is the same for one that began to leave', '1 2', '1 2>B', [3], [[2, 'B']]],
    ['a slot that leaves no more is left, since its keys may be back', '1 2>B', '1 2', [2, 3], []],
    ['slots that are still coming are left', '1 2<B', '1 2<B', [2, 3], []],
    ['slots that were done stay so', '1 9', '1', [2, 3], []],
  ]
  for (const [title, begun, ended, left, moving] of cases) {
    it(title, () => {
      assert.deepEqual(outcome(afterNode(start, view(begun), view(ended))), [left, moving])
    })
  }

  it('what came to it is done when all of it came before, or still comes', () => {
    const progress = { ...startOf(new SlotSet()), moving: new Map([[5, 'B']]) }
    const after = (begun: string, ended: string, id = 'B'): unknown =>
      outcome(afterNode(progress, view(begun, id), view(ended, id)))
    assert.deepEqual(after('5<A', '5<A'), [[], []])
    assert.deepEqual(after('5<A', '5'), [[], []])
    assert.deepEqual(after('5', '5'), [[], []])
    assert.deepEqual(after('5', '5>C'), [[], [[5, 'C']]])
    assert.deepEqual(after('5<A', ''), [[5], []])
    assert.deepEqual(after('', '5<A'), [[5], []])
    assert.deepEqual(after('5', '5', 'C'), [[], [[5, 'B']]])
  })

  it('is begun anew for slots whose keys go to a node that does not know of it', () => {
    const moving = new Map([
      [5, 'B'],
      [6, 'C'],
    ])
    const after = withoutMoving({ ...startOf(SlotSet.of(1)), moving }, 'B')
    assert.deepEqual(outcome(after), [[1, 5], [[6, 'C']]])
  })

  it('is done when nothing is left anywhere', () => {
    assert.ok(isDone(startOf(new SlotSet())))
    assert.ok(!isDone(start))
    assert.ok(!isDone({ ...startOf(new SlotSet()), moving: new Map([[5, 'B']]) }))
  })
})
