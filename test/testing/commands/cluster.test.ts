import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Reply } from '../../support/resp-frame.ts'
import { Fixture } from './fixture.ts'

describe('CLUSTER of the fake', () => {
  const fixture = new Fixture({ masters: 2, replicas: 1 })

  it('SLOTS lists ranges with their master and its living replicas', async () => {
    const { cluster, client } = fixture
    const [a, b] = cluster.masters
    const [replicaOfA] = cluster.replicasOf(a!)
    const entry = (node: typeof a): Reply => ['127.0.0.1', node!.port, node!.id, []]
    await cluster.replicasOf(b!)[0]!.stop()
    cluster.migrate(0, b!)
    assert.deepEqual(await client.ask('CLUSTER', 'SLOTS'), [
      [0, 0, entry(b)],
      [1, 8191, entry(a), entry(replicaOfA)],
      [8192, 16383, entry(b)],
    ])
  })

  it('SHARDS lists every shard with the health of its nodes', async () => {
    const { cluster, client } = fixture
    await cluster.replicas[0]!.stop()
    const shards = (await client.ask('CLUSTER', 'SHARDS')) as Reply[][]
    const nodes = (shards[0]![3] ?? []) as Reply[][]
    assert.deepEqual(shards[0]!.slice(0, 2), ['slots', [0, 8191]])
    assert.deepEqual(
      nodes.map((node) => node.slice(8)),
      [
        ['role', 'master', 'replication-offset', 0, 'health', 'online'],
        ['role', 'replica', 'replication-offset', 0, 'health', 'fail'],
      ]
    )
  })

  it('NODES tells roles, failures and open slots', async () => {
    const { cluster, client } = fixture
    const [a, b] = cluster.masters
    const [replicaOfA] = cluster.replicasOf(a!)
    cluster.setMigrating(1, b!)
    cluster.setImporting(1, b!)
    await replicaOfA!.stop()
    const lines = String(await client.ask('CLUSTER', 'NODES')).split('\n')
    const bus = (port: number): number => (port <= 55535 ? port + 10000 : port - 10000)
    assert.equal(
      lines[0],
      `${a!.id} ${a!.address}@${bus(a!.port)} myself,master - 0 0 1 connected 0-8191 [1->-${b!.id}]`
    )
    assert.match(lines[2]!, new RegExp(`slave,fail ${a!.id} 0 0 1 disconnected$`))
    assert.match(String(b!.execute('CLUSTER', 'NODES')), new RegExp(`\\[1-<-${a!.id}\\]`))
  })

  it('INFO says whether the cluster serves', async () => {
    const { cluster, client } = fixture
    assert.match(
      String(await client.ask('CLUSTER', 'INFO')),
      /cluster_state:ok\r\ncluster_slots_assigned:16384/
    )
    cluster.unassign(5)
    assert.match(
      String(await client.ask('CLUSTER', 'INFO')),
      /cluster_state:fail\r\ncluster_slots_assigned:16383/
    )
  })

  it('knows the keys of a slot', async () => {
    const { cluster } = fixture
    for (const key of ['{x}1', '{x}2', 'y']) cluster.execute('SET', key, '')
    const slot = cluster.slotOf('x')
    const owner = await fixture.connect(cluster.owner('x'))
    assert.equal(await owner.ask('CLUSTER', 'KEYSLOT', '{x}1'), slot)
    assert.equal(await owner.ask('CLUSTER', 'COUNTKEYSINSLOT', slot), 2)
    assert.deepEqual(await owner.ask('CLUSTER', 'GETKEYSINSLOT', slot, 1), ['{x}1'])
    await assert.rejects(owner.ask('CLUSTER', 'COUNTKEYSINSLOT', 16384), /Invalid slot/)
    await assert.rejects(owner.ask('CLUSTER', 'GETKEYSINSLOT', 1, -1), /Invalid number of keys/)
  })

  it('REPLICAS lists those of a master', async () => {
    const { cluster, client, node } = fixture
    const [replica] = cluster.replicasOf(node)
    const lines = (await client.ask('CLUSTER', 'REPLICAS', node.id)) as string[]
    assert.deepEqual(
      lines.map((line) => line.split(' ')[0]),
      [replica!.id]
    )
    assert.equal(await client.ask('CLUSTER', 'MYID'), node.id)
    await assert.rejects(client.ask('CLUSTER', 'REPLICAS', replica!.id), /is not a master/)
    await assert.rejects(client.ask('CLUSTER', 'REPLICAS', 'x'), /Unknown node x/)
  })
})
