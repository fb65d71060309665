import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WrittenMasters } from '../../lib/client/written-masters.ts'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import type { Request } from '../../lib/router/request.ts'

test('masters that were written to are remembered with a slot, and reads are not', () => {
  const [one, other] = ['1', '2'].map((name) => ({ name }) as ClusterNode)
  const written = new WrittenMasters()
  const note = (node: ClusterNode | undefined, slot: number, readonly: boolean): void =>
    written.note({ node, slot, spec: { readonly } } as unknown as Request)
  note(undefined, 1, false)
  note(one, -1, false)
  note(one, 2, true)
  assert.deepEqual(written.entries(), [])
  note(one, 3, false)
  note(one, 4, false)
  note(other, 5, false)
  assert.deepEqual(written.entries(), [
    [one, 3],
    [other, 5],
  ])
  note(one, 6, false)
  assert.deepEqual(written.entries()[0], [one, 6])
  written.forget(one!)
  written.forget(one!)
  assert.deepEqual(written.entries(), [[other, 5]])
  note(other, 7, false)
  note(one, 8, false)
  assert.deepEqual(written.entries(), [
    [other, 7],
    [one, 8],
  ])
})
