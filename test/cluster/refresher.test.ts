import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FakeClusterOptions } from '../../lib/testing/index.ts'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { AskingSide, askingSide } from './asking-side.ts'

test('a refresh fills the slot cache', async () => {
  await using side = await askingSide({ masters: 3, replicas: 1 })
  await side.refresher.refresh('start')
  const { cache, cluster } = side
  assert.equal(cache.topology.coveredSlots, 16384)
  for (const slot of [0, 5461, 16383])
    assert.equal(cache.owner(slot)?.name, cluster.owner(slot).address)
  assert.equal(side.refreshed, 1)
  assert.equal(side.changes.length, 1)
})

test('any number of requests at a time make one inquiry, and one more after it', async () => {
  await using side = await askingSide({ masters: 1 })
  const first = side.refresher.refresh('start')
  for (let i = 0; i < 1000; i++) side.refresher.request('redirect')
  const second = side.refresher.refresh('request')
  await first
  assert.equal(side.inquiries, 1)
  await second
  assert.equal(side.inquiries, 2)
})

test('who asks while an inquiry runs gets the answer of the next one', async () => {
  await using side = await askingSide({ masters: 2 })
  const first = side.refresher.refresh('start')
  await side.cluster.waitFor('CLUSTER NODES')
  side.cluster.migrate(0, 1)
  await side.refresher.refresh('request')
  await first
  assert.equal(side.cache.owner(0)?.name, side.cluster.nodes[1]!.address)
})

test('between the end of an inquiry and the next lies refreshMinInterval', async () => {
  await using side = await askingSide({ masters: 1 }, { refreshMinInterval: 80 })
  await side.refresher.refresh('start')
  const begun = performance.now()
  await side.refresher.refresh('redirect')
  assert.ok(performance.now() - begun >= 75)
})

test('the next look of its own accord comes after refreshInterval', async () => {
  await using side = await askingSide({ masters: 1 }, { refreshInterval: 100 })
  await side.refresher.refresh('start')
  await side.cluster.waitFor('CLUSTER SHARDS')
  assert.equal(side.inquiries, 2)
})

test('known masters are asked in turn', async () => {
  await using side = await askingSide({ masters: 3 })
  await side.refresher.refresh('start')
  await side.reachAll()
  for (const node of side.cluster.nodes) node.received.length = 0
  for (let i = 0; i < 6; i++) await side.refresher.refresh('request')
  // SHARDS and NODES each time.
  assert.deepEqual(
    side.cluster.nodes.map(({ received }) => received.length),
    [4, 4, 4]
  )
})

test('an entry point that does not answer is passed over', async () => {
  const cluster = await createFakeCluster({ masters: 2 })
  const [first, second] = cluster.nodes
  await first!.stop()
  await using side = new AskingSide(cluster, { nodes: [first!.address, second!.address] })
  await side.refresher.refresh('start')
  assert.equal(side.cache.topology.coveredSlots, 16384)
})

test('an entry point that is silent is passed over after connectTimeout', async () => {
  await using side = await askingSide({ masters: 2 }, { connectTimeout: 60 })
  side.cluster.nodes[0]!.pause()
  const begun = performance.now()
  await side.refresher.refresh('start')
  assert.ok(performance.now() - begun >= 55)
  assert.equal(side.cache.topology.coveredSlots, 16384)
})

test('without any answer it fails, tells so, and tries again until one comes', async () => {
  await using side = await askingSide(
    { masters: 1 },
    { reconnectMinDelay: 1, reconnectMaxDelay: 5 }
  )
  const [node] = side.cluster.nodes
  await side.refresher.refresh('start')
  await node!.stop()
  await assert.rejects(side.refresher.refresh('request'), {
    name: 'ProxyError',
    code: 'NO_TOPOLOGY',
    message: /^no node answers with a usable slot table: 127\.0\.0\.1:\d+/,
  })
  assert.ok(side.failures.length >= 1)
  assert.equal(side.cache.topology.coveredSlots, 16384)
  const asked = side.cluster.waitFor('CLUSTER SHARDS')
  await node!.start()
  await asked
})

test('a node that wants a password is named with what it says', async () => {
  await using side = await askingSide({ masters: 1, password: 'secret' })
  const [address] = side.cluster.addresses
  await assert.rejects(side.refresher.refresh('start'), {
    message: `no node answers with a usable slot table: ${address}: NOAUTH Authentication required.`,
  })
})

test('when all known nodes are gone the entry points are asked', async () => {
  const former = await createFakeCluster({ masters: 1 })
  const port = former.nodes[0]!.port
  await using side = new AskingSide(former, { reconnectMinDelay: 1, reconnectMaxDelay: 5 })
  await side.refresher.refresh('start')
  await former.close()
  // The entry point belongs to another cluster now, with lower epochs: nothing is left of the former.
  await using anew = await createFakeCluster({ masters: 2, ports: [port] })
  await side.refresher.refresh('request')
  assert.equal(side.cache.owner(16383)?.name, anew.nodes[1]!.address)
})

