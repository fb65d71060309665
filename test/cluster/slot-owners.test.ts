import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import { SlotOwners } from '../../lib/cluster/slot-owners.ts'

function node(name: string): ClusterNode {
  return { name } as ClusterNode
}

test('each slot has the owner that was set last, or none', () => {
  const owners = new SlotOwners()
  const [one, two] = [node('one'), node('two')]
  assert.equal(owners.get(7), undefined)
  owners.set(7, one)
  owners.set(16383, two)
  owners.set(8, two)
  owners.set(8, undefined)
  assert.deepEqual(
    [7, 8, 16383].map((slot) => owners.get(slot)),
    [one, undefined, two]
  )
  assert.deepEqual(
    [...owners.serving()],
    [
      [one, 7],
      [two, 16383],
    ]
  )
})

test('it is complete when every slot is served', () => {
  const owners = new SlotOwners()
  const only = node('only')
  for (let slot = 0; slot < 16384; slot++) {
    assert.equal(owners.complete, false)
    owners.set(slot, only)
  }
  assert.equal(owners.complete, true)
  owners.set(100, undefined)
  assert.equal(owners.complete, false)
})

test('nodes that come and go without end confuse nothing', () => {
  const owners = new SlotOwners()
  const stays = node('stays')
  owners.set(1, stays)
  for (let i = 0; i < 70_000; i++) {
    const guest = node(`guest ${i}`)
    owners.set(2, guest)
    if (i % 1000 === 0) assert.equal(owners.get(2), guest)
  }
  assert.equal(owners.get(1), stays)
  assert.equal(owners.get(2)?.name, 'guest 69999')
})
