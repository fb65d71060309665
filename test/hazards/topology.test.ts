import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFakeCluster, type FakeNode } from '../../lib/testing/index.ts'
import { connect } from '../support/raw-client.ts'
import { questions, receivedBy, setStage, until } from './stage.ts'
import { Wire } from './wire.ts'

const always = { times: Number.POSITIVE_INFINITY }

/** The raw reply of a node to a command. */
async function rawReply(node: FakeNode, ...command: string[]): Promise<Buffer> {
  await using client = await connect(node.port)
  return await client.call(...command)
}

describe('answers about the topology', () => {
  it('E2.8 an answer that is older than a MOVED does not overwrite it', async () => {
    await using stage = await setStage({ wired: true, options: { refreshMinInterval: 1000 } })
    const redirects = stage.record('redirect')
    const key = stage.keyOf(0)
    const client = await stage.client()
    const old = [stage.wire(0).hold('SHARDS'), stage.wire(1).hold('SHARDS')]
    const refreshed = stage.proxy.refresh()
    await Promise.race(old)
    for (const held of old) held.catch(() => {})
    stage.cluster.migrate(stage.cluster.slotOf(key), 1)
    assert.equal(await client.ask('SET', key, 'x'), 'OK')
    assert.equal(redirects.length, 1)
    for (const node of [0, 1]) stage.wire(node).release()
    await refreshed
    assert.equal(await client.ask('GET', key), 'x')
    assert.equal(redirects.length, 1)
  })

  it('E2.18 while nodes disagree the owner with the highest epoch stays, and the change is told once', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const redirects = stage.record('redirect')
    const changes = stage.record('topologyChange')
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    const client = await stage.client()
    for (const node of [0, 1, 2]) await client.ask('GET', stage.keyOf(node))
    stage.cluster.setSlot(slot, 1, { tell: [0, 1] })
    assert.equal(await client.ask('SET', key, 'x'), 'OK')
    await until(stage.proxy, 'topologyChange', () => changes.length > 0)
    for (let i = 0; i < 6; i++) {
      await stage.proxy.refresh()
      assert.equal(await client.ask('GET', key), 'x')
      const owner = stage.proxy.topology.nodes.find(({ slots }) =>
        slots.some(([first, last]) => first <= slot && slot <= last)
      )
      assert.equal(owner?.address, stage.name(1))
    }
    assert.equal(redirects.length, 1)
    assert.ok(receivedBy(stage.cluster.nodes[2]!, 'CLUSTER').length > 0, 'the third was asked')
    assert.deepEqual(
      changes.map(({ slotsMoved }) => slotsMoved),
      [1]
    )
  })

  it('E2.9 an empty slot table never replaces a full one', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const changes = stage.record('topologyChange')
    for (const node of stage.cluster.nodes) node.answer('CLUSTER SHARDS', '*0\r\n', always)
    await assert.rejects(stage.proxy.refresh(), { code: 'NO_TOPOLOGY' })
    assert.equal(await client.ask('SET', stage.keyOf(0), 'x'), 'OK')
    assert.equal(await client.ask('SET', stage.keyOf(1), 'x'), 'OK')
    assert.equal(stage.proxy.topology.coveredSlots, 16_384)
    assert.deepEqual(changes, [])
    assert.equal(stage.errors.length, 1)
  })

  it('E2.9 a node that belongs to another cluster by now is not believed', async () => {
    await using foreign = await createFakeCluster({ masters: 1 })
    await using stage = await setStage({ cluster: { masters: 3 } })
    const shards = await rawReply(foreign.nodes[0]!, 'CLUSTER', 'SHARDS')
    const nodes = await rawReply(foreign.nodes[0]!, 'CLUSTER', 'NODES')
    const changes = stage.record('topologyChange')
    stage.cluster.nodes[2]!.answer('CLUSTER SHARDS', shards, always)
    stage.cluster.nodes[2]!.answer('CLUSTER NODES', nodes, always)
    const client = await stage.client()
    for (const node of [0, 1, 2]) await client.ask('GET', stage.keyOf(node))
    for (let i = 0; i < 6; i++) await stage.proxy.refresh()
    assert.ok(receivedBy(stage.cluster.nodes[2]!, 'CLUSTER').length > 0)
    assert.equal(await client.ask('SET', stage.keyOf(0), 'x'), 'OK')
    assert.deepEqual(changes, [])
    assert.deepEqual(receivedBy(foreign.nodes[0]!, 'SET'), [])
  })

  it('E2.9 replies that are no topology change nothing', async () => {
    await using stage = await setStage()
    const { topology } = stage.proxy
    for (const reply of [
      '+OK\r\n',
      ':1\r\n',
      '$-1\r\n',
      '*-1\r\n',
      '*1\r\n*2\r\n$5\r\nslots\r\n*2\r\n:0\r\n:99999\r\n',
      '*1\r\n*4\r\n$5\r\nslots\r\n*2\r\n:0\r\n:16383\r\n$5\r\nnodes\r\n*0\r\n',
    ]) {
      const faults = stage.cluster.nodes.map((node) => node.answer('CLUSTER SHARDS', reply, always))
      await assert.rejects(stage.proxy.refresh(), { code: 'NO_TOPOLOGY' }, JSON.stringify(reply))
      for (const fault of faults) fault.remove()
    }
    assert.equal(stage.proxy.topology.version, topology.version)
    await stage.proxy.refresh()
  })

  it('E2.10 slots that nobody serves answer CLUSTERDOWN after the budget, and the others go on', async () => {
    await using stage = await setStage({ options: { retryBudget: 200 } })
    const [lost, kept] = stage.keysOf(0, 2)
    const slot = stage.cluster.slotOf(lost!)
    stage.cluster.setCoverage(false)
    stage.cluster.unassign(slot)
    await stage.proxy.refresh()
    assert.equal(stage.proxy.topology.coveredSlots, 16_383)
    const [client, other] = await stage.clients(2)
    const begun = performance.now()
    const refused = client!.call('SET', lost!, 'x')
    assert.equal(await other!.ask('SET', kept!, 'x'), 'OK')
    assert.equal(String(await refused), '-CLUSTERDOWN Hash slot not served\r\n')
    const waited = performance.now() - begun
    assert.ok(waited >= 150 && waited < 1500, `${waited} ms`)
  })

  it('E2.10 a slot that gets an owner again within the budget is served without an error', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    stage.cluster.setCoverage(false)
    stage.cluster.unassign(slot)
    await stage.proxy.refresh()
    const client = await stage.client()
    const reply = client.ask('SET', key, 'x')
    await stage.cluster.waitFor('CLUSTER SHARDS')
    stage.cluster.setSlot(slot, 1)
    assert.equal(await reply, 'OK')
  })
})

