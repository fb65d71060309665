import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  coverage,
  difference,
  EMPTY_TOPOLOGY,
  readNodes,
  readShards,
  readSlots,
} from '../../lib/cluster/topology.ts'
import type { Topology, TopologyNode } from '../../lib/events.ts'

/** A node as RESP2 writes it in CLUSTER SHARDS. */
function member(fields: Record<string, unknown>): unknown[] {
  return Object.entries({
    id: 'id',
    port: 7000,
    ip: '10.0.0.1',
    endpoint: '10.0.0.1',
    role: 'master',
    'replication-offset': 0,
    health: 'online',
    ...fields,
  }).flat()
}

function shard(slots: readonly number[], ...nodes: unknown[][]): unknown[] {
  return ['slots', slots, 'nodes', nodes]
}

test('CLUSTER SHARDS gives masters with their slots, and replicas with their master', () => {
  const reply = [
    shard(
      [0, 99, 200, 200],
      member({ id: 'replica', port: 7001, role: 'replica', health: 'loading' }),
      member({ id: 'master' })
    ),
    shard([], member({ id: 'empty', port: 7002, health: 'failed' })),
  ]
  assert.deepEqual(readShards(reply, false), [
    {
      id: 'replica',
      host: '10.0.0.1',
      port: 7001,
      role: 'replica',
      masterId: 'master',
      slots: [],
      epoch: 0,
      healthy: false,
    },
    {
      id: 'master',
      host: '10.0.0.1',
      port: 7000,
      role: 'master',
      masterId: undefined,
      slots: [
        [0, 99],
        [200, 200],
      ],
      epoch: 0,
      healthy: true,
    },
    {
      id: 'empty',
      host: '10.0.0.1',
      port: 7002,
      role: 'master',
      masterId: undefined,
      slots: [],
      epoch: 0,
      healthy: false,
    },
  ])
})

test('the preferred endpoint may be a name, an IPv6 address, or unknown', () => {
  const endpoints: readonly (readonly [unknown, string])[] = [
    ['node.example.org', 'node.example.org'],
    ['2001:db8::1', '2001:db8::1'],
    ['', ''],
    ['?', ''],
    [null, ''],
  ]
  for (const [endpoint, host] of endpoints) {
    assert.equal(readShards([shard([0, 1], member({ endpoint }))], false)[0]?.host, host)
    assert.equal(readSlots([[0, 1, [endpoint, 7000, 'id']]])[0]?.host, host)
  }
})

test('towards nodes with TLS the TLS port counts, if one is told', () => {
  const both = [shard([0, 1], member({ port: 7000, 'tls-port': 8000 }))]
  assert.equal(readShards(both, true)[0]?.port, 8000)
  assert.equal(readShards(both, false)[0]?.port, 7000)
  const { port: _, ...rest } = { port: 0 }
  const tlsOnly = [shard([0, 1], member({ ...rest, port: undefined, 'tls-port': 8000 }))]
  assert.equal(readShards(tlsOnly, false)[0]?.port, 8000)
  assert.equal(readShards([shard([0, 1], member({}))], true)[0]?.port, 7000)
})

test('nodes without a port, and ranges that are none, are left out', () => {
  assert.deepEqual(readShards([shard([0, 1], member({ port: 0 }))], false), [])
  assert.deepEqual(readSlots([[0, 1, ['a', 0, 'id']]]), [])
  const ranges = readShards([shard([0, 16384, -1, 5, 9, 3, 7, 8], member({}))], false)
  assert.deepEqual(ranges[0]?.slots, [[7, 8]])
  assert.deepEqual(readSlots([[5, 16384, ['a', 1, 'id']]]), [])
})

test('replies that are not what they should be give nothing', () => {
  for (const reply of [
    null,
    'OK',
    5,
    [],
    [null],
    [[]],
    [['slots']],
    [['slots', 'x', 'nodes', 5]],
  ]) {
    assert.deepEqual(readShards(reply, false), [])
    assert.deepEqual(readSlots(reply), [])
  }
  for (const reply of [null, '', 'x', 5]) assert.equal(readNodes(reply).size, 0)
})

