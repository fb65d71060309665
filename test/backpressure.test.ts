import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { Duplex, duplexPair } from 'node:stream'
import { describe, test } from 'node:test'
import { type ClientEvent, type ClusterProxy, createClusterProxy } from '../lib/index.ts'
import { createFakeCluster } from '../lib/testing/index.ts'
import { listen, next, type ProxiedCluster, startProxied } from './support/proxied-cluster.ts'
import { connect, type RawClient } from './support/raw-client.ts'

const MEBIBYTE = 1024 * 1024
const FULL = '-ERR max number of clients reached\r\n'

/** A client that does not read: nothing but the proxy holds its replies. */
function frozenClient(proxy: ClusterProxy): Duplex {
  const [near, far] = duplexPair()
  proxy.emit('connection', far)
  return near
}

/** Goes round with `client` until `holds`, and fails when that takes too long. */
async function pingUntil(client: RawClient, holds: () => boolean): Promise<void> {
  const limit = performance.now() + 10_000
  while (!holds()) {
    assert.equal(await client.ask('PING'), 'PONG')
    assert.ok(performance.now() < limit, 'it does not come to that')
  }
}

/** The next `count` replies; gives the number of bytes. */
async function bytesOf(client: RawClient, count: number): Promise<number> {
  let bytes = 0
  for (let i = 0; i < count; i++) bytes += (await client.readReply()).length
  return bytes
}

test('a client that does not read its big replies costs bounded memory and disturbs nobody', async () => {
  await using proxied = await startProxied({
    options: { clientOutputPause: 64 * 1024, maxPipeline: 4 },
  })
  const { cluster, proxy } = proxied
  cluster.execute('SET', 'big', 'x'.repeat(MEBIBYTE))
  const node = cluster.owner('big')
  const other = await proxied.connect()
  await other.ask('SET', 'near{big}', '1')
  node.received.length = 0
  const near = frozenClient(proxy)
  near.write('GET big\r\n'.repeat(40))
  await pingUntil(other, () => proxy.stats().bufferedBytes > MEBIBYTE)
  for (let i = 0; i < 50; i++) {
    assert.equal(await other.ask('GET', 'near{big}'), '1')
    assert.ok(proxy.stats().bufferedBytes < 10 * MEBIBYTE)
  }
  const asked = node.received.filter(({ command }) => command[1] === 'big').length
  assert.ok(asked >= 1 && asked <= 10, `${asked} of 40 were sent on`)
  const client = await connect(near)
  assert.equal(await bytesOf(client, 40), 40 * (MEBIBYTE + '$1048576\r\n\r\n'.length))
  await client.end()
})

test('a client that lets too much pile up is disconnected', async () => {
  await using proxied = await startProxied({
    options: { clientOutputPause: 64 * 1024, clientOutputLimit: MEBIBYTE },
  })
  const { cluster, proxy } = proxied
  cluster.execute('SET', 'big', 'x'.repeat(100 * 1024))
  const left = next<ClientEvent>(proxy, 'clientDisconnect')
  const near = frozenClient(proxy)
  near.write('GET big\r\n'.repeat(50))
  assert.equal((await left).reason, 'the replies that wait for it exceed clientOutputLimit')
  const other = await proxied.connect()
  assert.equal(await other.ask('STRLEN', 'big'), 100 * 1024)
})

test('replies that wait for an older one count as well', async () => {
  await using proxied = await startProxied({ options: { clientOutputLimit: MEBIBYTE } })
  const { cluster, proxy } = proxied
  cluster.execute('SET', 'big', 'x'.repeat(100 * 1024))
  const stuck = cluster.masters.find((node) => node !== cluster.owner('big'))!
  stuck.pause()
  let key = 0
  while (cluster.owner(`k${key}`) !== stuck) key++
  const left = next<ClientEvent>(proxy, 'clientDisconnect')
  const client = await proxied.connect()
  client.send(`GET k${key}\r\n${'GET big\r\n'.repeat(50)}`)
  assert.equal((await left).reason, 'the replies that wait for it exceed clientOutputLimit')
})

