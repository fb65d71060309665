import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { test } from 'node:test'
import type { FakeCluster, FakeNode } from '../../lib/testing/index.ts'
import { next, startProxied, until } from '../support/proxied-cluster.ts'
import type { RawClient } from '../support/raw-client.ts'

/** A key that lives on the given master, unlike all keys of other calls with another `salt`. */
function keyOn(cluster: FakeCluster, node: FakeNode, salt = ''): string {
  for (let i = 0; ; i++) if (cluster.owner(`${salt}${i}`) === node) return `${salt}${i}`
}

/** So many replies, as text. */
async function replies(client: RawClient, count: number): Promise<string[]> {
  const frames = await Promise.all(Array.from({ length: count }, () => client.readReply()))
  return frames.map((frame) => frame.toString())
}

/** All bytes that a connection gives for a request after which the client closes its side. */
async function halfClosed(port: number, request: string): Promise<string> {
  const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.end(request)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

test('replies come in the order of requests, however slow the node of the first is', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  const [slow, fast] = cluster.masters as [FakeNode, FakeNode]
  const [a, b] = [keyOn(cluster, slow), keyOn(cluster, fast)]
  cluster.execute('SET', a, 'slow')
  cluster.execute('SET', b, 'fast')
  slow.delay(60)
  const client = await proxied.connect()
  const order = await client.pipeline([
    ['GET', a],
    ['GET', b],
    ['GET', a],
    ['GET', b],
  ])
  assert.equal(order.join(''), '$4\r\nslow\r\n$4\r\nfast\r\n'.repeat(2))
})

test('replies that the proxy gives itself wait their turn', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  for (const node of cluster.nodes) node.delay(40)
  const client = await proxied.connect()
  client.send('GET a\r\nPING\r\nCLIENT ID\r\nGET b\r\nnonsense\r\nECHO x\r\nMGET\r\n')
  assert.deepEqual(await replies(client, 7), [
    '$-1\r\n',
    '+PONG\r\n',
    ':1\r\n',
    '$-1\r\n',
    "-ERR unknown command 'nonsense', with args beginning with: \r\n",
    '$1\r\nx\r\n',
    "-ERR wrong number of arguments for 'mget' command\r\n",
  ])
})

test('a local command that asks a node keeps its place, and what follows waits for it', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  cluster.execute('SET', 'a', '1')
  for (const node of cluster.nodes) node.delay(20)
  const client = await proxied.connect()
  const count = `CLUSTER COUNTKEYSINSLOT ${cluster.slotOf('a')}\r\n`
  client.send(`GET a\r\n${count}DEL a\r\n${count}PING\r\nGET a\r\n`)
  assert.deepEqual(await replies(client, 6), [
    '$1\r\n1\r\n',
    ':1\r\n',
    ':1\r\n',
    ':0\r\n',
    '+PONG\r\n',
    '$-1\r\n',
  ])
})

test('HELLO within a pipeline changes what comes after it, and nothing before', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  cluster.execute('HSET', 'h', 'f', 'v')
  for (const node of cluster.nodes) node.delay(20)
  const client = await proxied.connect()
  client.send('GET a\r\nHGETALL h\r\nHELLO 3\r\nHGETALL h\r\nGET a\r\nHELLO 2\r\nGET a\r\n')
  const [first, map2, hello3, map3, second, hello2, third] = await replies(client, 7)
  assert.deepEqual([first, map2], ['$-1\r\n', '*2\r\n$1\r\nf\r\n$1\r\nv\r\n'])
  assert.match(hello3!, /^%7\r\n/)
  assert.deepEqual([map3, second], ['%1\r\n$1\r\nf\r\n$1\r\nv\r\n', '_\r\n'])
  assert.match(hello2!, /^\*14\r\n/)
  assert.equal(third, '$-1\r\n')
})

test('a HELLO that is refused leaves the rest of the handshake as it was', async () => {
  await using proxied = await startProxied({ options: { resp3: false } })
  const client = await proxied.connect()
  client.send('HELLO 3\r\nCLIENT SETINFO LIB-NAME x\r\nSELECT 0\r\nGET a\r\n')
  assert.deepEqual(await replies(client, 4), [
    '-NOPROTO unsupported protocol version\r\n',
    '+OK\r\n',
    '+OK\r\n',
    '$-1\r\n',
  ])
})

test('nothing overtakes what is in flight when a client changes its protocol version', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  const node = cluster.owner('k')
  const other = await proxied.connect()
  await other.call('HELLO', '3')
  await other.call('GET', 'k')
  const client = await proxied.connect()
  // The SET is not answered; the RESP3 connection of the other client is free meanwhile.
  node.answer('SET', '')
  client.send('SET k 1\r\nHELLO 3\r\nGET k\r\n')
  await node.waitFor('SET')
  node.received.length = 0
  await other.call('GET', 'other{k}')
  assert.deepEqual(
    node.received.map(({ command }) => command.join(' ')),
    ['GET other{k}']
  )
  // Late, but in order.
  const answered = replies(client, 3)
  node.sendRaw('+OK\r\n')
  const [set, hello, get] = await answered
  assert.equal(set, '+OK\r\n')
  assert.match(hello!, /^%7\r\n/)
  assert.equal(get, '_\r\n')
})

