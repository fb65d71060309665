import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterNode } from '../../lib/cluster/node.ts'
import { type Discovery, SlotCache } from '../../lib/cluster/slot-cache.ts'
import type { TopologyNode } from '../../lib/events.ts'
import { ScriptedNetwork } from './scripted-socket.ts'

const nodes = new Map<string, ClusterNode>()

/** The node at an address; always the same. */
function at(address: string): ClusterNode {
  let node = nodes.get(address)
  if (node === undefined) {
    const [host, port] = address.split(':')
    node = new ClusterNode(
      { host: host!, port: Number(port) },
      {
        setup: new ScriptedNetwork().setup,
        reconnectMinDelay: 1,
        reconnectMaxDelay: 1,
        outputPause: 1,
        onUp() {},
        onDown() {},
        onLost() {},
        onStuck() {},
      }
    )
    nodes.set(address, node)
  }
  return node
}

type Row = readonly [
  address: string,
  epoch: number,
  slots: readonly (readonly [number, number])[],
  masterId?: string,
]

/** What a refresh might find out; the address of a node is its id as well. */
function discovery(...rows: readonly Row[]): Discovery {
  const found = rows.map(([address, epoch, slots, masterId]): TopologyNode => {
    const role = masterId === undefined ? 'master' : 'replica'
    return { id: address, address, announced: address, role, masterId, slots, epoch, healthy: true }
  })
  return { nodes: found, targets: new Map(rows.map(([address]) => [address, at(address)])) }
}

const HALVES = discovery(['a:1', 1, [[0, 8191]]], ['b:1', 2, [[8192, 16383]]])

function filled(): SlotCache {
  const cache = new SlotCache()
  assert.ok(cache.apply(HALVES, cache.moment, 'start'))
  return cache
}

test('before the first answer nothing is known', () => {
  const cache = new SlotCache()
  assert.equal(cache.owner(0), undefined)
  assert.deepEqual(cache.masters(), [])
  assert.deepEqual(cache.topology, { version: 0, nodes: [], coveredSlots: 0 })
})

test('the first answer fills the whole table', () => {
  const cache = new SlotCache()
  const taken = cache.apply(HALVES, cache.moment, 'start')
  assert.equal(taken?.moves.length, 16384)
  assert.deepEqual(taken?.moves[0], { slot: 0, from: undefined, to: at('a:1') })
  assert.equal(taken?.change?.slotsMoved, 16384)
  assert.equal(cache.owner(8191), at('a:1'))
  assert.equal(cache.owner(8192), at('b:1'))
  assert.deepEqual(cache.masters(), [at('a:1'), at('b:1')])
  assert.deepEqual([cache.topology.version, cache.topology.coveredSlots], [1, 16384])
})

test('the same answer again changes nothing', () => {
  const cache = filled()
  const { topology } = cache
  assert.deepEqual(cache.apply(HALVES, cache.moment, 'interval'), { moves: [], change: undefined })
  assert.deepEqual(cache.topology, topology)
})

test('new epochs alone replace the snapshot but not its version', () => {
  const cache = filled()
  cache.apply(
    discovery(['a:1', 7, [[0, 8191]]], ['b:1', 8, [[8192, 16383]]]),
    cache.moment,
    'interval'
  )
  assert.equal(cache.topology.version, 1)
  assert.equal(cache.topology.nodes[0]?.epoch, 7)
})

test('a MOVED patches one slot at once, and says whether that was news', () => {
  const cache = filled()
  assert.deepEqual(cache.patch(5, at('b:1')), { slot: 5, from: at('a:1'), to: at('b:1') })
  assert.equal(cache.patch(5, at('b:1')), undefined)
  assert.equal(cache.owner(5), at('b:1'))
  assert.equal(cache.owner(4), at('a:1'))
})

test('an answer that was asked for before a MOVED does not overwrite it', () => {
  const cache = filled()
  const { moment } = cache
  cache.patch(5, at('b:1'))
  assert.deepEqual(cache.apply(HALVES, moment, 'interval')?.moves, [])
  assert.equal(cache.owner(5), at('b:1'))
})