test('a known node that belongs to another cluster by now is not believed while others are there', async () => {
  await using side = await askingSide({ masters: 2 })
  await side.refresher.refresh('start')
  await side.reachAll()
  const { cluster } = side
  await using foreign = await createFakeCluster({ masters: 1 })
  const [first] = cluster.nodes
  for (const question of ['SHARDS', 'NODES']) {
    const text = String(foreign.nodes[0]!.execute('CLUSTER', 'NODES'))
    const id = foreign.nodes[0]!.id
    const reply =
      question === 'NODES'
        ? `$${text.length}\r\n${text}\r\n`
        : `*1\r\n*4\r\n+slots\r\n*2\r\n:0\r\n:16383\r\n+nodes\r\n*1\r\n*10\r\n+id\r\n+${id}\r\n+port\r\n:${first!.port}\r\n+endpoint\r\n+127.0.0.1\r\n+role\r\n+master\r\n+health\r\n+online\r\n`
    first!.answer(`CLUSTER ${question}`, reply, { times: 10 })
  }
  for (let i = 0; i < 3; i++) await side.refresher.refresh('request')
  assert.equal(side.cache.owner(16383)?.name, cluster.nodes[1]!.address)
})

test('an empty slot table never replaces a full one', async () => {
  await using side = await askingSide(
    { masters: 2 },
    { reconnectMinDelay: 1000, reconnectMaxDelay: 1000 }
  )
  await side.refresher.refresh('start')
  const [first, second] = side.cluster.nodes
  first!.answer('CLUSTER SHARDS', '*0\r\n', { times: Number.POSITIVE_INFINITY })
  await side.refresher.refresh('request')
  await side.refresher.refresh('request')
  assert.equal(side.cache.owner(0)?.name, first!.address)
  second!.answer('CLUSTER SHARDS', '*0\r\n', { times: Number.POSITIVE_INFINITY })
  await assert.rejects(side.refresher.refresh('request'), /knows no slot's owner/)
  assert.equal(side.cache.topology.coveredSlots, 16384)
})

test('servers that do not know SHARDS are asked for SLOTS', async () => {
  await using side = await askingSide({ masters: 2, replicas: 1, version: '6.2.14' })
  await side.refresher.refresh('start')
  assert.equal(side.cache.topology.coveredSlots, 16384)
  assert.equal(side.cache.topology.nodes.length, 4)
  assert.ok(side.cache.topology.nodes.some(({ epoch }) => epoch > 0))
})

test('a server without cluster support is one master of all slots', async () => {
  await using side = await askingSide({ masters: 1 })
  const [node] = side.cluster.nodes
  const disabled = '-ERR This instance has cluster support disabled\r\n'
  node!.answer('CLUSTER', disabled, { times: Number.POSITIVE_INFINITY })
  await side.refresher.refresh('start')
  assert.equal(side.cache.owner(16383)?.name, node!.address)
})

const UNKNOWN: readonly FakeClusterOptions[] = [
  { masters: 2, announce: () => ({ host: null }) },
  { masters: 2, announce: () => ({ host: '' }) },
  { masters: 2, announce: () => ({ host: null }), version: '6.2.14' },
]

test('an unknown endpoint stands for the host that was asked', async () => {
  for (const options of UNKNOWN) {
    await using side = await askingSide(options)
    await side.refresher.refresh('start')
    assert.deepEqual(
      side.cache.masters().map(({ name }) => name),
      side.cluster.addresses
    )
  }
})

test('announced addresses go through natMap, and are kept beside the dialled ones', async () => {
  const cluster = await createFakeCluster({
    masters: 2,
    announce: (index) => ({ host: '10.255.0.1', port: 7000 + index }),
  })
  const natMap = Object.fromEntries(
    cluster.addresses.map((real, i) => [`10.255.0.1:${7000 + i}`, real])
  )
  await using side = new AskingSide(cluster, { natMap })
  await side.refresher.refresh('start')
  assert.deepEqual(
    side.cache.topology.nodes.map(({ address, announced }) => [announced, address]),
    Object.entries(natMap)
  )
  const target = side.refresher.target('10.255.0.1', 7001, side.node(0))
  assert.equal(target.name, cluster.nodes[1]!.address)
})

test('a redirect without a host leads to the host of the node that answered', async () => {
  await using side = await askingSide({ masters: 1 })
  assert.equal(side.refresher.target('', 7001, side.node(0)).name, '127.0.0.1:7001')
  const unix = side.pool.node({ path: '/run/redis.sock' })
  assert.equal(side.refresher.target('', 7001, unix), unix)
  assert.equal(side.refresher.target('10.0.0.1', 7001, unix).name, '10.0.0.1:7001')
})

test('nodes that left are let go of, their connections closed', async () => {
  await using side = await askingSide({ masters: 2 })
  await side.refresher.refresh('start')
  const leaving = side.node(1)
  const probe = side.touch(leaving)
  await side.cluster.nodes[1]!.waitFor('PING')
  const { port } = side.cluster.nodes[1]!
  for (let slot = 8192; slot < 16384; slot++) side.cluster.setSlot(slot, 0)
  const [node] = side.cluster.nodes.slice(1)
  await side.cluster.removeNode(node!)
  await side.refresher.refresh('request')
  assert.equal(leaving.status, 'retired')
  assert.ok(probe.reply !== undefined || probe.lost !== undefined)
  assert.ok([...side.pool.nodes()].every(({ name }) => name !== `127.0.0.1:${port}`))
})

test('after close nothing is asked any more, and who waits is told', async () => {
  await using side = await askingSide({ masters: 1 }, { refreshMinInterval: 5000 })
  await side.refresher.refresh('start')
  const waiting = [side.refresher.refresh('request'), side.refresher.refresh('request')]
  const begun = performance.now()
  side.refresher.close()
  for (const each of waiting) await assert.rejects(each, { code: 'CLOSED' })
  assert.ok(performance.now() - begun < 2500, 'who waits for a further inquiry is told at once too')
  await assert.rejects(side.refresher.refresh('request'), { code: 'CLOSED' })
  side.refresher.request('redirect')
  assert.equal(side.inquiries, 1)
})
