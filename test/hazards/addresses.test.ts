import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { ProxyError } from '../../lib/index.ts'
import { receivedBy, setStage } from './stage.ts'

/** Announces addresses inside of a network that nobody here can reach, one for each node. */
const inside = (index: number, real: { port: number }): { host: string; port: number } => ({
  host: `10.255.0.${index + 1}`,
  port: real.port,
})

describe('E2.7 addresses that nodes announce', () => {
  const maps = {
    'a network': { '10.255.0.0/16': '127.0.0.1' },
    hosts: { '10.255.0.1': '127.0.0.1', '10.255.0.2': { host: '127.0.0.1' } },
    'a function': (host: string, port: number) =>
      host.startsWith('10.') ? { host: '127.0.0.1', port } : undefined,
  }
  for (const [name, natMap] of Object.entries(maps)) {
    it(`are dialled through natMap with ${name}, in the slot table, in MOVED and in ASK`, async () => {
      await using stage = await setStage({
        cluster: { masters: 2, announce: inside },
        options: { natMap },
      })
      const [moving, asking] = stage.keysOf(0, 2)
      const client = await stage.client()
      assert.equal(await client.ask('SET', moving!, '1'), 'OK')
      assert.equal(await client.ask('SET', asking!, '2'), 'OK')
      const redirects = stage.record('redirect')
      stage.cluster.migrate(stage.cluster.slotOf(moving!), stage.cluster.node(1))
      assert.equal(await client.ask('GET', moving!), '1')
      const slot = stage.cluster.slotOf(asking!)
      stage.cluster.setImporting(slot, stage.cluster.node(1))
      stage.cluster.setMigrating(slot, stage.cluster.node(1))
      stage.cluster.moveKey(asking!)
      assert.equal(await client.ask('GET', asking!), '2')
      const { port } = stage.cluster.node(1)
      assert.deepEqual(
        redirects.map(({ kind, to }) => [kind, to]),
        [
          ['moved', `127.0.0.1:${port}`],
          ['ask', `127.0.0.1:${port}`],
        ]
      )
      assert.match(stage.proxy.topology.nodes[0]!.announced, /^10\.255\.0\./)
    })
  }

  it('are warned of once when no rule covers them and nobody can reach them', async () => {
    await using stage = await setStage({
      cluster: { masters: 1 },
      options: {
        retryBudget: 100,
        reconnectMinDelay: 10,
        reconnectMaxDelay: 20,
        connectTimeout: 200,
      },
    })
    const warnings: ProxyError[] = []
    stage.proxy.on('warning', (warning) => warnings.push(warning))
    // Nobody listens on port 1 of this machine.
    stage.cluster.node(0).announce({ host: '127.0.0.1', port: 1 })
    await stage.proxy.refresh()
    const client = await stage.client()
    assert.match(
      String(await client.call('GET', 'key')),
      /^-CLUSTERDOWN the node cannot be reached/
    )
    assert.match(
      String(await client.call('GET', 'key')),
      /^-CLUSTERDOWN the node cannot be reached/
    )
    assert.equal(warnings.length, 1)
    assert.ok(warnings[0] instanceof ProxyError)
    assert.equal(warnings[0].code, 'UNMAPPED_ADDRESS')
    assert.match(warnings[0].message, /announces 127\.0\.0\.1:1\b.*natMap/)
  })
})

describe('autoRedirect: false', () => {
  const options = { autoRedirect: false, announceMap: { '127.0.0.1': 'redis.example' } }

  it('hands MOVED to the client, with the address that announceMap gives', async () => {
    await using stage = await setStage({ options })
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    const client = await stage.client()
    assert.equal(await client.ask('SET', key, '1'), 'OK')
    stage.cluster.migrate(slot, stage.cluster.node(1))
    const changed = once(stage.proxy, 'topologyChange')
    const frame = await client.call('GET', key)
    const { port } = stage.cluster.node(1)
    assert.equal(String(frame), `-MOVED ${slot} redis.example:${port}\r\n`)
    await changed
    assert.equal(await client.ask('GET', key), '1')
    assert.equal(receivedBy(stage.cluster.node(1), 'GET').length, 1)
  })

  it('hands ASK to the client and does not follow it', async () => {
    await using stage = await setStage({ options })
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    stage.cluster.setImporting(slot, stage.cluster.node(1))
    stage.cluster.setMigrating(slot, stage.cluster.node(1))
    const client = await stage.client()
    const { port } = stage.cluster.node(1)
    assert.equal(String(await client.call('GET', key)), `-ASK ${slot} redis.example:${port}\r\n`)
    assert.deepEqual(receivedBy(stage.cluster.node(1), 'GET', 'ASKING'), [])
  })

  it('shows the nodes in CLUSTER replies, at the addresses that announceMap gives', async () => {
    await using stage = await setStage({ cluster: { masters: 2, replicas: 1 }, options })
    const client = await stage.client()
    const slots = (await client.ask('CLUSTER', 'SLOTS')) as [
      number,
      number,
      [string, number],
      [string, number],
    ][]
    assert.equal(slots.length, 2)
    for (const [, , master, replica] of slots) {
      assert.equal(master[0], 'redis.example')
      assert.equal(replica[0], 'redis.example')
    }
    const ports = slots.map(([, , [, port]]) => port).sort()
    assert.deepEqual(ports, stage.cluster.masters.map(({ port }) => port).sort())
    const lines = String(await client.ask('CLUSTER', 'NODES'))
      .trimEnd()
      .split('\n')
    assert.equal(lines.length, 4)
    assert.equal(lines.filter((line) => / slave /.test(line)).length, 2)
    const shards = (await client.ask('CLUSTER', 'SHARDS')) as unknown[]
    assert.equal(shards.length, 2)
  })
})

describe('announceMap', () => {
  it('gives the address at which clients find the proxy', async () => {
    await using stage = await setStage({
      options: { announceMap: { '127.0.0.0/8': '192.0.2.7:7777' } },
    })
    const client = await stage.client()
    const slots = (await client.ask('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
    assert.deepEqual(slots[0]!.slice(0, 2), [0, 16383])
    assert.deepEqual(slots[0]![2].slice(0, 2), ['192.0.2.7', 7777])
  })
})
