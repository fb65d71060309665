import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { createClusterProxy, type ProxyError } from '../lib/index.ts'
import { createFakeCluster } from '../lib/testing/index.ts'
import { CERTIFICATE, CERTIFICATE_KEY } from './support/certificate.ts'
import { freePort } from './support/free-port.ts'
import { listen, next, startProxied, until } from './support/proxied-cluster.ts'
import { connect } from './support/raw-client.ts'

test('shutdown answers what is in flight, takes nothing new, and ends every connection', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const client = await proxied.connect()
  const idle = await proxied.connect()
  await idle.ask('PING')
  cluster.execute('SET', 'a', '1')
  for (const node of cluster.nodes) node.delay(30)
  const reply = client.ask('GET', 'a')
  await cluster.waitFor('GET')
  const ended = proxy.shutdown()
  client.send('GET late\r\n')
  assert.equal(await reply, '1')
  await assert.rejects(client.readReply(), /ended|closed/)
  await Promise.all([ended, client.closed, idle.closed])
  assert.equal(proxy.listening, false)
  assert.equal(proxy.stats().clients, 0)
  await assert.rejects(connect(proxied.port), { code: 'ECONNREFUSED' })
  assert.ok(
    cluster.nodes.every(({ received }) => received.every(({ command }) => command[1] !== 'late'))
  )
})

test('shutdown leaves no connection to any node', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const client = await proxied.connect()
  for (const key of ['a', 'b', 'c', 'd']) await client.ask('GET', key)
  await proxy.shutdown()
  for (const node of cluster.nodes)
    await until(node, 'disconnect', () => node.connections.count === 0)
})

test('shutdown may be called again, at any time, and is one and the same', async () => {
  await using proxied = await startProxied()
  const ended = proxied.proxy.shutdown()
  assert.equal(proxied.proxy.shutdown({ timeout: 1 }), ended)
  await ended
  assert.equal(proxied.proxy.shutdown(), ended)
})

test('shutdown cuts off what is not answered in time', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  for (const node of cluster.nodes) node.pause()
  const client = await proxied.connect()
  client.send('GET a\r\n')
  while (proxy.stats().commands === 0) await new Promise((resolve) => setImmediate(resolve))
  const left = next<{ reason: string }>(proxy, 'clientDisconnect')
  const begun = performance.now()
  await proxy.shutdown({ timeout: 50 })
  assert.ok(performance.now() - begun >= 49)
  assert.equal((await left).reason, 'killed')
  await client.closed
})

test('a timeout beyond what a timer takes is the longest, not none', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  for (const node of cluster.nodes) node.delay(30)
  const client = await proxied.connect()
  const reply = client.ask('GET', 'a')
  await cluster.waitFor('GET')
  const ended = proxy.shutdown({ timeout: Number.POSITIVE_INFINITY })
  assert.equal(await reply, null)
  await ended
})

