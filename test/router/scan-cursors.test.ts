import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Clock } from '../../lib/clock.ts'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import { SlotCache } from '../../lib/cluster/slot-cache.ts'
import { ScanCursors } from '../../lib/router/scan-cursors.ts'
import { type ScanProgress, startOf } from '../../lib/router/scan-progress.ts'
import { SlotSet } from '../../lib/router/slot-set.ts'

const SLOTS = 16384

/** Two masters, each with one half of the slots. */
function stage(): { cache: SlotCache; clock: Clock; cursors: ScanCursors; nodes: ClusterNode[] } {
  const nodes = ['a:1', 'b:1', 'c:1'].map((name) => ({ name }) as ClusterNode)
  const cache = new SlotCache()
  for (let slot = 0; slot < SLOTS; slot++) cache.patch(slot, nodes[slot < SLOTS / 2 ? 0 : 1]!)
  const clock = new Clock()
  return { cache, clock, cursors: new ScanCursors(cache, clock), nodes }
}

function half(first: number): SlotSet {
  const set = new SlotSet()
  set.addRange(first, first + SLOTS / 2 - 1)
  return set
}

/** The scan of a node in its middle, with nothing moving. */
function middle(node: string, own: SlotSet, left: SlotSet, cursor: bigint): ScanProgress {
  const begun = { id: 'x', owned: own, migrating: new Map(), importing: new Set<number>() }
  return { ...startOf(left), current: { node, begun, cursor } }
}

const read = (cursors: ScanCursors, cursor: string, slot = -1): ScanProgress | undefined =>
  cursors.read(Buffer.from(cursor), slot)

describe('cursors of a scan over all masters', () => {
  it('say in themselves how far it is, as long as nothing moves', () => {
    const { cursors } = stage()
    for (const [node, first] of [
      ['a:1', 0],
      ['b:1', SLOTS / 2],
    ] as const) {
      const left = first === 0 ? SlotSet.all() : half(first)
      for (const cursor of [1n, 4711n, 2n ** 32n - 1n]) {
        const text = cursors.write(middle(node, half(first), left, cursor), -1)
        assert.equal(BigInt(text) % 2n, 0n)
        assert.ok(BigInt(text) < 2n ** 63n)
        const found = read(cursors, text)!
        assert.ok(found.left.equals(left))
        assert.equal(found.current?.node, node)
        assert.equal(found.current?.cursor, cursor)
        assert.ok(found.current.begun.owned.equals(half(first)))
      }
    }
    const between = read(cursors, cursors.write(startOf(half(SLOTS / 2)), -1))!
    assert.equal(between.current, undefined)
    assert.ok(between.left.equals(half(SLOTS / 2)))
  })

  it('are the same in another proxy that sees the same cluster, and hold in it', () => {
    const [one, other] = [stage(), stage()]
    const text = one.cursors.write(middle('b:1', half(8192), half(8192), 7n), -1)
    assert.equal(read(other.cursors, text)!.current?.cursor, 7n)
  })

  it('hold after slots have moved, whatever they say now', () => {
    const { cursors, cache, nodes } = stage()
    const text = cursors.write(startOf(half(8192)), -1)
    cache.patch(3, nodes[2]!)
    cache.patch(9000, nodes[2]!)
    assert.ok(read(cursors, text)!.left.equals(half(8192)))
  })

  it('begin anew when their map is not known any more', () => {
    const { cursors, cache, nodes } = stage()
    const text = cursors.write(startOf(half(8192)), -1)
    for (let i = 0; i < 20; i++) {
      cache.patch(3 + i, nodes[2]!)
      cursors.write(startOf(half(0)), -1)
    }
    assert.ok(read(cursors, text)!.left.equals(SlotSet.all()))
  })

  it('are kept here where they would be too long, or something moves', () => {
    const { cursors } = stage()
    const moving = new Map([[5, 'id']])
    const kept: ScanProgress[] = [
      middle('a:1', half(0), SlotSet.all(), 2n ** 32n),
      middle('a:1', half(0), SlotSet.all(), 2n ** 64n - 1n),
      middle('a:1', half(0), SlotSet.of(1, 2), 5n),
      middle('a:1', SlotSet.of(1), SlotSet.all(), 5n),
      middle('c:1', half(0), SlotSet.all(), 5n),
      { ...startOf(half(8192)), moving },
      startOf(SlotSet.of(77)),
    ]
    for (const progress of kept) {
      const text = cursors.write(progress, -1)
      assert.equal(BigInt(text) % 2n, 1n)
      assert.ok(Number.isSafeInteger(Number(text)))
      assert.equal(read(cursors, text), progress)
      assert.equal(read(cursors, text), progress, 'more than once')
    }
  })

  it('that are kept are forgotten after ten minutes, or behind 4096 others, and begin anew', () => {
    const { cursors, clock } = stage()
    const isAnew = (cursor: string): boolean => read(cursors, cursor)!.left.equals(SlotSet.all())
    const text = cursors.write(startOf(SlotSet.of(77)), -1)
    clock.now += 10 * 60_000
    assert.ok(!isAnew(text))
    clock.now += 1
    assert.ok(isAnew(text))
    const first = cursors.write(startOf(SlotSet.of(1)), -1)
    const last = Array.from({ length: 4096 }, () => cursors.write(startOf(SlotSet.of(1)), -1))
    assert.ok(isAnew(first))
    assert.ok(!last.some(isAnew))
  })

  it('that another proxy keeps begin anew here, in the slot that is asked for', () => {
    const [one, other] = [stage(), stage()]
    const text = one.cursors.write(startOf(SlotSet.of(77)), -1)
    assert.ok(read(other.cursors, text)!.left.equals(SlotSet.all()))
    assert.deepEqual([...read(other.cursors, text, 5)!.left], [5])
  })

  it('of one slot go on there only if they came from there', () => {
    const { cursors } = stage()
    const text = cursors.write(middle('b:1', half(8192), SlotSet.of(9000), 7n), 9000)
    assert.equal(BigInt(text) % 2n, 0n)
    const found = read(cursors, text, 9000)!
    assert.deepEqual([[...found.left], found.current?.cursor], [[9000], 7n])
    const elsewhere = read(cursors, text, 5)!
    assert.deepEqual([[...elsewhere.left], elsewhere.current], [[5], undefined])
    assert.deepEqual([...read(cursors, '0', 5)!.left], [5])
  })

  it('that are none are told from others', () => {
    const { cursors } = stage()
    cursors.write(startOf(half(8192)), -1)
    for (const text of ['x', '-1', '99999999999999999999', `1${'0'.repeat(50)}`, '+', '+-1']) {
      assert.equal(read(cursors, text), undefined, text)
    }
    for (const text of ['0', '', '+0', '000']) assert.ok(read(cursors, text), text)
  })
})
