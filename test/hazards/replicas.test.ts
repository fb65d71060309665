import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterProxyOptions, ReadFrom } from '../../lib/index.ts'
import type { FakeNode } from '../../lib/testing/index.ts'
import type { RawClient } from '../support/raw-client.ts'
import { receivedBy, type Stage, setStage } from './stage.ts'

const CLUSTER = { masters: 2, replicas: 1 }
/** Often enough that no test waits long for the proxy to know how far replicas are. */
const SOON = { replicaCheckInterval: 10 }

/** Waits until the proxy has looked at a replica twice more: what the first look began before is known then. */
async function looked(replica: FakeNode): Promise<void> {
  for (let i = 0; i < 3; i++) await replica.waitFor('INFO')
}

/** A cluster with replicas, and a proxy with a policy for reads. */
function setReplicas(
  readFrom: ReadFrom = 'master',
  options: Partial<ClusterProxyOptions> = {}
): Promise<Stage> {
  return setStage({ cluster: CLUSTER, options: { readFrom, ...SOON, ...options } })
}

/** A client, when the proxy knows how far the replicas are. */
async function readerOf(stage: Stage): Promise<RawClient> {
  const client = await stage.client()
  await settled(stage, client)
  return client
}

async function settled(stage: Stage, client: RawClient): Promise<void> {
  // The first client that may read from replicas makes the proxy look at them.
  await client.ask('PING')
  for (const replica of stage.cluster.replicas) await looked(replica)
}

/** The GETs of a key, by the role of the node that got them. */
function reads(stage: Stage, key: string): { master: number; replica: number } {
  const master = stage.cluster.owner(key)!
  const [replica] = stage.cluster.replicasOf(master)
  const count = (node: FakeNode): number =>
    receivedBy(node, 'GET').filter((command) => command.endsWith(` ${key}`)).length
  return { master: count(master), replica: count(replica!) }
}