test('shutdown ends a client that never closes its own side', async () => {
  await using proxied = await startProxied()
  const socket = createConnection({ port: proxied.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.resume()
  await next(proxied.proxy, 'clientConnect')
  const ended = once(socket, 'end')
  await proxied.proxy.shutdown({ timeout: 50 })
  await ended
  socket.destroy()
})

test('shutdown while the cluster is being looked for ends the search', async () => {
  const cluster = await createFakeCluster({ masters: 1 })
  cluster.nodes[0]!.pause()
  const proxy = createClusterProxy({ nodes: cluster.addresses })
  const reached = next(cluster.nodes[0]!, 'connect')
  const refreshed = proxy.refresh()
  await reached
  const refused = assert.rejects(refreshed, { code: 'CLOSED' })
  await proxy.shutdown()
  await refused
  await cluster.close()
})

test('shutdown while listen is under way wins', async () => {
  const proxy = createClusterProxy({ nodes: '127.0.0.1:1' })
  // With a host name the address is looked up first.
  proxy.listen(0, '127.0.0.1')
  const closed = once(proxy, 'close')
  await proxy.shutdown()
  await closed
  assert.equal(proxy.listening, false)
})

test('shutdown of a proxy that never did anything', async () => {
  const proxy = createClusterProxy({ nodes: '127.0.0.1:1' })
  await proxy.shutdown()
  await assert.rejects(proxy.refresh(), { name: 'ProxyError', code: 'CLOSED' })
})

test('after shutdown a stream is turned away', async () => {
  await using proxied = await startProxied()
  await proxied.proxy.shutdown()
  const [near, far] = duplexPair()
  const closed = once(far, 'close')
  proxied.proxy.emit('connection', far)
  const client = await connect(near)
  assert.equal((await client.readReply()).toString(), '-ERR max number of clients reached\r\n')
  await closed
})

test('shutdown does not wait for a TLS handshake that never comes', async () => {
  const tls = { cert: CERTIFICATE, key: CERTIFICATE_KEY }
  await using proxied = await startProxied({ options: { tls } })
  const socket = createConnection(proxied.port, '127.0.0.1')
  const closed = once(socket, 'close')
  await next(proxied.proxy, 'connection')
  await proxied.proxy.shutdown({ timeout: 50 })
  await closed
})

test('close stops listening, and the rest goes when the last client leaves', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const client = await proxied.connect()
  await client.ask('PING')
  const closed = once(proxy, 'close')
  proxy.close()
  await assert.rejects(connect(proxied.port), { code: 'ECONNREFUSED' })
  assert.equal(await client.ask('SET', 'a', '1'), 'OK')
  await client.end()
  await closed
  for (const node of cluster.nodes)
    await until(node, 'disconnect', () => node.connections.count === 0)
})

test('close ends streams that were handed over, once they are answered', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const [near, far] = duplexPair()
  proxy.emit('connection', far)
  const client = await connect(near)
  for (const node of cluster.nodes) node.delay(20)
  const reply = client.ask('GET', 'a')
  await cluster.waitFor('GET')
  proxy.close()
  assert.equal(await reply, null)
  await assert.rejects(client.readReply(), /ended/)
  await client.end()
  assert.equal(proxy.stats().clients, 0)
})

const LEAVING = `
import { duplexPair } from 'node:stream'
import { once } from 'node:events'
import { createClusterProxy } from './lib/index.ts'
import { createFakeCluster } from './lib/testing/index.ts'

const cluster = await createFakeCluster()
for (const end of ['shutdown', 'close']) {
  const proxy = createClusterProxy({ nodes: cluster.addresses, refreshInterval: 100 })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'ready')
  const [near, far] = duplexPair()
  proxy.emit('connection', far)
  near.write('GET a\\r\\nPING\\r\\n')
  await once(near, 'data')
  near.on('end', () => near.end()).resume()
  proxy[end]()
}
await cluster.close()
const alone = createClusterProxy({ nodes: cluster.addresses })
alone.on('error', () => {})
await alone.refresh().catch((error) => console.log(error.code))
await alone.shutdown()
console.log('done')
`

test('E17.1 a process whose proxies are shut down or closed ends by itself', async () => {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', LEAVING],
    { stdio: ['ignore', 'pipe', 'inherit'], timeout: 20_000 }
  )
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  const [code, signal] = await once(child, 'close')
  assert.deepEqual([output, code, signal], ['NO_TOPOLOGY\ndone\n', 0, null])
})

test('a command waits for a cluster that is not up yet', async () => {
  const port = await freePort()
  await using proxy = createClusterProxy({
    nodes: `127.0.0.1:${port}`,
    reconnectMinDelay: 5,
    reconnectMaxDelay: 20,
    refreshMinInterval: 5,
  })
  const failed = new Promise<ProxyError>((resolve) => proxy.once('error', resolve as () => void))
  await using client = await connect(await listen(proxy))
  const reply = client.ask('SET', 'a', '1')
  assert.equal((await failed).code, 'NO_TOPOLOGY')
  await using cluster = await createFakeCluster({ masters: 1, ports: [port] })
  assert.equal(await reply, 'OK')
  assert.equal(cluster.execute('GET', 'a'), '1')
})

