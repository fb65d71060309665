import assert from 'node:assert/strict'
import net from 'node:net'
import { Duplex, duplexPair } from 'node:stream'
import { test } from 'node:test'
import tls from 'node:tls'
import { type ClusterProxy, createClusterProxy, ProxyError } from '../lib/index.ts'
import { createFakeCluster } from '../lib/testing/index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from './support/certificate.ts'
import { listen, next, startProxied } from './support/proxied-cluster.ts'
import { connect } from './support/raw-client.ts'

const TLS = { cert: CERTIFICATE, key: CERTIFICATE_KEY }

/** A stream that is no socket: what is written to it goes to `sent`, what is pushed is read. */
class Pipe extends Duplex {
  sent = ''

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sent += chunk.toString('latin1')
    this.emit('sent')
    setImmediate(done)
  }
}

async function sentBy(stream: Pipe, bytes: string): Promise<void> {
  while (stream.sent.length < bytes.length) await next(stream, 'sent')
  assert.equal(stream.sent, bytes)
}

test('a proxy is a net.Server that does not listen yet', async () => {
  const proxy: ClusterProxy = createClusterProxy({ nodes: '127.0.0.1:1' })
  assert.ok(proxy instanceof net.Server)
  assert.ok(!(proxy instanceof tls.Server))
  assert.equal(proxy.listening, false)
  assert.deepEqual(proxy.topology, { version: 0, nodes: [], coveredSlots: 0 })
  await proxy.shutdown()
})

test('nothing is dialled before the proxy has something to serve', async () => {
  await using cluster = await createFakeCluster({ masters: 1 })
  await using proxy = createClusterProxy({ nodes: cluster.addresses })
  let connections = 0
  cluster.nodes[0]!.on('connect', () => connections++)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(connections, 0)
  await listen(proxy)
  if (connections === 0) await next(cluster.nodes[0]!, 'connect')
  assert.ok(connections > 0)
})

test('a listening proxy serves clients from the cluster', async () => {
  await using proxied = await startProxied()
  const client = await proxied.connect()
  for (let i = 0; i < 20; i++) assert.equal(await client.ask('SET', `key:${i}`, `${i}`), 'OK')
  for (let i = 0; i < 20; i++) assert.equal(await client.ask('GET', `key:${i}`), `${i}`)
  assert.ok(proxied.cluster.masters.every((node) => node.execute('DBSIZE') !== 0))
})

test('a stream that is handed over is served, whether the proxy listens or not', async () => {
  await using cluster = await createFakeCluster()
  await using proxy = createClusterProxy({ nodes: cluster.addresses })
  const [near, far] = duplexPair()
  const ready = next(proxy, 'ready')
  proxy.emit('connection', far)
  const client = await connect(near)
  await ready
  assert.equal(await client.ask('SET', 'a', '1'), 'OK')
  assert.equal(await client.ask('GET', 'a'), '1')
  assert.equal(proxy.listening, false)
  assert.equal(proxy.stats().clients, 1)
  await client.end()
  assert.equal(proxy.stats().clients, 0)
})

test('any duplex will do, byte by byte and with an end of its own', async () => {
  await using proxied = await startProxied()
  const stream = new Pipe()
  proxied.proxy.emit('connection', stream)
  for (const byte of 'SET a 1\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n') stream.push(byte)
  await sentBy(stream, '+OK\r\n$1\r\n1\r\n')
  const finished = next(stream, 'finish')
  stream.push('PING\r\n')
  stream.push(null)
  await finished
  await sentBy(stream, '+OK\r\n$1\r\n1\r\n+PONG\r\n')
})

test('a stream that fails takes nobody else with it', async () => {
  await using proxied = await startProxied()
  const stream = new Pipe()
  proxied.proxy.emit('connection', stream)
  stream.push('GET a\r\n')
  const gone = next<{ reason: string }>(proxied.proxy, 'clientDisconnect')
  stream.destroy(new ProxyError('CLOSED', 'the far end is gone'))
  assert.equal((await gone).reason, 'the far end is gone')
  const client = await proxied.connect()
  assert.equal(await client.ask('PING'), 'PONG')
})

test('with the option tls a proxy is a tls.Server and serves TLS clients', async () => {
  await using proxied = await startProxied({ options: { tls: TLS } })
  assert.ok(proxied.proxy instanceof tls.Server)
  const socket = tls.connect({ port: proxied.port, host: '127.0.0.1', ca: CERTIFICATE })
  await next(socket, 'secureConnect')
  await using client = await connect(socket)
  assert.equal(await client.ask('SET', 'a', '1'), 'OK')
  assert.equal(await client.ask('GET', 'a'), '1')
  assert.equal(proxied.proxy.stats().clients, 1)
})

