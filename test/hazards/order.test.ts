import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { RawClient } from '../support/raw-client.ts'
import { receivedBy, setStage, until } from './stage.ts'

/** Text of raw reply frames. */
const texts = (frames: readonly Buffer[]): string[] => frames.map(String)

describe('the order of replies', () => {
  it('E1.1 across nodes: a reply from a fast node waits for an older one from a slow node', async () => {
    await using stage = await setStage({ wired: true })
    const [slow, fast] = [stage.keyOf(0), stage.keyOf(1)]
    stage.cluster.execute('SET', slow, 'slow')
    stage.cluster.execute('SET', fast, 'fast')
    const client = await stage.client()
    const held = stage.wire(0).hold(slow)
    const answered: string[] = []
    const slowly = client.readReply().then((frame) => answered.push(String(frame)))
    const fastly = client.readReply().then((frame) => answered.push(String(frame)))
    client.stream.write(`GET ${slow}\r\nGET ${fast}\r\n`)
    await held
    const other = await stage.client()
    assert.equal(await other.ask('GET', fast), 'fast')
    assert.deepEqual(answered, [])
    stage.wire(0).release()
    await Promise.all([slowly, fastly])
    assert.deepEqual(answered, ['$4\r\nslow\r\n', '$4\r\nfast\r\n'])
  })

  it('E1.4 local replies do not overtake those of nodes', async () => {
    await using stage = await setStage({ wired: true })
    const [slow, fast] = [stage.keyOf(0), stage.keyOf(1)]
    const client = await stage.client()
    const id = await client.ask('CLIENT', 'ID')
    const held = stage.wire(0).hold(slow)
    const replies = client.pipeline([
      ['GET', slow],
      ['PING'],
      ['CLIENT', 'ID'],
      ['NOSUCH'],
      ['GET', fast],
    ])
    await held
    stage.wire(0).release()
    assert.deepEqual(texts(await replies), [
      '$-1\r\n',
      '+PONG\r\n',
      `:${id}\r\n`,
      "-ERR unknown command 'NOSUCH', with args beginning with: \r\n",
      '$-1\r\n',
    ])
  })

  it('E1.5 HELLO changes the replies after it, and not those before it', async () => {
    await using stage = await setStage({ wired: true })
    const key = stage.keyOf(0)
    const client = await stage.client()
    const held = stage.wire(0).hold(key)
    const replies = client.pipeline([
      ['GET', key],
      ['HELLO', '3'],
      ['HGETALL', key],
      ['HELLO', '2'],
      ['HGETALL', key],
    ])
    await held
    stage.wire(0).release()
    const [before, hello, after, back, last] = texts(await replies)
    assert.equal(before, '$-1\r\n')
    assert.match(hello!, /^%/)
    assert.equal(after, '%0\r\n')
    assert.match(back!, /^\*/)
    assert.equal(last, '*0\r\n')
  })

  it('E1.5 CLIENT REPLY, RESET and QUIT change nothing for what is in flight before them', async () => {
    await using stage = await setStage({ wired: true })
    const key = stage.keyOf(0)
    const client = await stage.client()
    await client.ask('HELLO', '3')
    const held = stage.wire(0).hold(key)
    client.stream.write(
      `HGETALL ${key}\r\nCLIENT REPLY SKIP\r\nGET ${key}\r\nRESET\r\nHGETALL ${key}\r\nQUIT\r\nGET ${key}\r\n`
    )
    const replies = [1, 2, 3, 4].map(() => client.readReply())
    await held
    stage.wire(0).release()
    assert.deepEqual(texts(await Promise.all(replies)), [
      '%0\r\n',
      '+RESET\r\n',
      '*0\r\n',
      '+OK\r\n',
    ])
    await client.closed
  })

  it('E1.7 clients that leave with commands in flight do not shift the replies of the others', async () => {
    await using stage = await setStage({ wired: true })
    const keys = stage.keysOf(0, 100)
    for (const key of keys) stage.cluster.execute('SET', key, key)
    const clients = await stage.clients(100)
    const node = stage.cluster.nodes[0]!
    const held = stage.wire(0).hold(keys[0]!)
    const kept: Promise<Buffer[]>[] = []
    for (const [i, client] of clients.entries()) {
      const commands = Array.from({ length: 20 }, () => ['GET', keys[i]!])
      if (i % 2 === 0) client.stream.write(commands.map((one) => `${one.join(' ')}\r\n`).join(''))
      else kept.push(client.pipeline(commands))
    }
    await held
    await until(node, 'command', () => receivedBy(node, 'GET').length === 2000)
    for (let i = 0; i < 100; i += 4) {
      ;(clients[i]!.stream as Socket).resetAndDestroy()
      clients[i + 2]!.stream.destroy()
    }
    await until(stage.proxy, 'clientDisconnect', () => stage.proxy.stats().clients === 75)
    stage.wire(0).release()
    for (const [i, frames] of (await Promise.all(kept)).entries()) {
      const key = keys[2 * i + 1]!
      assert.deepEqual(new Set(texts(frames)), new Set([`$${key.length}\r\n${key}\r\n`]))
    }
  })

  it('E1.8 a reply that nobody asked for closes the connection, and shifts no reply', async () => {
    await using stage = await setStage()
    const [key] = stage.keysOf(0)
    stage.cluster.execute('SET', key!, 'right')
    const client = await stage.client()
    const node = stage.cluster.nodes[0]!
    for (const extra of [
      '+OK\r\n',
      '$3\r\nbad\r\n',
      'HTTP/1.1 200\r\n',
      '$-7\r\n',
      '*1\r\n+x\r\n',
    ]) {
      assert.equal(await client.ask('GET', key!), 'right')
      const { connection } = node.received.findLast(({ command }) => command[0] === 'GET')!
      const lost: number[] = []
      node.on('disconnect', (one) => lost.push(one))
      node.sendRaw(extra)
      await until(node, 'disconnect', () => lost.includes(connection))
      assert.equal(await client.ask('GET', key!), 'right')
    }
  })

  it('E1.8 a reply too few is noticed by the time limit, and shifts no reply', async () => {
    await using stage = await setStage({ options: { commandTimeout: 200 } })
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'right')
    const node = stage.cluster.nodes[0]!
    const [client, other] = await stage.clients(2)
    node.answer('GETSET', '')
    assert.match(
      String(await client!.call('GETSET', key, 'never')),
      /^-UNCERTAIN .*silent for 200 ms/
    )
    assert.deepEqual(
      texts(
        await other!.pipeline([
          ['GET', key],
          ['STRLEN', key],
        ])
      ),
      ['$5\r\nright\r\n', ':5\r\n']
    )
  })

  it('E1.10 a client that does not read is read no further than maxPipeline', async () => {
    await using stage = await setStage({ options: { maxPipeline: 100 } })
    const key = stage.keyOf(0)
    const client = await stage.client()
    const node = stage.cluster.nodes[0]!
    await client.ask('GET', key)
    node.pause()
    const before = stage.proxy.stats().commands
    const value = Buffer.alloc(1000, 'x')
    const count = 20_000
    const replies = client.pipeline(Array.from({ length: count }, () => ['SET', key, value]))
    // When another client is answered the bytes of the first one were seen.
    const other = await stage.client()
    for (let i = 0; i < 10; i++) await other.ask('GET', stage.keyOf(1))
    const read = stage.proxy.stats().commands - before - 10
    assert.ok(read > 0 && read <= 100, `${read} commands were read`)
    assert.ok(client.stream.writableLength > 0, 'the client has to wait')
    node.resume()
    const answered = await replies
    assert.equal(answered.length, count)
    assert.deepEqual(new Set(texts(answered)), new Set(['+OK\r\n']))
  })
})