test('a stream that holds more than clientOutputPause before it complains is served on', async () => {
  await using proxied = await startProxied({ options: { clientOutputPause: 1024 } })
  let received = 0
  const stream = new Duplex({
    writableHighWaterMark: MEBIBYTE,
    read() {},
    write(chunk: Buffer, _encoding, done) {
      received += chunk.length
      setImmediate(() => {
        stream.emit('received')
        done()
      })
    },
  })
  proxied.cluster.execute('SET', 'a', 'x'.repeat(4096))
  proxied.proxy.emit('connection', stream)
  const wanted = 100 * (4096 + '$4096\r\n\r\n'.length)
  for (let i = 0; i < 100; i++) stream.push('GET a\r\n')
  while (received < wanted) await next(stream, 'received')
  assert.equal(received, wanted)
  stream.destroy()
})

/** A TCP forwarder to a port, that can stop reading what comes from the proxy. */
async function startForwarder(port: number): Promise<{
  port: number
  hold(): void
  release(): void
  close(): Promise<void>
}> {
  const pairs: [near: Socket, far: Socket][] = []
  let held = false
  const server = createServer((near) => {
    const far = createConnection(port, '127.0.0.1')
    for (const socket of [near, far]) socket.on('error', () => {})
    if (!held) near.pipe(far)
    far.pipe(near)
    pairs.push([near, far])
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    hold() {
      held = true
      for (const [near, far] of pairs) near.unpipe(far).pause()
    },
    release() {
      held = false
      for (const [near, far] of pairs) near.pipe(far)
    },
    async close() {
      for (const socket of pairs.flat()) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a node that does not read stops the clients that feed it, and nobody else', async () => {
  await using cluster = await createFakeCluster({ masters: 1 })
  const [node] = cluster.nodes
  const forwarder = await startForwarder(node!.port)
  node!.announce({ port: forwarder.port })
  await using proxy = createClusterProxy({ nodes: `127.0.0.1:${forwarder.port}` })
  const ready = next(proxy, 'ready')
  const port = await listen(proxy)
  await ready
  await using feeder = await connect(port)
  await using other = await connect(port)
  await feeder.ask('SET', 'a', '1')
  forwarder.hold()
  const value = 'x'.repeat(MEBIBYTE)
  const replies = feeder.pipeline(Array.from({ length: 40 }, (_, i) => ['SET', `k${i}`, value]))
  // It stands still when many rounds of another client bring nothing more.
  let [before, rounds] = [0, 0]
  await pingUntil(other, () => {
    const { bytesRead } = proxy.stats()
    const more = bytesRead - before
    before = bytesRead
    rounds = more < 1000 && bytesRead > MEBIBYTE ? rounds + 1 : 0
    return rounds > 200
  })
  assert.ok(before < 30 * MEBIBYTE, `${before} bytes were read`)
  forwarder.release()
  assert.deepEqual(new Set((await replies).map(String)), new Set(['+OK\r\n']))
  await forwarder.close()
})

test('a node that keeps silent for commandTimeout loses its connection, and its clients are told', async () => {
  await using proxied = await startProxied({
    cluster: { masters: 1 },
    options: { commandTimeout: 300, retryBudget: 0 },
  })
  const [node] = proxied.cluster.nodes
  const client = await proxied.connect()
  node!.pause()
  const [set, get] = await client.pipeline([
    ['SET', 'a', '1'],
    ['GET', 'a'],
  ])
  const up = next(proxied.proxy, 'nodeUp')
  const silent = `${node!.address} was silent for 300 ms`
  assert.equal(String(set), `-UNCERTAIN the command may have been executed or not: ${silent}\r\n`)
  assert.equal(String(get), `-CLUSTERDOWN the node cannot be reached: ${silent}\r\n`)
  node!.resume()
  await up
  assert.equal(await client.ask('SET', 'a', '2'), 'OK')
})

test('one giant request goes through in linear time, and others are served meanwhile', async () => {
  await using proxied = await startProxied({ cluster: { masters: 1 } })
  const giant = await proxied.connect()
  const other = await proxied.connect()
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const count = 256
  giant.send(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${chunk.length * count}\r\n`)
  const begun = performance.now()
  for (let i = 0; i < count; i++) {
    if (!giant.stream.write(chunk)) await next(giant.stream, 'drain')
    if (i % 100 === 0) assert.equal(await other.ask('PING'), 'PONG')
  }
  giant.send('\r\n')
  assert.equal(String(await giant.readReply()), '+OK\r\n')
  assert.equal(await other.ask('STRLEN', 'a'), chunk.length * count)
  assert.ok(performance.now() - begun < 10_000)
})

test('over memoryLimit nothing more is read and nobody let in, until there is room again', async () => {
  await using proxied = await startProxied({ options: { memoryLimit: MEBIBYTE } })
  const { cluster, proxy } = proxied
  cluster.execute('SET', 'big', 'x'.repeat(2 * MEBIBYTE))
  const other = await proxied.connect()
  await other.ask('PING')
  const near = frozenClient(proxy)
  near.write('GET big\r\n')
  while (proxy.stats().bufferedBytes <= MEBIBYTE)
    await new Promise((resolve) => setImmediate(resolve))
  const refused = await connect(proxied.port)
  assert.equal(String(await refused.readReply()), FULL)
  await refused.closed
  const { commands } = proxy.stats()
  const pong = other.call('PING')
  const again = await connect(proxied.port)
  assert.equal(String(await again.readReply()), FULL)
  await again.closed
  assert.equal(proxy.stats().commands, commands)
  const client = await connect(near)
  await client.readReply()
  assert.equal(String(await pong), '+PONG\r\n')
  const welcome = await proxied.connect()
  assert.equal(await welcome.ask('PING'), 'PONG')
  await client.end()
})

test('a request that is half read goes on over memoryLimit, else it would never end', async () => {
  await using proxied = await startProxied({ options: { memoryLimit: MEBIBYTE } })
  const client = await proxied.connect()
  const value = 'x'.repeat(2 * MEBIBYTE)
  client.send(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${value.length}\r\n${value.slice(1000)}`)
  while (proxied.proxy.stats().bufferedBytes <= MEBIBYTE)
    await new Promise((resolve) => setImmediate(resolve))
  client.send(`${value.slice(0, 1000)}\r\n`)
  assert.equal(String(await client.readReply()), '+OK\r\n')
})

test('one client too many is told so and disconnected; there is room again when one leaves', async () => {
  await using proxied = await startProxied({ options: { maxClients: 2 } })
  const first = await proxied.connect()
  const second = await proxied.connect()
  for (const client of [first, second]) assert.equal(await client.ask('PING'), 'PONG')
  const third = await connect(proxied.port)
  assert.equal(String(await third.readReply()), FULL)
  await third.closed
  const left = next(proxied.proxy, 'clientDisconnect')
  await first.end()
  await left
  const fourth = await proxied.connect()
  assert.equal(await fourth.ask('PING'), 'PONG')
})

/** Why the proxy ends the connection of a client that sends these bytes, and how many bytes it held for it at the most. */
async function ending(proxied: ProxiedCluster, request: string): Promise<[string, number]> {
  const { proxy } = proxied
  const client = await proxied.connect()
  const left = next<ClientEvent>(proxy, 'clientDisconnect')
  client.send(request)
  const { reason } = await left
  return [reason ?? '', proxy.stats().bufferedBytes]
}

describe('time limits of clients', { concurrency: true }, () => {
  for (const request of ['*2\r\n$3\r\nGET\r\n$5\r\nab', '*1000000000\r\n$536870912\r\n', 'GET a']) {
    test(`a request that stands still half sent ends its connection: ${JSON.stringify(request)}`, async () => {
      await using proxied = await startProxied({ options: { requestTimeout: 100 } })
      const bystander = await proxied.connect()
      await bystander.ask('PING')
      const [reason, held] = await ending(proxied, request)
      assert.equal(reason, 'requestTimeout')
      assert.ok(held < 100)
      assert.equal(await bystander.ask('PING'), 'PONG')
    })
  }

  test('an idle client is disconnected after idleTimeout, one that waits for its reply is not', async () => {
    await using proxied = await startProxied({ options: { idleTimeout: 200 } })
    const { cluster, proxy } = proxied
    const node = cluster.owner('a')
    const waiting = await proxied.connect()
    node.pause()
    const reply = waiting.call('GET', 'a')
    assert.deepEqual(await ending(proxied, 'PING\r\n'), ['idleTimeout', 0])
    const left = next<ClientEvent>(proxy, 'clientDisconnect')
    node.resume()
    assert.equal(String(await reply), '$-1\r\n')
    const answered = performance.now()
    assert.equal((await left).reason, 'idleTimeout')
    assert.ok(performance.now() - answered >= 150, 'the reply counts as a sign of life')
  })
})