describe('reads from replicas', () => {
  it('E15.1 prefer-replica reads from the replica and writes to the master', async () => {
    await using stage = await setReplicas('prefer-replica')
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'value')
    const client = await readerOf(stage)
    assert.equal(await client.ask('GET', key), 'value')
    assert.equal(await client.ask('SET', key, 'other'), 'OK')
    assert.deepEqual(reads(stage, key), { master: 0, replica: 1 })
    assert.deepEqual(
      receivedBy(stage.cluster.replicas[0]!, 'SET').concat(
        receivedBy(stage.cluster.replicas[1]!, 'SET')
      ),
      []
    )
  })

  it('E15.1 E6.5 what is read while keys are watched comes from masters, over several slots too', async () => {
    for (const crossSlot of [true, 'gather'] as const) {
      await using stage = await setReplicas('replica', { crossSlot })
      const keys = [stage.keyOf(0), stage.keyOf(1)]
      const client = await stage.client()
      await settled(stage, client)
      const read = async (): Promise<void> => {
        await client.call('GET', keys[0]!)
        await client.call('MGET', ...keys)
        if (crossSlot === 'gather') await client.call('SUNION', ...keys)
      }
      const asked = (): number =>
        stage.cluster.replicas.flatMap((node) => receivedBy(node, 'GET', 'MGET', 'SMEMBERS')).length
      await client.call('WATCH', keys[0]!)
      await read()
      assert.equal(asked(), 0)
      await client.call('UNWATCH')
      await read()
      assert.ok(asked() > 0)
    }
  })

  it('E15.2 READONLY comes first on every connection to a replica', async () => {
    await using stage = await setReplicas('replica')
    const key = stage.keyOf(0)
    const client = await readerOf(stage)
    const [replica] = stage.cluster.replicasOf(stage.cluster.owner(key)!)
    assert.equal(await client.ask('GET', key), null)
    replica!.connections.kill()
    // The read that finds its connection lost goes to another node, or to the next connection.
    assert.equal(await client.ask('GET', key), null)
    await looked(replica!)
    const byConnection = new Map<number, string>()
    for (const { command, connection } of replica!.received) {
      const name = command[0]!.toUpperCase()
      if (name === 'INFO' || name === 'CLUSTER' || name === 'COMMAND') continue
      if (!byConnection.has(connection)) byConnection.set(connection, name)
    }
    assert.deepEqual([...new Set(byConnection.values())], ['READONLY'])
  })

  it('E15.3 a replica that lags for longer than maxReplicaLag is not read from', async () => {
    await using stage = await setReplicas('prefer-replica', { maxReplicaLag: 200 })
    const key = stage.keyOf(0)
    const [replica] = stage.cluster.replicasOf(stage.cluster.owner(key)!)
    const client = await readerOf(stage)
    replica!.lag(true)
    stage.cluster.execute('SET', key, 'new')
    // A reader that has written nothing may be told the old value until the limit, and never after it.
    const began = performance.now()
    let value = await client.ask('GET', key)
    while (value !== 'new') {
      assert.ok(performance.now() - began < 5000, 'the replica is left out in the end')
      value = await client.ask('GET', key)
    }
    const before = reads(stage, key)
    for (let i = 0; i < 10; i++) assert.equal(await client.ask('GET', key), 'new')
    assert.equal(reads(stage, key).replica, before.replica)
  })

  it('E15.4 after its own write a client reads from the master until the replica has caught up', async () => {
    await using stage = await setReplicas('prefer-replica')
    const key = stage.keyOf(0)
    const [replica] = stage.cluster.replicasOf(stage.cluster.owner(key)!)
    const client = await readerOf(stage)
    replica!.lag(true)
    assert.equal(await client.ask('SET', key, 'mine'), 'OK')
    for (let i = 0; i < 20; i++) assert.equal(await client.ask('GET', key), 'mine')
    assert.equal(reads(stage, key).replica, 0)
    // Another slot of the same master is not concerned.
    const [, other] = stage.keysOf(0, 2)
    assert.equal(await client.ask('GET', other!), null)
    assert.equal(reads(stage, other!).replica, 1)
    replica!.lag(false)
    const began = performance.now()
    while (reads(stage, key).replica === 0) {
      assert.equal(await client.ask('GET', key), 'mine')
      assert.ok(performance.now() - began < 5000, 'the replica is read from again')
    }
  })

  it('E15.4 without readYourWrites a lagging replica may answer', async () => {
    await using stage = await setReplicas('prefer-replica', { readYourWrites: false })
    const key = stage.keyOf(0)
    const [replica] = stage.cluster.replicasOf(stage.cluster.owner(key)!)
    const client = await readerOf(stage)
    replica!.lag(true)
    assert.equal(await client.ask('SET', key, 'mine'), 'OK')
    assert.equal(await client.ask('GET', key), null)
  })

  it('E15.6 a read that is under way when its client says READWRITE is made up for by the master', async () => {
    await using stage = await setReplicas()
    const key = stage.keyOf(0)
    const [replica] = stage.cluster.replicasOf(stage.cluster.owner(key)!)
    for (const end of [['READWRITE'], ['RESET'], ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', '1']]) {
      const client = await stage.client()
      await client.ask('READONLY')
      await settled(stage, client)
      await looked(replica!)
      replica!.answer('GET', '-LOADING Redis is loading the dataset in memory\r\n')
      const replies = await client.pipeline([['GET', key], end, ['GET', key]])
      assert.equal(String(replies[0]), '$-1\r\n', end.join(' '))
      assert.equal(String(replies[2]), '$-1\r\n', end.join(' '))
    }
    assert.deepEqual(stage.errors, [])
  })

  it('E1.2 a write does not overtake a read on its way to a replica, whatever its client said between', async () => {
    await using stage = await setStage({ cluster: CLUSTER, wired: true, options: SOON })
    const key = stage.keyOf(0)
    const master = stage.cluster.owner(key)!
    const [replica] = stage.cluster.replicasOf(master)
    const [client, other] = await stage.clients(2)
    await client!.ask('READONLY')
    await settled(stage, client!)
    await looked(replica!)
    const wire = stage.wire(replica!)
    const held = wire.hold(`GET\r\n$${key.length}\r\n${key}`)
    const replies = client!.pipeline([
      ['GET', key],
      ['READWRITE'],
      ['READONLY'],
      ['SET', key, 'new'],
    ])
    await held
    for (let i = 0; i < 3; i++) await other!.ask('SET', key, 'x')
    assert.deepEqual(
      receivedBy(master, 'SET').filter((each) => each.endsWith('new')),
      []
    )
    wire.release()
    assert.equal(String((await replies)[3]), '+OK\r\n')
  })

  it('E1.2 a write does not overtake an older read of its slot that is on its way to a replica', async () => {
    await using stage = await setReplicas('prefer-replica', { readYourWrites: false })
    const key = stage.keyOf(0)
    const master = stage.cluster.owner(key)!
    const [replica] = stage.cluster.replicasOf(master)
    stage.cluster.execute('SET', key, 'old')
    const client = await readerOf(stage)
    const got = replica!.waitFor('GET')
    replica!.pause()
    const replies = client.pipeline([
      ['GET', key],
      ['SET', key, 'new'],
      ['GET', stage.keyOf(1)],
    ])
    // The read of the other shard is answered: the write of this one was looked at long ago, and held.
    await stage.cluster.replicasOf(stage.cluster.owner(stage.keyOf(1))!)[0]!.waitFor('GET')
    assert.deepEqual(receivedBy(master, 'SET'), [])
    replica!.resume()
    await got
    assert.deepEqual((await replies).map(String), ['$3\r\nold\r\n', '+OK\r\n', '$-1\r\n'])
  })

  it('E15.6 policy replica says so when none serves the slot', async () => {
    await using stage = await setStage({
      cluster: { masters: 2, replicas: 0 },
      options: { readFrom: 'replica', ...SOON },
    })
    const client = await stage.client()
    await client.ask('PING')
    for (let i = 0; i < 2; i++) await stage.cluster.masters[0]!.waitFor('INFO')
    const frame = await client.call('GET', stage.keyOf(0))
    assert.equal(String(frame), '-ERR no replica serves this slot\r\n')
    assert.equal(await client.ask('SET', stage.keyOf(0), '1'), 'OK')
  })

  it('E15.6 prefer-replica falls back to the master when the replica is gone', async () => {
    await using stage = await setReplicas('prefer-replica')
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'value')
    const client = await readerOf(stage)
    assert.equal(await client.ask('GET', key), 'value')
    await stage.cluster.replicasOf(stage.cluster.owner(key)!)[0]!.stop()
    assert.equal(await client.ask('GET', key), 'value')
    assert.equal(reads(stage, key).master, 1)
  })

  it('E15.7 any reads from master and replica alike', async () => {
    await using stage = await setReplicas('any')
    const key = stage.keyOf(0)
    const client = await readerOf(stage)
    for (let i = 0; i < 20; i++) await client.ask('GET', key)
    assert.deepEqual(reads(stage, key), { master: 10, replica: 10 })
  })

  it('E2.12 a replica that is loading is left alone, and the master answers', async () => {
    await using stage = await setReplicas('prefer-replica')
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'value')
    const client = await readerOf(stage)
    const [replica] = stage.cluster.replicasOf(stage.cluster.owner(key)!)
    replica!.answer('GET', '-LOADING Redis is loading the dataset in memory\r\n')
    assert.equal(await client.ask('GET', key), 'value')
    assert.equal(reads(stage, key).master, 1)
  })

  it('E2.21 a MOVED from a replica sends the read to the master', async () => {
    await using stage = await setReplicas('prefer-replica')
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'value')
    const client = await readerOf(stage)
    const master = stage.cluster.owner(key)!
    const [replica] = stage.cluster.replicasOf(master)
    replica!.answer('GET', `-MOVED ${stage.cluster.slotOf(key)} ${master.address}\r\n`)
    assert.equal(await client.ask('GET', key), 'value')
    assert.deepEqual(reads(stage, key), { master: 1, replica: 1 })
  })

  it('READONLY makes one client prefer replicas, READWRITE takes it back', async () => {
    await using stage = await setReplicas()
    const key = stage.keyOf(0)
    const [reader, other] = await stage.clients(2)
    assert.equal(await reader!.ask('READONLY'), 'OK')
    await settled(stage, reader!)
    await reader!.ask('GET', key)
    await other!.ask('GET', key)
    assert.deepEqual(reads(stage, key), { master: 1, replica: 1 })
    assert.equal(await reader!.ask('READWRITE'), 'OK')
    await reader!.ask('GET', key)
    assert.deepEqual(reads(stage, key), { master: 2, replica: 1 })
  })

  it('E3.3 E5.10 cursors and what tells of one server stay on the master', async () => {
    await using stage = await setReplicas('replica')
    const key = stage.keyOf(0)
    stage.cluster.execute('HSET', key, 'field', 'value')
    const client = await readerOf(stage)
    await client.ask('HSCAN', key, '0')
    await client.ask('TOUCH', key)
    await client.ask('OBJECT', 'ENCODING', key)
    const [replica] = stage.cluster.replicasOf(stage.cluster.owner(key)!)
    assert.deepEqual(receivedBy(replica!, 'HSCAN', 'TOUCH', 'OBJECT'), [])
  })
})
