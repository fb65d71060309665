import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { test } from 'node:test'
import { Cluster } from 'ioredis'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { Visits } from './visits.ts'

// Each test is one recipe of docs/testing.md, word for word; the last test compares them.

test('a service counts', async () => {
  await using cluster = await createFakeCluster()
  const visits = new Visits(new Cluster(cluster.addresses))
  assert.equal(await visits.count('home'), 1)
  assert.equal(await visits.count('home'), 2)
  assert.equal(cluster.execute('GET', 'visits:home'), '2')
  visits.close()
})

test('a service meets data that was there before', async () => {
  await using cluster = await createFakeCluster()
  cluster.execute('SET', 'visits:home', 41)
  const visits = new Visits(new Cluster(cluster.addresses))
  assert.equal(await visits.count('home'), 42)
  assert.equal(cluster.execute('TTL', 'visits:home'), -1)
  visits.close()
})

test('a service survives a failover', async () => {
  await using cluster = await createFakeCluster({ replicas: 1 })
  const visits = new Visits(new Cluster(cluster.addresses))
  await visits.count('home')
  const replica = cluster.replicasOf(cluster.owner('visits:home'))[0]!
  cluster.failover(replica)
  assert.equal(await visits.count('home'), 2)
  assert.equal(cluster.owner('visits:home'), replica)
  visits.close()
})

test('a service does not notice a migration', async () => {
  await using cluster = await createFakeCluster()
  const visits = new Visits(new Cluster(cluster.addresses))
  const slot = cluster.slotOf('visits:home')
  const target = cluster.masters.find((node) => node !== cluster.owner(slot))!
  await visits.count('home')
  cluster.setImporting(slot, target)
  cluster.setMigrating(slot, target)
  assert.equal(await visits.count('home'), 2) // the key is still at its old node
  cluster.moveKey('visits:home')
  assert.equal(await visits.count('home'), 3) // ASK
  cluster.setSlot(slot, target)
  assert.equal(await visits.count('home'), 4) // MOVED
  assert.deepEqual(cluster.violations, [])
  visits.close()
})

test('a command is executed, but its reply is lost', async () => {
  await using cluster = await createFakeCluster()
  const visits = new Visits(new Cluster(cluster.addresses))
  await visits.count('home')
  const node = cluster.owner('visits:home')
  node.dropConnections({ after: 'execution', when: 'INCR' })
  await visits.count('home').catch(() => {})
  // ioredis sends again what may have been executed, so that this visit counts twice.
  assert.equal(cluster.execute('GET', 'visits:home'), '3')
  visits.close()
})

test('nodes announce addresses that are not theirs', async () => {
  await using cluster = await createFakeCluster({
    announce: (index) => ({ host: `10.0.0.${index}`, port: 6379 }),
  })
  const natMap = Object.fromEntries(
    cluster.nodes.map(({ host, port }, index) => [`10.0.0.${index}:6379`, { host, port }])
  )
  const visits = new Visits(new Cluster(cluster.addresses, { natMap }))
  assert.equal(await visits.count('home'), 1)
  visits.close()
})

test('a slow node does not hold up the others', async () => {
  await using cluster = await createFakeCluster()
  const visits = new Visits(new Cluster(cluster.addresses))
  const page = ['a', 'b', 'c', 'd'].find(
    (name) => cluster.owner(`visits:${name}`) !== cluster.owner('visits:home')
  )!
  cluster.owner('visits:home').delay(200)
  const order: string[] = []
  await Promise.all([
    visits.count('home').then(() => order.push('slow')),
    visits.count(page).then(() => order.push('fast')),
  ])
  assert.deepEqual(order, ['fast', 'slow'])
  visits.close()
})

test('a frozen node says nothing until it goes on', async () => {
  await using cluster = await createFakeCluster()
  const visits = new Visits(new Cluster(cluster.addresses))
  await visits.count('home')
  const node = cluster.owner('visits:home')
  node.pause()
  const pending = visits.count('home')
  assert.equal(cluster.execute('GET', 'visits:home'), '1')
  node.resume()
  assert.equal(await pending, 2)
  visits.close()
})

test('a node answers what no node should', async () => {
  await using cluster = await createFakeCluster()
  const visits = new Visits(new Cluster(cluster.addresses))
  cluster.owner('visits:home').answer('INCR', '-ERR out of order\r\n')
  await assert.rejects(visits.count('home'), /out of order/)
  assert.equal(await visits.count('home'), 1)
  visits.close()
})

test('a node comes back on another port', async () => {
  await using cluster = await createFakeCluster()
  const node = cluster.owner('visits:home')
  cluster.execute('SET', 'visits:home', 41)
  await node.stop()
  await node.start({ port: 0 })
  const visits = new Visits(new Cluster(cluster.addresses))
  assert.equal(await visits.count('home'), 42)
  visits.close()
})

test('the cluster is down for a while', async () => {
  await using cluster = await createFakeCluster()
  const visits = new Visits(new Cluster(cluster.addresses))
  await visits.count('home')
  cluster.clusterDown(true)
  const pending = visits.count('home')
  await cluster.waitFor('INCR')
  cluster.clusterDown(false)
  assert.equal(await pending, 2)
  visits.close()
})

test('a replica lags behind its master', async () => {
  await using cluster = await createFakeCluster({ replicas: 1 })
  const replica = cluster.replicasOf(cluster.owner('a'))[0]!
  cluster.execute('SET', 'a', 'old')
  replica.lag(true)
  cluster.execute('SET', 'a', 'new')
  const client = createConnection(replica.port)
  client.write('READONLY\r\nGET a\r\n')
  await replica.waitFor('GET')
  assert.equal(String(await once(client, 'data')), '+OK\r\n$3\r\nold\r\n')
  client.destroy()
})

test('every recipe of the documentation is a test', () => {
  const doc = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8')
  const source = readFileSync(new URL(import.meta.url), 'utf8')
  const recipes = [...doc.matchAll(/```ts\n(test\([\s\S]*?)```/g)].map(([, code]) => code!.trim())
  assert.ok(recipes.length >= 10)
  for (const recipe of recipes) assert.ok(source.includes(recipe), recipe.split('\n')[0])
})