test('an answer with a higher epoch that was asked for after a MOVED counts again', () => {
  const cache = filled()
  cache.patch(5, at('b:1'))
  const later = discovery(['a:1', 3, [[0, 8191]]], ['b:1', 2, [[8192, 16383]]])
  assert.deepEqual(cache.apply(later, cache.moment, 'interval')?.moves, [
    { slot: 5, from: at('b:1'), to: at('a:1') },
  ])
})

test('an answer of a node that lags behind is not taken, unless it is forced', () => {
  const cache = filled()
  const newer = discovery(['a:1', 1, []], ['b:1', 2, [[8192, 16383]]], ['c:1', 9, [[0, 8191]]])
  cache.apply(newer, cache.moment, 'redirect')
  const older = discovery(['a:1', 1, [[0, 8191]]], ['b:1', 2, [[8192, 16383]]], ['c:1', 0, []])
  assert.equal(cache.apply(older, cache.moment, 'interval'), undefined)
  assert.equal(cache.owner(0), at('c:1'))
  assert.deepEqual(cache.topology.nodes, newer.nodes)
  assert.equal(cache.apply(older, cache.moment, 'interval', true)?.moves.length, 8192)
  assert.equal(cache.owner(0), at('a:1'))
})

test('a cluster that was made anew is taken in spite of its lower epochs', () => {
  const cache = new SlotCache()
  cache.apply(discovery(['a:1', 50, [[0, 16383]]]), cache.moment, 'start')
  const anew = discovery(['c:1', 1, [[0, 8191]]], ['d:1', 2, [[8192, 16383]]])
  assert.equal(cache.apply(anew, cache.moment, 'interval')?.moves.length, 16384)
  assert.equal(cache.owner(0), at('c:1'))
  assert.deepEqual(cache.topology.nodes, anew.nodes)
})

test('where two nodes claim a slot the higher epoch wins, and it counts once', () => {
  const claims: Row[] = [
    ['a:1', 5, [[0, 16383]]],
    ['b:1', 6, [[0, 99]]],
  ]
  for (const rows of [claims, [...claims].reverse()]) {
    const cache = new SlotCache()
    cache.apply(discovery(...rows), cache.moment, 'start')
    assert.equal(cache.owner(99), at('b:1'))
    assert.equal(cache.owner(100), at('a:1'))
    assert.equal(cache.topology.coveredSlots, 16384)
  }
})

test('slots that nobody serves any more lose their owner', () => {
  const cache = filled()
  const taken = cache.apply(discovery(['a:1', 1, [[0, 8191]]]), cache.moment, 'interval')
  assert.equal(taken?.moves.length, 8192)
  assert.equal(taken?.change?.slotsMoved, 8192)
  assert.equal(cache.owner(16383), undefined)
  assert.equal(cache.topology.coveredSlots, 8192)
})

test('a refresh tells what moved since the last one, whether a MOVED told it before or not', () => {
  const cache = filled()
  cache.patch(5, at('b:1'))
  const after = discovery(
    [
      'a:1',
      1,
      [
        [0, 4],
        [6, 8191],
      ],
    ],
    [
      'b:1',
      3,
      [
        [5, 5],
        [8192, 16383],
      ],
    ]
  )
  const taken = cache.apply(after, cache.moment, 'redirect')
  assert.deepEqual(taken?.moves, [])
  assert.equal(taken?.change?.slotsMoved, 1)
})

test('the replicas of a master are known, and those of others are none', () => {
  const cache = new SlotCache()
  cache.apply(
    discovery(['a:1', 1, [[0, 16383]]], ['r:1', 1, [], 'a:1'], ['s:1', 1, [], 'a:1']),
    cache.moment,
    'start'
  )
  assert.deepEqual(cache.replicas(at('a:1')), [at('r:1'), at('s:1')])
  assert.deepEqual(cache.replicas(at('r:1')), [])
})