test('RESET within a pipeline takes a client back to the start', async () => {
  await using proxied = await startProxied()
  for (const node of proxied.cluster.nodes) node.delay(10)
  const client = await proxied.connect()
  client.send('HELLO 3 SETNAME me\r\nGET a\r\nRESET\r\nGET a\r\nCLIENT GETNAME\r\n')
  const [hello, ...rest] = await replies(client, 5)
  assert.match(hello!, /^%7/)
  assert.deepEqual(rest, ['_\r\n', '+RESET\r\n', '$-1\r\n', '$-1\r\n'])
})

test('AUTH within a pipeline lets in what comes after it; a failed one changes nothing', async () => {
  await using proxied = await startProxied({ options: { password: 'secret' } })
  const client = await proxied.connect()
  client.send('GET a\r\nAUTH wrong\r\nGET a\r\nAUTH secret\r\nGET a\r\nAUTH wrong\r\nGET a\r\n')
  const wrong = '-WRONGPASS invalid username-password pair or user is disabled.\r\n'
  const refused = '-NOAUTH Authentication required.\r\n'
  assert.deepEqual(await replies(client, 7), [
    refused,
    wrong,
    refused,
    '+OK\r\n',
    '$-1\r\n',
    wrong,
    '$-1\r\n',
  ])
})

test('CLIENT REPLY SKIP silences exactly the next command', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  cluster.execute('SET', 'a', 'A')
  cluster.execute('SET', 'b', 'B')
  cluster.owner('a').delay(20)
  const client = await proxied.connect()
  client.send('CLIENT REPLY SKIP\r\nGET a\r\nGET b\r\n')
  client.send('CLIENT REPLY SKIP\r\nPING\r\nGET a\r\nCLIENT REPLY SKIP\r\nnonsense\r\nPING\r\n')
  assert.deepEqual(await replies(client, 3), ['$1\r\nB\r\n', '$1\r\nA\r\n', '+PONG\r\n'])
})

test('CLIENT REPLY OFF silences everything until ON, and the commands are carried out', async () => {
  await using proxied = await startProxied()
  const client = await proxied.connect()
  client.send('CLIENT REPLY OFF\r\nSET a 1\r\nPING\r\nGET a\r\nCLIENT REPLY SKIP\r\nnonsense\r\n')
  client.send('INCR a\r\nCLIENT REPLY ON\r\nGET a\r\n')
  assert.deepEqual(await replies(client, 2), ['+OK\r\n', '$1\r\n2\r\n'])
})

test('silenced replies of slow nodes shift no other reply', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  const [slow, fast] = cluster.masters as [FakeNode, FakeNode]
  const [a, b] = [keyOn(cluster, slow), keyOn(cluster, fast)]
  cluster.execute('SET', a, 'A')
  cluster.execute('SET', b, 'B')
  slow.delay(30)
  const client = await proxied.connect()
  client.send(`GET ${a}\r\nCLIENT REPLY SKIP\r\nGET ${b}\r\nGET ${a}\r\nGET ${b}\r\n`)
  assert.deepEqual(await replies(client, 3), ['$1\r\nA\r\n', '$1\r\nA\r\n', '$1\r\nB\r\n'])
})

test('QUIT is answered after everything before it, and nothing after it is looked at', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  for (const node of cluster.nodes) node.delay(30)
  const client = await proxied.connect()
  client.send('SET a 1\r\nGET a\r\nQUIT\r\nSET a 2\r\nPING\r\n')
  assert.deepEqual(await replies(client, 3), ['+OK\r\n', '$1\r\n1\r\n', '+OK\r\n'])
  await assert.rejects(client.readReply(), /ended/)
  await client.closed
  assert.equal(cluster.execute('GET', 'a'), '1')
})

test('a protocol error is told after the replies to earlier requests, then the connection ends', async () => {
  await using proxied = await startProxied()
  for (const node of proxied.cluster.nodes) node.delay(30)
  const client = await proxied.connect()
  client.send('GET a\r\n*1\r\n+PING\r\nGET b\r\n')
  assert.deepEqual(await replies(client, 2), [
    '$-1\r\n',
    "-ERR Protocol error: expected '$', got '+'\r\n",
  ])
  await client.closed
})

test('a client that closes its side gets all its replies', async () => {
  await using proxied = await startProxied()
  const { cluster, port } = proxied
  assert.equal(await halfClosed(port, 'PING\r\n'), '+PONG\r\n')
  for (const node of cluster.nodes) node.delay(20)
  assert.equal(
    await halfClosed(port, 'SET a 1\r\nGET a\r\nPING\r\nGET b'),
    '+OK\r\n$1\r\n1\r\n+PONG\r\n'
  )
  assert.equal(await halfClosed(port, ''), '')
})