test('a command for a cluster that does not come is answered when retryBudget is used up', async () => {
  await using proxy = createClusterProxy({
    nodes: `127.0.0.1:${await freePort()}`,
    retryBudget: 150,
    reconnectMinDelay: 5,
    reconnectMaxDelay: 20,
  })
  proxy.on('error', () => {})
  await using client = await connect(await listen(proxy))
  const begun = performance.now()
  const replies = await client.pipeline([['SET', 'a', '1'], ['PING'], ['EVAL', 'return 1', '0']])
  const took = performance.now() - begun
  assert.deepEqual(
    replies.map((reply) => reply.toString()),
    ['-CLUSTERDOWN Hash slot not served\r\n', '+PONG\r\n', '-CLUSTERDOWN Hash slot not served\r\n']
  )
  assert.ok(took >= 100 && took < 3000, `${took} ms`)
})

test('listeners that throw or reject disturb neither the proxy nor the replies', async () => {
  const errors: ProxyError[] = []
  await using proxied = await startProxied({
    prepare: (proxy) => {
      for (const event of ['command', 'redirect', 'topologyChange', 'nodeUp', 'ready'] as const) {
        proxy.on(event, () => {
          throw new TypeError(`thrown by ${event}`)
        })
        proxy.on(event, () => Promise.reject(new TypeError(`rejected by ${event}`)))
      }
      proxy.on('clientConnect', () => assert.fail('thrown by clientConnect'))
      proxy.on('clientDisconnect', () => assert.fail('thrown by clientDisconnect'))
      proxy.on('error', (error) => {
        errors.push(error as ProxyError)
        throw error
      })
    },
  })
  const { cluster } = proxied
  const client = await proxied.connect()
  const slot = cluster.slotOf('a')
  cluster.migrate(slot, cluster.masters.find((node) => node !== cluster.owner(slot))!)
  assert.equal(await client.ask('SET', 'a', '1'), 'OK')
  assert.equal(await client.ask('GET', 'a'), '1')
  const left = new Promise<void>((resolve) => {
    proxied.proxy.on('clientDisconnect', () => resolve())
  })
  await client.end()
  await left
  assert.ok(errors.every(({ code }) => code === 'HOOK'))
  const causes = new Set(errors.map(({ cause }) => (cause as Error).message))
  for (const event of ['command', 'redirect', 'topologyChange', 'nodeUp', 'ready'])
    for (const how of ['thrown', 'rejected']) assert.ok(causes.has(`${how} by ${event}`), event)
  for (const event of ['clientConnect', 'clientDisconnect'])
    assert.ok(causes.has(`thrown by ${event}`))
})

test('a map of addresses and credentials that throw disturb nothing that works', async () => {
  let asked = 0
  await using proxied = await startProxied({
    options: {
      natMap: () => {
        asked++
        throw new TypeError('no map')
      },
    },
  })
  const { cluster } = proxied
  const client = await proxied.connect()
  const slot = cluster.slotOf('a')
  cluster.migrate(slot, cluster.masters.find((node) => node !== cluster.owner(slot))!)
  const before = asked
  assert.equal(await client.ask('SET', 'a', '1'), 'OK')
  assert.ok(asked > before)
})

test('credentials that cannot be had are told as the reason, and asked for again', async () => {
  await using cluster = await createFakeCluster({ masters: 1, password: 'secret' })
  let attempts = 0
  await using proxy = createClusterProxy({
    nodes: cluster.addresses,
    reconnectMinDelay: 1,
    reconnectMaxDelay: 5,
    credentials: () => {
      attempts++
      if (attempts < 3) return Promise.reject(new TypeError('the vault is sealed'))
      return { password: 'secret' }
    },
  })
  const failed = new Promise<Error>((resolve) => proxy.once('error', resolve))
  const ready = new Promise((resolve) => proxy.once('ready', () => resolve(undefined)))
  await listen(proxy)
  assert.match((await failed).message, /the vault is sealed/)
  await ready
})
