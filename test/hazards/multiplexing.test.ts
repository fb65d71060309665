import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ProxiedCluster, startProxied, until } from '../support/proxied-cluster.ts'
import type { RawClient } from '../support/raw-client.ts'

function idOf(client: RawClient): Promise<unknown> {
  return client.ask('PROXY', 'MULTIPLEXING', 'STATUS')
}

/** Connections that the nodes have now. */
function connections({ cluster }: ProxiedCluster): number {
  return cluster.nodes.reduce((sum, node) => sum + node.connections.count, 0)
}

async function settled(proxied: ProxiedCluster, count: number): Promise<void> {
  for (const node of proxied.cluster.nodes) {
    await until(node, 'disconnect', () => connections(proxied) <= count)
  }
  assert.equal(connections(proxied), count)
}

describe('PROXY MULTIPLEXING', () => {
  it('OFF gives a client connections of its own, for all its commands and for good', async () => {
    await using proxied = await startProxied({ cluster: { masters: 2 } })
    const [own, other] = [await proxied.connect(), await proxied.connect()]
    for (const key of ['a', 'b', 'c']) await other.ask('SET', key, key)
    const before = connections(proxied)
    assert.equal(await idOf(own), 'on')
    assert.equal(await own.ask('PROXY', 'MULTIPLEXING', 'OFF'), 'OK')
    assert.equal(await idOf(own), 'off')
    assert.equal(await idOf(other), 'on')
    assert.deepEqual(await own.ask('PROXY', 'CLUSTER', 'CONNECTION'), ['connection', 'private'])
    assert.match(String(await own.ask('PROXY', 'EXPLAIN', 'GET', 'a')), /connection,private/)
    const shown = (await other.ask('PROXY', 'CLIENTS')) as unknown[][]
    assert.deepEqual(
      shown.map((fields) => fields[fields.indexOf('connection') + 1]),
      ['private', 'shared']
    )
    for (const key of ['a', 'b', 'c']) assert.equal(await own.ask('GET', key), key)
    assert.equal(connections(proxied), before + 2)
    await own.call('HELLO', '3')
    assert.equal((await own.call('GET', 'a')).toString(), '$1\r\na\r\n')
    assert.equal(await idOf(own), 'off')
    await own.end()
    await settled(proxied, before)
    assert.equal(await other.ask('GET', 'a'), 'a')
  })

  it('off keeps the order of what was sent before and after, and survives redirects', async () => {
    await using proxied = await startProxied({ cluster: { masters: 2 } })
    const { cluster } = proxied
    const client = await proxied.connect()
    for (const node of cluster.nodes) node.delay(20)
    const replies = client.pipeline([
      ['SET', 'a', '1'],
      ['PROXY', 'MULTIPLEXING', 'OFF'],
      ['INCR', 'a'],
      ['GET', 'a'],
    ])
    assert.deepEqual((await replies).map(String), ['+OK\r\n', '+OK\r\n', ':2\r\n', '$1\r\n2\r\n'])
    const slot = cluster.slotOf('a')
    cluster.migrate(slot, cluster.masters.find((node) => node !== cluster.owner(slot))!)
    assert.equal(await client.ask('INCR', 'a'), 3)
    assert.deepEqual(await client.ask('MULTI'), 'OK')
    await client.ask('INCR', 'a')
    assert.deepEqual(await client.ask('EXEC'), [4])
  })

  it('off for all clients by the option multiplexing', async () => {
    const options = { multiplexing: false }
    await using proxied = await startProxied({ cluster: { masters: 1 }, options })
    const before = connections(proxied)
    const clients = [await proxied.connect(), await proxied.connect(), await proxied.connect()]
    for (const client of clients) {
      assert.equal(await idOf(client), 'off')
      assert.equal(await client.ask('SET', 'a', '1'), 'OK')
    }
    assert.equal(connections(proxied), before + clients.length)
    const [gone] = clients
    for (const node of proxied.cluster.nodes) node.delay(30)
    gone!.send(['SET', 'a', '2'])
    await proxied.cluster.waitFor('SET')
    await gone!.end()
    await settled(proxied, before + clients.length - 1)
    assert.equal(proxied.cluster.execute('GET', 'a'), '2')
  })

  it('off leaves nothing behind at a node that is down when the client goes', async () => {
    const options = { multiplexing: false, retryBudget: 100, reconnectMaxDelay: 50 }
    await using proxied = await startProxied({ cluster: { masters: 1 }, options })
    const { cluster } = proxied
    const client = await proxied.connect()
    await client.ask('SET', 'a', '1')
    await cluster.nodes[0]!.stop()
    assert.match((await client.call('GET', 'a')).toString(), /^-(?:CLUSTERDOWN|UNCERTAIN)/)
    await client.end()
    await cluster.nodes[0]!.start()
    const next = await proxied.connect()
    let reply = ''
    while (!/^\$/.test(reply)) reply = (await next.call('GET', 'a')).toString()
  })
})