describe('the order of effects', () => {
  it('E1.2 a command read after a refresh waits for an older one that is still to be redirected', async () => {
    await using stage = await setStage({ wired: true })
    const [key] = stage.keysOf(0)
    const marker = stage.keyOf(1)
    const client = await stage.client()
    await client.ask('GET', key!)
    stage.cluster.migrate(stage.cluster.slotOf(key!), 1)
    const held = stage.wire(0).hold('first')
    const first = client.call('SET', key!, 'first')
    await held
    await stage.proxy.refresh()
    const seen = stage.cluster.nodes[1]!.waitFor((command) => command[1] === marker)
    const rest = client.pipeline([
      ['APPEND', key!, ',second'],
      ['GET', marker],
    ])
    await seen
    assert.deepEqual(receivedBy(stage.cluster.nodes[1]!, 'SET', 'APPEND'), [])
    stage.wire(0).release()
    assert.equal(String(await first), '+OK\r\n')
    assert.equal(String((await rest)[0]), ':12\r\n')
    assert.equal(stage.cluster.execute('GET', key!), 'first,second')
  })

  it('E1.2 other slots and other clients do not wait for a command that is being redirected', async () => {
    await using stage = await setStage({ wired: true })
    const [moved, same] = stage.keysOf(0, 2)
    const client = await stage.client()
    const other = await stage.client()
    stage.cluster.migrate(stage.cluster.slotOf(moved!), 1)
    const held = stage.wire(0).hold('first')
    const first = client.call('SET', moved!, 'first')
    await held
    await stage.proxy.refresh()
    const seen = stage.cluster.nodes[0]!.waitFor((command) => command[1] === same)
    client.send(['SET', same!, 'x'])
    await seen
    assert.equal(await other.ask('SET', moved!, 'other'), 'OK')
    stage.wire(0).release()
    assert.equal(String(await first), '+OK\r\n')
    assert.equal(stage.cluster.execute('GET', moved!), 'first')
  })

  it('E1.2 TRYAGAIN: a later command of the slot waits until the one that is tried again is done', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    const again = node.answer(
      'SET',
      '-TRYAGAIN Multiple keys request during rehashing of slot\r\n',
      {
        times: 4,
      }
    )
    const client = await stage.client()
    const first = client.call('SET', key, 'first')
    await node.waitFor('SET')
    await node.waitFor('SET')
    const second = client.call('APPEND', key, ',second')
    assert.equal(String(await first), '+OK\r\n')
    assert.equal(String(await second), ':12\r\n')
    assert.equal(again.remaining, 0)
    assert.deepEqual(receivedBy(node, 'SET', 'APPEND').at(-1), `APPEND ${key} ,second`)
    assert.equal(receivedBy(node, 'APPEND').length, 1)
  })

  it('E1.2 TRYAGAIN: an answer to another command of the slot is no sign that the waiting one can go', async () => {
    await using stage = await setStage({ wired: true })
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    node.answer('MSET', '-TRYAGAIN Multiple keys request during rehashing of slot\r\n', {
      times: 4,
    })
    const [client, other] = (await stage.clients(2)) as [RawClient, RawClient]
    const [a, b] = [`{${key}}a`, `{${key}}b`]
    const early = client.pipeline([
      ['MSET', a, 'first', b, 'first'],
      ['GET', b],
    ])
    await until(node, 'command', () => receivedBy(node, 'GET').length === 1)
    // Answered over the same connection, so the first is back by now, and waits for its next attempt.
    await other.ask('GET', a)
    const late = client.call('SET', a, 'second')
    assert.deepEqual(texts(await early), ['+OK\r\n', '$-1\r\n'])
    assert.equal(String(await late), '+OK\r\n')
    assert.equal(stage.cluster.execute('GET', a), 'second')
    assert.deepEqual(receivedBy(node, 'MSET', 'SET').slice(-2), [
      `MSET ${a} first ${b} first`,
      `SET ${a} second`,
    ])
  })

  it('E1.3 ten thousand commands of one client and slot keep their order', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    const numbers = Array.from({ length: 10_000 }, (_, i) => i)
    await client.pipeline(numbers.map((i) => ['APPEND', key, `${i},`]))
    assert.equal(await client.ask('GET', key), `${numbers.join(',')},`)
  })

  it('E1.6 a command that takes another connection than an older one of its slot waits for that one', async () => {
    await using stage = await setStage({ wired: true })
    const [key, marker] = stage.keysOf(0, 2)
    const node = stage.cluster.nodes[0]!
    const [client, other] = await stage.clients(2)
    await other!.ask('HELLO', '3')
    await other!.ask('GET', marker!)
    const held = stage.wire(0).hold('first')
    const replies = client!.pipeline([
      ['SET', key!, 'first'],
      ['HELLO', '3'],
      ['APPEND', key!, ',second'],
      ['GET', marker!],
    ])
    await held
    for (let i = 0; i < 10; i++) await other!.ask('GET', marker!)
    assert.deepEqual(receivedBy(node, 'APPEND'), [])
    stage.wire(0).release()
    assert.equal(String((await replies)[2]), ':12\r\n')
  })

  it('E1.6 a command without keys that is tried again does not wait for a local one for ever', async () => {
    await using stage = await setStage({ cluster: { masters: 1 } })
    stage.cluster.nodes[0]!.answer('TIME', '-LOADING Redis is loading the dataset in memory\r\n')
    const client = await stage.client()
    const [time, count] = await client.pipeline([['TIME'], ['CLUSTER', 'COUNTKEYSINSLOT', '0']])
    assert.match(String(time), /^\*2\r\n/)
    assert.equal(String(count), ':0\r\n')
  })
})
