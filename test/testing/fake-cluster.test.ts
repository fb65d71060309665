import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { freePort } from '../support/free-port.ts'
import { connect } from '../support/raw-client.ts'

describe('a fake cluster', () => {
  it('shares all slots out among its masters, and gives each the replicas wanted', async () => {
    await using cluster = await createFakeCluster({ masters: 3, replicas: 2 })
    assert.equal(cluster.masters.length, 3)
    assert.equal(cluster.replicas.length, 6)
    assert.deepEqual(
      cluster.masters.map((node) => cluster.replicasOf(node).length),
      [2, 2, 2]
    )
    const owners = new Set(Array.from({ length: 16384 }, (_, slot) => cluster.owner(slot)))
    assert.deepEqual(owners, new Set(cluster.masters))
  })

  it('listens on the ports given', async () => {
    const port = await freePort()
    await using cluster = await createFakeCluster({ masters: 1, ports: [port] })
    assert.deepEqual(cluster.addresses, [`127.0.0.1:${port}`])
    await assert.rejects(createFakeCluster({ masters: 1, ports: [port] }), { code: 'EADDRINUSE' })
  })

  it('refuses counts that make no cluster', async () => {
    await assert.rejects(createFakeCluster({ masters: 0 }), {
      code: 'INVALID_OPTION',
      message: /option masters/,
    })
    await assert.rejects(createFakeCluster({ replicas: 1.5 }), {
      code: 'INVALID_OPTION',
      message: /option replicas/,
    })
  })

  it('finds a node by index, id and address', async () => {
    await using cluster = await createFakeCluster()
    const node = cluster.nodes[1]!
    for (const reference of [1, node.id, node.address, node])
      assert.equal(cluster.node(reference), node)
    assert.throws(() => cluster.node('nowhere'), { code: 'INVALID_OPTION' })
  })

  it('migrates a slot with its keys and their time to live', async () => {
    await using cluster = await createFakeCluster()
    cluster.execute('SET', 'a', '1', 'EX', 1000)
    const target = cluster.masters.find((node) => node !== cluster.owner('a'))!
    cluster.migrate(cluster.slotOf('a'), target)
    assert.equal(cluster.owner('a'), target)
    assert.equal(target.execute('GET', 'a'), '1')
    assert.equal(target.execute('TTL', 'a'), 1000)
  })

  it('refuses to move keys of a slot that is not migrating', async () => {
    await using cluster = await createFakeCluster()
    assert.throws(() => cluster.moveKey('a'), {
      code: 'INVALID_OPTION',
      message: /is not migrating/,
    })
    assert.throws(() => cluster.moveKeys(1), {
      code: 'INVALID_OPTION',
      message: /is not migrating/,
    })
  })

  it('fails over to a replica, which raises the epoch and takes all slots', async () => {
    await using cluster = await createFakeCluster({ replicas: 2 })
    const old = cluster.owner('a')
    const [replica, sibling] = cluster.replicasOf(old)
    cluster.execute('SET', 'a', '1')
    cluster.failover(replica!)
    assert.equal(cluster.owner('a'), replica)
    assert.equal(old.role, 'replica')
    assert.deepEqual(new Set(cluster.replicasOf(replica!)), new Set([old, sibling]))
    assert.equal(cluster.execute('GET', 'a'), '1')
    assert.match(String(replica!.execute('CLUSTER', 'INFO')), /cluster_my_epoch:4\r\n/)
    assert.throws(() => cluster.failover(replica!), { code: 'INVALID_OPTION' })
  })

  it('loses with a failover what a lagging replica had not seen', async () => {
    await using cluster = await createFakeCluster({ replicas: 1 })
    const [replica] = cluster.replicasOf(cluster.owner('a'))
    cluster.execute('SET', 'a', '1')
    replica!.lag(true)
    cluster.execute('SET', 'a', '2')
    cluster.failover(replica!)
    assert.equal(cluster.execute('GET', 'a'), '1')
  })

  it('grows and shrinks', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const added = await cluster.addNode()
    const replica = await cluster.addNode({ master: added })
    cluster.migrate(0, added)
    assert.deepEqual(cluster.replicasOf(added), [replica])
    cluster.setCoverage(false)
    await cluster.removeNode(added)
    assert.throws(() => cluster.owner(0), { code: 'INVALID_OPTION' })
    assert.equal(cluster.nodes.includes(added), false)
  })

  it('forgets all keys when flushed', async () => {
    await using cluster = await createFakeCluster()
    for (const key of ['a', 'b', 'c']) cluster.execute('SET', key, '1')
    cluster.flush()
    assert.equal(cluster.execute('GET', 'a'), null)
  })

  it('lacks the commands that its version does not have', async () => {
    await using cluster = await createFakeCluster({ masters: 1, version: '6.2.14' })
    await using client = await connect(cluster.nodes[0]!.port)
    await assert.rejects(client.ask('CLUSTER', 'SHARDS'), /unknown subcommand 'SHARDS'/)
    await assert.rejects(client.ask('EXPIRETIME', 'a'), /unknown command/)
    assert.match(String(await client.ask('INFO', 'server')), /redis_version:6\.2\.14/)
  })

  it('takes password, users, latency and announced addresses as options', async () => {
    await using cluster = await createFakeCluster({
      masters: 1,
      password: 'secret',
      users: { bob: 'word' },
      latency: 5,
      announce: (index, real) => ({ host: `node-${index}`, port: real.port + 1 }),
    })
    const [node] = cluster.nodes
    await using client = await connect(node!.port)
    assert.equal(await client.ask('AUTH', 'bob', 'word'), 'OK')
    assert.match(
      String(await client.ask('CLUSTER', 'NODES')),
      new RegExp(`node-0:${node!.port + 1}@`)
    )
  })
})