describe('nodes that come and go', () => {
  it('E2.15 when all nodes have moved to other ports the entry point is asked again', async () => {
    await using cluster = await createFakeCluster({ masters: 2 })
    await using seed = await Wire.to(cluster.nodes[0]!.port)
    await using stage = await setStage({
      cluster: { masters: 1 },
      options: { nodes: [`localhost:${seed.port}`] },
    })
    const changes = stage.record('topologyChange')
    const downs = stage.record('nodeDown')
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    const client = await stage.client()
    for (const key of keys) assert.equal(await client.ask('SET', key, '1'), 'OK')
    seed.lead('nobody')
    const before = cluster.addresses
    for (const node of cluster.nodes) await node.stop()
    for (const node of cluster.nodes) await node.start({ port: 0 })
    await until(stage.proxy, 'nodeDown', () => downs.length >= 2)
    const replies = client.pipeline(keys.map((key) => ['INCR', key]))
    seed.lead(cluster.nodes[1]!.port)
    for (const frame of await replies) assert.equal(String(frame), ':2\r\n')
    await until(stage.proxy, 'topologyChange', () => changes.length > 0)
    assert.deepEqual([...changes[0]!.added].sort(), cluster.addresses.toSorted())
    assert.deepEqual([...changes[0]!.removed].sort(), before.toSorted())
    assert.equal(changes.length, 1)
  })

  it('E2.16 the connections of a node that left the cluster are closed, and it is dialled no more', async () => {
    await using stage = await setStage()
    const [first, second] = stage.cluster.nodes as [FakeNode, FakeNode]
    const changes = stage.record('topologyChange')
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    const shards = await rawReply(first, 'CLUSTER', 'SHARDS')
    const nodes = await rawReply(first, 'CLUSTER', 'NODES')
    const added = await stage.cluster.addNode()
    stage.cluster.migrate(slot, added)
    await stage.proxy.refresh()
    assert.deepEqual(changes.at(-1)!.added, [added.address])
    const [client, resp3] = await stage.clients(2)
    await resp3!.ask('HELLO', '3')
    for (const one of [client!, resp3!]) await one.ask('SET', key, 'x')
    assert.ok(added.connections.count >= 2)
    stage.cluster.migrate(slot, first)
    for (const node of [first, second, added]) {
      node.answer('CLUSTER SHARDS', shards, always)
      node.answer('CLUSTER NODES', nodes, always)
    }
    // Epochs went back to what they were; what was learned with a higher one gives way, since its owner is gone.
    await stage.proxy.refresh()
    await until(added, 'disconnect', () => added.connections.count === 0)
    let dialled = 0
    added.on('connect', () => dialled++)
    assert.deepEqual(changes.at(-1)!.removed, [added.address])
    assert.equal(await client!.ask('GET', key), 'x')
    for (let i = 0; i < 3; i++) await stage.proxy.refresh()
    assert.equal(dialled, 0)
    assert.ok(stage.proxy.stats().nodes.every(({ address }) => address !== added.address))
  })

  it('E2.16 what is in flight to a node that leaves is answered before its connection is closed', async () => {
    await using stage = await setStage({ wired: true, cluster: { masters: 3 } })
    const [first, second, third] = stage.cluster.nodes as [FakeNode, FakeNode, FakeNode]
    const key = stage.keyOf(2)
    stage.cluster.execute('SET', key, 'x')
    const client = await stage.client()
    await client.ask('GET', key)
    const held = stage.wire(2).hold('STRLEN')
    const reply = client.call('STRLEN', key)
    await held
    for (let slot = 0; slot < 16_384; slot++)
      if (stage.cluster.owner(slot) === third) stage.cluster.migrate(slot, 0)
    const shards = String(await rawReply(first, 'CLUSTER', 'SHARDS'))
    const without = shards.replace(third.id, 'f'.repeat(40))
    assert.notEqual(without, shards)
    // The leaving node is told with a port that cannot be dialled, so it counts as no node.
    const gone = without.replace(new RegExp(`:${stage.wire(2).port}\\r\\n`, 'g'), ':0\r\n')
    for (const node of [first, second, third]) node.answer('CLUSTER SHARDS', gone, always)
    await stage.proxy.refresh()
    assert.ok(stage.proxy.stats().nodes.every(({ address }) => address !== stage.name(2)))
    assert.ok(third.connections.count > 0)
    stage.wire(2).release()
    assert.equal(String(await reply), ':1\r\n')
    await until(third, 'disconnect', () => third.connections.count === 0)
  })

  it('E2.25 a manual failover is not noticed by clients', async () => {
    await using stage = await setStage({ cluster: { replicas: 1 } })
    const changes = stage.record('topologyChange')
    const key = stage.keyOf(0)
    const master = stage.cluster.nodes[0]!
    const [replica] = stage.cluster.replicasOf(master)
    const client = await stage.client()
    assert.equal(await client.ask('INCR', key), 1)
    master.pause()
    const replies = client.pipeline(Array.from({ length: 50 }, () => ['INCR', key]))
    stage.cluster.failover(replica!)
    master.resume()
    assert.deepEqual(
      (await replies).map(String),
      Array.from({ length: 50 }, (_, i) => `:${i + 2}\r\n`)
    )
    await until(stage.proxy, 'topologyChange', () => changes.length > 0)
    const [change] = changes
    assert.deepEqual(change!.promoted, [replica!.address])
    assert.deepEqual([change!.added, change!.removed, change!.slotsMoved], [[], [], 8192])
  })

  it('E2.30 a node that restarts with the same slots is reached again, without a change of topology', async () => {
    await using stage = await setStage()
    const changes = stage.record('topologyChange')
    const client = await stage.client()
    // Both nodes have been reached before, so that their first time is none of the events.
    await client.ask('SET', stage.keyOf(1), '1')
    const key = stage.keyOf(0)
    await client.ask('SET', key, '1')
    const ups = stage.record('nodeUp')
    const downs = stage.record('nodeDown')
    const node = stage.cluster.nodes[0]!
    await node.stop()
    await until(stage.proxy, 'nodeDown', () => downs.length > 0)
    const reply = client.ask('INCR', key)
    await node.start()
    assert.equal(await reply, 2)
    await stage.proxy.refresh()
    assert.deepEqual(changes, [])
    assert.deepEqual(
      [downs.map(({ address }) => address), ups.map(({ address }) => address)],
      [[node.address], [node.address]]
    )
    assert.equal(downs[0]!.cause?.code, 'NODE_CONNECT')
    assert.equal(ups[0]!.cause, undefined)
  })

  it('E2.17 refreshes that change nothing are told to nobody, and run one at a time', async () => {
    await using stage = await setStage({ options: { refreshMinInterval: 0 } })
    const changes = stage.record('topologyChange')
    const { version } = stage.proxy.topology
    const before = questions(stage.cluster)
    await Promise.all(Array.from({ length: 100 }, () => stage.proxy.refresh()))
    assert.equal(questions(stage.cluster) - before, 2)
    assert.deepEqual(changes, [])
    assert.equal(stage.proxy.topology.version, version)
  })

  it('E2.17 between two refreshes lies refreshMinInterval at least', async () => {
    await using stage = await setStage({ options: { refreshMinInterval: 150 } })
    const times: number[] = []
    for (const node of stage.cluster.nodes) {
      node.on('command', ({ command }) => {
        if (command[1] === 'SHARDS') times.push(performance.now())
      })
    }
    for (let i = 0; i < 3; i++) await stage.proxy.refresh()
    assert.equal(times.length, 3)
    for (let i = 1; i < 3; i++) assert.ok(times[i]! - times[i - 1]! >= 140)
  })
})