test('a stream that is handed to a TLS proxy is expected to speak TLS', async () => {
  await using proxied = await startProxied({ options: { tls: TLS } })
  const [near, far] = duplexPair()
  proxied.proxy.emit('connection', far)
  const socket = tls.connect({ socket: near, ca: CERTIFICATE, host: 'localhost' })
  await next(socket, 'secureConnect')
  await using client = await connect(socket)
  assert.equal(await client.ask('PING'), 'PONG')
})

test('a client that does not speak TLS to a TLS proxy is disconnected, others are served', async () => {
  await using proxied = await startProxied({ options: { tls: TLS } })
  const plain = await proxied.connect()
  plain.send('PING\r\n')
  await plain.closed
  const socket = tls.connect({ port: proxied.port, host: '127.0.0.1', ca: CERTIFICATE })
  await using client = await connect(socket)
  assert.equal(await client.ask('PING'), 'PONG')
})

test('TLS options that Node refuses are refused at once, and by name', () => {
  for (const option of ['tls', 'nodeTls']) {
    assert.throws(
      () =>
        createClusterProxy({ nodes: ':1', [option]: { cert: 'no certificate', key: 'no key' } }),
      (error) =>
        error instanceof ProxyError &&
        error.code === 'INVALID_OPTION' &&
        error.message.startsWith(`option '${option}': Node does not accept it: `)
    )
  }
})

test('the topology is a snapshot that is replaced and never changed', async () => {
  await using proxied = await startProxied({ cluster: { masters: 3, replicas: 1 } })
  const { proxy, cluster } = proxied
  const before = proxy.topology
  assert.equal(before.version, 1)
  assert.equal(before.coveredSlots, 16384)
  assert.deepEqual(before.nodes.map((node) => node.address).sort(), [...cluster.addresses].sort())
  const copy = structuredClone(before)
  cluster.migrate(0, cluster.masters[2]!)
  await proxy.refresh()
  assert.equal(proxy.topology.version, 2)
  assert.deepEqual(before, copy)
})

test('refresh resolves when the answer is in force, and rejects when no node answers', async () => {
  await using proxied = await startProxied({ options: { connectTimeout: 100 } })
  const { proxy, cluster } = proxied
  cluster.migrate(0, cluster.masters[1]!)
  await proxy.refresh()
  const owner = proxy.topology.nodes.find(({ slots }) => slots.some(([first]) => first === 0))
  assert.equal(owner?.address, cluster.masters[1]!.address)
  proxy.on('error', () => {})
  await cluster.close()
  await assert.rejects(proxy.refresh(), { name: 'ProxyError', code: 'NO_TOPOLOGY' })
})

test('stats counts what went through', async () => {
  await using proxied = await startProxied({ options: { maxClients: 1 } })
  const { proxy, cluster } = proxied
  const client = await proxied.connect()
  const slot = cluster.slotOf('a')
  cluster.migrate(slot, cluster.masters.find((node) => node !== cluster.owner(slot))!)
  await client.ask('GET', 'a')
  const refused = await connect(proxied.port)
  await refused.readReply()
  await refused.closed
  const { uptime, nodes, ...counts } = proxy.stats()
  assert.ok(uptime >= 0)
  assert.deepEqual(counts, {
    clients: 1,
    connections: 1,
    rejectedConnections: 1,
    commands: 1,
    bytesRead: 20,
    bytesWritten: 5,
    redirects: 1,
    coalesced: 0,
    bufferedBytes: 0,
  })
  assert.deepEqual(nodes.map(({ address }) => address).sort(), [...cluster.addresses].sort())
  const owner = () =>
    proxy.stats().nodes.find(({ address }) => address === cluster.owner(slot).address)!
  assert.equal(owner().status, 'up')
  // After a redirect the proxy has questions of its own.
  while (owner().pending > 0) await client.ask('PING')
})

test('await using shuts the proxy down', async () => {
  await using cluster = await createFakeCluster({ masters: 1 })
  let closed = false
  {
    await using proxy = createClusterProxy({ nodes: cluster.addresses })
    proxy.on('close', () => {
      closed = true
    })
    await listen(proxy)
  }
  assert.ok(closed)
})
