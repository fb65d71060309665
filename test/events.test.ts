import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  ClientEvent,
  CommandEvent,
  NodeEvent,
  RedirectEvent,
  TopologyChangeEvent,
} from '../lib/index.ts'
import { ServerEvents } from '../lib/server-events.ts'
import type { FakeCluster } from '../lib/testing/index.ts'
import { next, type ProxiedCluster, startProxied } from './support/proxied-cluster.ts'

/** A master that does not own the slot. */
function otherMaster(cluster: FakeCluster, slot: number): string {
  return cluster.masters.find((node) => node !== cluster.owner(slot))!.address
}

test('redirect tells of a MOVED that was followed', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const client = await proxied.connect()
  const slot = cluster.slotOf('a')
  const from = cluster.owner('a').address
  const to = otherMaster(cluster, slot)
  cluster.migrate(slot, to)
  const told = next<RedirectEvent>(proxy, 'redirect')
  assert.equal(await client.ask('SET', 'a', '1'), 'OK')
  assert.deepEqual(await told, { kind: 'moved', slot, from, to, command: 'set', attempt: 1 })
})

test('redirect tells of each ASK, and the slot keeps its owner', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const client = await proxied.connect()
  const slot = cluster.slotOf('a')
  const from = cluster.owner('a').address
  const to = otherMaster(cluster, slot)
  cluster.setImporting(slot, to)
  cluster.setMigrating(slot, to)
  const events: RedirectEvent[] = []
  proxy.on('redirect', (told) => events.push(told))
  for (let i = 0; i < 2; i++) assert.equal(await client.ask('GET', 'a'), null)
  const event = { kind: 'ask', slot, from, to, command: 'get', attempt: 1 }
  assert.deepEqual(events, [event, event])
  assert.deepEqual(cluster.violations, [])
})

test('redirect counts the attempts of one request', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const client = await proxied.connect()
  const slot = cluster.slotOf('a')
  const owner = cluster.owner('a')
  const other = cluster.node(otherMaster(cluster, slot))
  owner.answer('GET', `-MOVED ${slot} ${other.address}\r\n`)
  const attempts: number[] = []
  proxy.on('redirect', ({ attempt }) => attempts.push(attempt))
  assert.equal(await client.ask('GET', 'a'), null)
  assert.deepEqual(attempts, [1, 2])
})

test('topologyChange tells of the first look at the cluster', async () => {
  let told: Promise<TopologyChangeEvent> | undefined
  await using proxied = await startProxied({
    cluster: { masters: 2, replicas: 1 },
    prepare: (made) => {
      told = next(made, 'topologyChange')
    },
  })
  const { cluster, proxy } = proxied
  const event = await told!
  assert.deepEqual(
    { ...event, added: [...event.added].sort() },
    {
      reason: 'start',
      before: { version: 0, nodes: [], coveredSlots: 0 },
      after: proxy.topology,
      slotsMoved: 16384,
      added: [...cluster.addresses].sort(),
      removed: [],
      promoted: [],
    }
  )
  const [first] = cluster.masters
  assert.deepEqual(
    event.after.nodes.find(({ id }) => id === first!.id),
    {
      id: first!.id,
      address: first!.address,
      announced: first!.address,
      role: 'master',
      masterId: undefined,
      slots: [[0, 8191]],
      epoch: 1,
      healthy: true,
    }
  )
  const [replica] = cluster.replicasOf(first!)
  assert.deepEqual(
    event.after.nodes.find(({ id }) => id === replica!.id),
    {
      id: replica!.id,
      address: replica!.address,
      announced: replica!.address,
      role: 'replica',
      masterId: first!.id,
      slots: [],
      epoch: event.after.nodes.find(({ id }) => id === replica!.id)!.epoch,
      healthy: true,
    }
  )
})

