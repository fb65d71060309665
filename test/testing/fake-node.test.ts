import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createFakeCluster, type FakeCluster, type FakeNode } from '../../lib/testing/index.ts'
import { connect, type RawClient } from '../support/raw-client.ts'

describe('a fake node', () => {
  let cluster: FakeCluster
  let node: FakeNode
  let client: RawClient

  beforeEach(async () => {
    cluster = await createFakeCluster({ masters: 1 })
    node = cluster.nodes[0]!
    client = await connect(node.port)
  })

  afterEach(async () => {
    await client[Symbol.asyncDispose]()
    await cluster.close()
  })

  async function say(...command: string[]): Promise<string> {
    return (await client.call(...command)).toString()
  }

  it('keeps values byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    await client.call('SET', bytes, bytes)
    assert.deepEqual(
      await client.call('GET', bytes),
      Buffer.concat([Buffer.from('$256\r\n'), bytes, Buffer.from('\r\n')])
    )
  })

  it('answers inline commands, and breaks off after a protocol error', async () => {
    client.send('PING\r\n*1\r\n$x\r\n')
    assert.equal((await client.readReply()).toString(), '+PONG\r\n')
    assert.equal(
      (await client.readReply()).toString(),
      '-ERR Protocol error: invalid bulk length\r\n'
    )
    await client.closed
  })

  it('drops a connection before the command is executed', async () => {
    node.dropConnections({ before: 'execution', when: 'INCR' })
    client.send('PING\r\nINCR n\r\n')
    assert.equal((await client.readReply()).toString(), '+PONG\r\n')
    await client.closed
    assert.equal(node.execute('GET', 'n'), null)
  })

  it('drops a connection after the command is executed', async () => {
    const fault = node.dropConnections({
      after: 'execution',
      when: (command) => command[1] === 'n',
    })
    client.send('GET m\r\nINCR n\r\n')
    assert.equal((await client.readReply()).toString(), '$-1\r\n')
    await client.closed
    assert.equal(node.execute('GET', 'n'), '1')
    assert.equal(fault.remaining, 0)
  })

  it('answers scripted bytes as often as it was told, then as usual', async () => {
    node.answer('GET', '-LOADING wait\r\n', { times: 2 })
    assert.equal(await say('get', 'a'), '-LOADING wait\r\n')
    assert.equal(await say('GET', 'a'), '-LOADING wait\r\n')
    assert.equal(await say('GET', 'a'), '$-1\r\n')
  })

  it('may decide by the command whether to answer itself, and can be told to stop', async () => {
    const fault = node.answer('*', (command) => (command[0] === 'PING' ? '+MINE\r\n' : undefined), {
      times: Number.POSITIVE_INFINITY,
    })
    assert.equal(await say('PING'), '+MINE\r\n')
    assert.equal(await say('ECHO', 'a'), '$1\r\na\r\n')
    fault.remove()
    assert.equal(await say('PING'), '+PONG\r\n')
  })

  it('may end the connection in the middle of a scripted answer', async () => {
    node.answer('GET', '$100\r\nabc', { close: true })
    client.send('GET a\r\n')
    const [chunk] = await once(client.stream, 'data')
    assert.equal(String(chunk), '$100\r\nabc')
    await client.closed
  })

  it('executes nothing while it is paused, and everything after', async () => {
    node.pause()
    const reply = client.call('INCR', 'n')
    await using other = await connect(node.port)
    const second = other.call('PING')
    assert.equal(node.execute('GET', 'n'), null)
    assert.equal(node.connections.count, 2)
    node.resume()
    assert.equal((await reply).toString(), ':1\r\n')
    assert.equal((await second).toString(), '+PONG\r\n')
  })

  it('sends replies late and in order', async () => {
    node.delay(30)
    const start = performance.now()
    const replies = await client.pipeline([
      ['INCR', 'n'],
      ['INCR', 'n'],
    ])
    assert.deepEqual(replies.map(String), [':1\r\n', ':2\r\n'])
    assert.ok(performance.now() - start >= 28)
    const slow = client.call('INCR', 'n')
    await node.waitFor('INCR')
    node.delay(0)
    const fast = client.call('INCR', 'n')
    assert.deepEqual([String(await slow), String(await fast)], [':3\r\n', ':4\r\n'])
  })

  it('stops like a crash, keeps its data, and comes back on another port', async () => {
    await say('SET', 'a', '1')
    const { port } = node
    await node.stop()
    await client.closed
    assert.equal(node.listening, false)
    await assert.rejects(connect(port), { code: 'ECONNREFUSED' })
    await node.start({ port: 0 })
    await using again = await connect(node.port)
    assert.equal(await again.ask('GET', 'a'), '1')
    assert.equal(
      await again
        .ask('CLUSTER', 'SLOTS')
        .then((slots) => JSON.stringify(slots).includes(String(node.port))),
      true
    )
  })

  it('announces another address, or none, and can go back to the truth', async () => {
    const line = async (): Promise<string> =>
      (await say('CLUSTER', 'SLOTS')).split('\r\n').slice(4, 8).join(' ')
    node.announce({ host: 'redis.example', port: 1 })
    assert.match(await line(), /redis\.example :1/)
    node.announce({ host: null })
    assert.match(await line(), /\$-1 :\d+/)
    node.announce()
    assert.match(await line(), new RegExp(`127\\.0\\.0\\.1 :${node.port}`))
  })

  it('answers LOADING to what a loading server refuses', async () => {
    node.loading(true)
    assert.equal(await say('GET', 'a'), '-LOADING Redis is loading the dataset in memory\r\n')
    assert.match(await say('INFO', 'persistence'), /loading:1/)
    node.loading(false)
    assert.equal(await say('GET', 'a'), '$-1\r\n')
  })

  it('asks new connections for a password', async () => {
    node.setPassword('secret')
    node.setPassword('word', 'bob')
    assert.equal(await say('PING'), '+PONG\r\n')
    await using fresh = await connect(node.port)
    await assert.rejects(fresh.ask('PING'), { message: 'NOAUTH Authentication required.' })
    await assert.rejects(fresh.ask('AUTH', 'wrong'), /WRONGPASS invalid username-password pair/)
    assert.equal(await fresh.ask('AUTH', 'bob', 'word'), 'OK')
    assert.equal(await fresh.ask('AUTH', 'secret'), 'OK')
    assert.equal(await fresh.ask('PING'), 'PONG')
  })

  it('remembers what it received, from whom, and tells those who wait', async () => {
    await using other = await connect(node.port)
    const waiting = node.waitFor('client id')
    await say('PING')
    const id = await other.ask('CLIENT', 'ID')
    assert.deepEqual(await waiting, { connection: id, command: ['CLIENT', 'ID'] })
    assert.deepEqual(
      node.received.map(({ command }) => command.join(' ')),
      ['PING', 'CLIENT ID']
    )
    assert.notEqual(node.received[0]!.connection, id)
  })

  it('gives up waiting for what never comes', async () => {
    await assert.rejects(node.waitFor('GET', { timeout: 1 }), { code: 'NODE_TIMEOUT' })
  })

  it('sends bytes that nobody asked for, to all or to the last', async () => {
    await using last = await connect(node.port)
    await last.ask('PING')
    await say('PING')
    node.sendRaw('+LAST\r\n', { to: 'last' })
    node.sendRaw('+ALL\r\n')
    assert.equal((await last.readReply()).toString(), '+LAST\r\n')
    assert.equal((await last.readReply()).toString(), '+ALL\r\n')
    assert.equal((await client.readReply()).toString(), '+ALL\r\n')
  })

  it('ends all connections when told', async () => {
    await say('PING')
    const gone = once(node, 'disconnect')
    node.connections.kill()
    await client.closed
    assert.equal((await gone).length, 1)
    assert.equal(node.connections.count, 0)
  })

  it('executes commands for the test itself, and throws what would be an error', () => {
    assert.equal(node.execute('HSET', 'h', 'a', 1), 1)
    assert.deepEqual(node.execute('HGETALL', 'h'), ['a', '1'])
    assert.deepEqual(node.execute('ZADD', 'z', 'INCR', 0.5, 'a'), '0.5')
    assert.throws(() => node.execute('INCR', 'h'), { code: 'NODE_REPLY', message: /^WRONGTYPE/ })
  })
})