test('CLUSTER SLOTS gives one node for all its ranges', () => {
  const master = ['10.0.0.1', 7000, 'm', []]
  const replica = ['10.0.0.2', 7001, 'r', ['hostname', 'x']]
  const nodes = readSlots([
    [0, 10, master, replica],
    [12, 20, master, replica],
    [11, 11, ['10.0.0.3', 7002, 'n']],
  ])
  assert.deepEqual(
    nodes.map(({ id, role, masterId, slots }) => ({ id, role, masterId, slots })),
    [
      {
        id: 'm',
        role: 'master',
        masterId: undefined,
        slots: [
          [0, 10],
          [12, 20],
        ],
      },
      { id: 'r', role: 'replica', masterId: 'm', slots: [] },
      { id: 'n', role: 'master', masterId: undefined, slots: [[11, 11]] },
    ]
  )
})

test('CLUSTER SLOTS of servers that tell no ids tells nodes apart by address', () => {
  const nodes = readSlots([
    [0, 10, ['a', 7000]],
    [11, 20, ['a', 7001]],
    [21, 30, ['a', 7000]],
  ])
  assert.deepEqual(
    nodes.map(({ port, slots }) => [port, slots.length]),
    [
      [7000, 2],
      [7001, 1],
    ]
  )
})

test('CLUSTER NODES gives who is whose, the slots and the epoch of each node, and whether it failed', () => {
  const text = [
    'aa 10.0.0.1:7000@17000 myself,master - 0 0 12 connected 0-100',
    'bb 10.0.0.2:7001@17001,host slave aa 0 1426238316232 12 connected',
    'cc ::1:7002@17002 master,fail - 1 2 3 disconnected 101-200 202 [5->-aa] [7-<-aa]',
    'dd 10.0.0.4:7003@17003 master,fail? - 1 2 4 connected',
    'ee :0@0 master,noaddr - 1 2 5 disconnected',
    '',
  ].join('\n')
  assert.deepEqual(
    [...readNodes(text)].map(([id, { role, masterId, slots, epoch, failing }]) => {
      return [id, role, masterId, slots, epoch, failing]
    }),
    [
      ['aa', 'master', undefined, [[0, 100]], 12, false],
      ['bb', 'replica', 'aa', [], 12, false],
      [
        'cc',
        'master',
        undefined,
        [
          [101, 200],
          [202, 202],
        ],
        3,
        true,
      ],
      ['dd', 'master', undefined, [], 4, false],
      ['ee', 'master', undefined, [], 5, true],
    ]
  )
})

test('coverage counts slots', () => {
  assert.equal(coverage([]), 0)
  assert.equal(coverage([{ slots: [[0, 9]] }, { slots: [[20, 20]] }, { slots: [] }]), 11)
})

function node(address: string, role: 'master' | 'replica' = 'master'): TopologyNode {
  const masterId = role === 'master' ? undefined : 'm'
  const announced = address
  return { id: address, address, announced, role, masterId, slots: [], epoch: 0, healthy: true }
}

function topology(version: number, ...nodes: TopologyNode[]): Topology {
  return { version, nodes, coveredSlots: 0 }
}

test('the difference of two topologies names what came, went, rose and moved', () => {
  const before = topology(1, node('a:1'), node('b:1', 'replica'), node('c:1'))
  const after = topology(2, node('a:1', 'replica'), node('b:1'), node('d:1'))
  assert.deepEqual(difference(before, after, 5, 'redirect'), {
    reason: 'redirect',
    before,
    after,
    slotsMoved: 5,
    added: ['d:1'],
    removed: ['c:1'],
    promoted: ['b:1'],
  })
})

test('a new master is added, not promoted', () => {
  const change = difference(EMPTY_TOPOLOGY, topology(1, node('a:1')), 16384, 'start')
  assert.deepEqual([change?.added, change?.promoted], [['a:1'], []])
})

test('there is no difference where only epochs or health are others', () => {
  const before = topology(1, node('a:1'))
  const after = topology(2, { ...node('a:1'), epoch: 7, healthy: false })
  assert.equal(difference(before, after, 0, 'interval'), undefined)
})

test('a moved slot, or a master that became a replica, is a difference by itself', () => {
  const before = topology(1, node('a:1'))
  assert.equal(difference(before, topology(2, node('a:1')), 1, 'interval')?.slotsMoved, 1)
  assert.ok(difference(before, topology(2, node('a:1', 'replica')), 0, 'interval'))
})