test('a client that closes its side is answered beyond maxPipeline too', async () => {
  await using proxied = await startProxied({ options: { maxPipeline: 10 } })
  const { cluster, port } = proxied
  const count = `CLUSTER COUNTKEYSINSLOT ${cluster.slotOf('a')}\r\n`
  const output = await halfClosed(port, `INCR a\r\n${count}`.repeat(300))
  const expected = Array.from({ length: 300 }, (_, i) => `:${i + 1}\r\n:1\r\n`).join('')
  assert.equal(output, expected)
})

test('clients that go away in mid-pipeline shift the replies of nobody else', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  for (let i = 0; i < 100; i++) cluster.execute('SET', `key:${i}`, `value:${i}`)
  const clients = await Promise.all(Array.from({ length: 30 }, () => proxied.connect()))
  const wanted = Array.from({ length: 100 }, (_, i) => ['GET', `key:${i}`])
  const staying = clients.filter((_, i) => i % 2 === 0).map((client) => client.pipeline(wanted))
  for (const client of clients.filter((_, i) => i % 2 === 1)) {
    client.send(wanted.map((command) => `${command.join(' ')}\r\n`).join(''))
    setImmediate(() => client.stream.destroy())
  }
  const expected = wanted.map(([, key]) => {
    const value = key!.replace('key', 'value')
    return `$${value.length}\r\n${value}\r\n`
  })
  for (const got of await Promise.all(staying)) assert.deepEqual(got.map(String), expected)
})

test('a reply that nobody asked for ends that connection, and no client gets it', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  const node = cluster.owner('a')
  cluster.execute('SET', 'a', 'right')
  const client = await proxied.connect()
  await client.ask('GET', 'a')
  const lost = next(node, 'disconnect')
  node.sendRaw('$5\r\nwrong\r\n', { to: 'last' })
  await lost
  assert.equal(await client.ask('GET', 'a'), 'right')
  // Once more, right behind the reply to a request.
  node.answer('GET', '$5\r\nright\r\n$5\r\nwrong\r\n')
  const again = next(node, 'disconnect')
  assert.equal(await client.ask('GET', 'a'), 'right')
  await again
  assert.equal(await client.ask('GET', 'a'), 'right')
  assert.equal(proxy.stats().clients, 1)
})

test('bytes of a node that are no RESP end that connection, and a read is tried again', async () => {
  await using proxied = await startProxied()
  const { cluster } = proxied
  const node = cluster.owner('a')
  node.answer('GET', 'HTTP/1.1 400 Bad Request\r\n\r\n')
  node.answer('SET', '?\r\n')
  const client = await proxied.connect()
  assert.equal(await client.ask('GET', 'a'), null)
  assert.match(
    (await client.call('SET', 'a', '1')).toString(),
    /^-UNCERTAIN the command may have been executed or not: 127\.0\.0\.1:\d+ sent /
  )
  assert.equal(await client.ask('SET', 'a', '2'), 'OK')
})

test('of a pipeline no more than maxPipeline requests are taken in at a time', async () => {
  await using proxied = await startProxied({ options: { maxPipeline: 50 } })
  const { cluster, proxy } = proxied
  const node = cluster.owner('a')
  const client = await proxied.connect()
  await client.ask('GET', 'a')
  node.pause()
  node.received.length = 0
  const before = proxy.stats().commands
  client.send('INCR a\r\n'.repeat(5000))
  while (proxy.stats().commands === before) await new Promise((resolve) => setImmediate(resolve))
  const other = await proxied.connect()
  const free = cluster.masters.find((master) => master !== node)!
  await other.ask('GET', keyOn(cluster, free))
  assert.equal(proxy.stats().commands, before + 51)
  assert.equal(proxy.stats().nodes.find(({ address }) => address === node.address)?.pending, 50)
  node.resume()
  const all = await replies(client, 5000)
  assert.deepEqual(
    all,
    Array.from(all, (_, i) => `:${i + 1}\r\n`)
  )
})

test('a client that goes away while a local command asks a node leaves nothing behind', async () => {
  await using proxied = await startProxied()
  const { cluster, proxy } = proxied
  for (const node of cluster.nodes) node.delay(20)
  const client = await proxied.connect()
  client.send('CLUSTER COUNTKEYSINSLOT 1\r\nPING\r\n')
  await cluster.waitFor('CLUSTER COUNTKEYSINSLOT')
  const left = next(proxy, 'clientDisconnect')
  client.stream.destroy()
  await left
  const other = await proxied.connect()
  assert.equal(await other.ask('GET', 'a'), null)
  await until(proxy, 'clientDisconnect', () => proxy.stats().clients === 1)
})