test('topologyChange is not emitted for a refresh that changed nothing', async () => {
  await using proxied = await startProxied({ options: { refreshMinInterval: 0 } })
  const { cluster, proxy } = proxied
  const events: TopologyChangeEvent[] = []
  proxy.on('topologyChange', (event) => events.push(event))
  await proxy.refresh()
  await proxy.refresh()
  assert.equal(events.length, 0)
  cluster.migrate(5, cluster.masters[1]!)
  await proxy.refresh()
  assert.equal(events.length, 1)
  const { reason, slotsMoved, added, removed, promoted, before, after } = events[0]!
  assert.deepEqual(
    { reason, slotsMoved, added, removed, promoted, versions: [before.version, after.version] },
    {
      reason: 'request',
      slotsMoved: 1,
      added: [],
      removed: [],
      promoted: [],
      versions: [1, 2],
    }
  )
})

test('topologyChange tells of a failover, a new node and one that left', async () => {
  await using proxied = await startProxied({
    cluster: { masters: 2, replicas: 1 },
    options: { refreshMinInterval: 0 },
  })
  const { cluster, proxy } = proxied
  const [replica] = cluster.replicasOf(cluster.masters[0]!)
  cluster.failover(replica!)
  let told = next<TopologyChangeEvent>(proxy, 'topologyChange')
  await proxy.refresh()
  assert.deepEqual([(await told).promoted, (await told).slotsMoved], [[replica!.address], 8192])
  const added = await cluster.addNode()
  told = next(proxy, 'topologyChange')
  await proxy.refresh()
  assert.deepEqual([(await told).added, (await told).slotsMoved], [[added.address], 0])
  await cluster.removeNode(added)
  told = next(proxy, 'topologyChange')
  await proxy.refresh()
  assert.deepEqual([(await told).removed, (await told).slotsMoved], [[added.address], 0])
})

/** The event of one command, without its latency. */
async function commandEvent(
  proxied: ProxiedCluster,
  command: readonly string[]
): Promise<Omit<CommandEvent, 'latency'>> {
  const client = await proxied.connect()
  const told = next<CommandEvent>(proxied.proxy, 'command')
  await client.call(...command)
  const { latency, ...event } = await told
  assert.ok(latency > 0 && latency < 10_000)
  return event
}

test('command tells of a command that a node answered', async () => {
  await using proxied = await startProxied()
  proxied.cluster.execute('SET', 'a', 'value')
  assert.deepEqual(await commandEvent(proxied, ['get', 'a']), {
    command: 'get',
    clientId: 1,
    slot: proxied.cluster.slotOf('a'),
    node: proxied.cluster.owner('a').address,
    redirects: 0,
    retries: 0,
    requestBytes: 20,
    replyBytes: 11,
    error: undefined,
  })
})

test('command tells of a command that the proxy answered, and of one that nobody knows', async () => {
  await using proxied = await startProxied()
  const local = { slot: undefined, node: undefined, redirects: 0, retries: 0 }
  assert.deepEqual(await commandEvent(proxied, ['CLIENT', 'GETNAME']), {
    ...local,
    command: 'client|getname',
    clientId: 1,
    requestBytes: 29,
    replyBytes: 5,
    error: undefined,
  })
  assert.deepEqual(await commandEvent(proxied, ['NONSENSE']), {
    ...local,
    command: '',
    clientId: 2,
    requestBytes: 18,
    replyBytes: 61,
    error: "ERR unknown command 'NONSENSE', with args beginning with: ",
  })
})

test('command tells the error that the client got, and the redirects before it', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  cluster.execute('SET', 'a', 'value')
  const slot = cluster.slotOf('a')
  const to = otherMaster(cluster, slot)
  cluster.migrate(slot, to)
  const { error, node, redirects } = await commandEvent(proxied, ['LPUSH', 'a', 'x'])
  assert.deepEqual(
    { error, node, redirects },
    {
      error: 'WRONGTYPE Operation against a key holding the wrong kind of value',
      node: to,
      redirects: 1,
    }
  )
})

