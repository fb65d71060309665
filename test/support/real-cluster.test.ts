import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './raw-client.ts'
import { startCluster } from './real-cluster.ts'
import { decodeReply } from './resp-frame.ts'
import { needsServer } from './server-available.ts'

test('a cluster serves, moves a slot, fails over and restarts', needsServer, async () => {
  await using cluster = await startCluster({ password: 'secret' })
  assert.equal(cluster.masters.length, 3)
  assert.equal(cluster.replicas.length, 3)
  assert.match(await cluster.cli('CLUSTER', 'INFO'), /cluster_known_nodes:6/)

  const slot = 12_182
  const [, second, third] = cluster.masters
  assert(second !== undefined && third !== undefined)
  assert.equal(await cluster.ownerOf(slot), third)
  assert.equal(await third.call('SET', 'foo', 'bar'), 'OK')
  await cluster.migrateSlot(slot, third, second, { steps: ['importing', 'migrating'] })
  await assert.rejects(third.call('GET', '{foo}absent'), /^ReplyError: ASK 12182 127/)
  await cluster.migrateSlot(slot, third, second, { steps: ['keys', 'node'] })
  assert.equal(await second.call('GET', 'foo'), 'bar')
  await assert.rejects(third.call('GET', 'foo'), /^ReplyError: MOVED 12182 127/)

  const replica = cluster.replicas[0]
  assert(replica !== undefined)
  await cluster.failover(replica)
  assert.equal(await cluster.ownerOf(0), replica)

  const { port, id } = third
  await third.restart()
  assert.equal(third.port, port)
  assert.equal(await third.call('CLUSTER', 'MYID'), id)
  await cluster.healthy()
})

test('what a node of a new cluster publishes at once reaches all others', needsServer, async () => {
  await using cluster = await startCluster({ replicas: 0 })
  const listeners = await Promise.all(cluster.nodes.map(({ port }) => connect(port)))
  for (const each of listeners) await each.call('SUBSCRIBE', 'news')
  for (const node of cluster.nodes) await node.call('PUBLISH', 'news', node.id)
  const ids = cluster.nodes.map(({ id }) => id).sort()
  for (const each of listeners) {
    const heard: unknown[] = []
    for (const _ of ids) heard.push((decodeReply(await each.readReply()) as unknown[])[2])
    assert.deepEqual(heard.map(String).sort(), ids)
    each.stream.destroy()
  }
})

test('a stopped cluster leaves no process and no open port', needsServer, async () => {
  const cluster = await startCluster({ masters: 1, replicas: 0 })
  const { port, pid } = cluster.nodes[0]!
  const client = await connect(port)
  assert.equal(String(await client.call('PING')), '+PONG\r\n')
  await cluster.stop()
  await client.closed
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  await assert.rejects(connect(port), { code: 'ECONNREFUSED' })
})