test('command tells of each command once and in order, retried ones as well', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const client = await proxied.connect()
  await client.ask('GET', 'a')
  const events: CommandEvent[] = []
  proxy.on('command', (event) => events.push(event))
  cluster.owner('a').dropConnections({ before: 'execution', when: 'GET' })
  await client.pipeline([['GET', 'a'], ['PING'], ['ECHO', 'x'], ['GET', 'b']])
  const told = events.map(({ command, retries }) => [command, retries] as const)
  assert.deepEqual([...told].sort(), [
    ['echo', 0],
    ['get', 0],
    ['get', 1],
    ['ping', 0],
  ])
})

test('nodeUp and nodeDown tell when a node is reached and lost', async () => {
  const ups: NodeEvent[] = []
  await using proxied = await startProxied({
    cluster: { masters: 1 },
    options: { reconnectMinDelay: 1, reconnectMaxDelay: 5 },
    prepare: (made) => made.on('nodeUp', (told) => ups.push(told)),
  })
  const { cluster, proxy } = proxied
  const { address } = cluster.nodes[0]!
  assert.deepEqual(ups, [{ address, cause: undefined }])
  const down = next<NodeEvent>(proxy, 'nodeDown')
  proxy.on('error', () => {})
  await cluster.nodes[0]!.stop()
  const event = await down
  assert.equal(event.address, address)
  assert.equal(event.cause?.code, 'NODE_CONNECT')
  assert.match(event.cause.message, /ECONNREFUSED/)
  const up = next<NodeEvent>(proxy, 'nodeUp')
  await cluster.nodes[0]!.start()
  assert.deepEqual(await up, { address, cause: undefined })
})

test('clientConnect and clientDisconnect tell of a client that comes and leaves', async () => {
  await using proxied = await startProxied()
  const { proxy } = proxied
  const came = next<ClientEvent>(proxy, 'clientConnect')
  const left = next<ClientEvent>(proxy, 'clientDisconnect')
  const client = await proxied.connect()
  const { localPort } = client.stream as unknown as { localPort: number }
  const event = { id: 1, address: `127.0.0.1:${localPort}`, reason: undefined }
  assert.deepEqual(await came, event)
  await client.end()
  assert.deepEqual(await left, event)
})

test('clientDisconnect tells why the proxy ended a connection', async () => {
  await using proxied = await startProxied()
  const reasons: [request: string, reason: string][] = [
    ['*x\r\n', 'protocol error: invalid multibulk length'],
    ['POST / HTTP/1.1\r\n', 'an HTTP request'],
  ]
  for (const [request, reason] of reasons) {
    const left = next<ClientEvent>(proxied.proxy, 'clientDisconnect')
    const client = await proxied.connect()
    client.send(request)
    assert.equal((await left).reason, reason)
  }
})

test('error tells once that no entry point answers, until one does again', async () => {
  await using proxied = await startProxied({
    cluster: { masters: 1 },
    options: { reconnectMinDelay: 1, reconnectMaxDelay: 5, refreshMinInterval: 0 },
  })
  const { cluster, proxy } = proxied
  const errors: Error[] = []
  proxy.on('error', (error) => errors.push(error))
  await cluster.nodes[0]!.stop()
  for (let i = 0; i < 3; i++) await assert.rejects(proxy.refresh(), { code: 'NO_TOPOLOGY' })
  assert.deepEqual(
    errors.map(({ name, message }) => [name, message.split(':')[0]]),
    [['ProxyError', 'no node answers with a usable slot table']]
  )
})

test('without listeners no payload is ever built', async (t) => {
  const emit = t.mock.method(ServerEvents.prototype, 'emit')
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const client = await proxied.connect()
  const slot = cluster.slotOf('a')
  cluster.migrate(slot, otherMaster(cluster, slot))
  await client.ask('SET', 'a', '1')
  const down = cluster.owner('b')
  const gone = next(down, 'disconnect')
  down.connections.kill()
  await gone
  await client.ask('GET', 'b')
  await client.end()
  assert.equal(proxy.stats().redirects, 1)
  const built = emit.mock.calls.map(({ arguments: [event] }) => event)
  assert.deepEqual(built, ['ready'])
})
