import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { RawClient } from '../support/raw-client.ts'
import { receivedBy, type Stage, setStage, until } from './stage.ts'

/** The frame by which a RESP3 client is told of keys; of all without. */
function told(...keys: string[]): string {
  const items = keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('')
  return `>2\r\n$10\r\ninvalidate\r\n${keys.length === 0 ? '_\r\n' : `*${keys.length}\r\n${items}`}`
}

/** A RESP3 client that tracks keys. */
async function tracker(stage: Stage, ...options: string[]): Promise<RawClient> {
  const client = await stage.client()
  await client.call('HELLO', '3')
  assert.equal(String(await client.call('CLIENT', 'TRACKING', 'ON', ...options)), '+OK\r\n')
  return client
}

const frames = async (client: RawClient, count: number): Promise<string[]> =>
  (await Promise.all(Array.from({ length: count }, () => client.readReply()))).map(String)

/** What a client gets up to the reply to a PING, which comes behind all that was told before. */
async function upToPing(client: RawClient): Promise<string[]> {
  client.send(['PING'])
  const got: string[] = []
  for (;;) {
    const frame = String(await client.readReply())
    if (frame === '+PONG\r\n') return got
    got.push(frame)
  }
}

describe('E16.1 CLIENT TRACKING over shared connections', () => {
  it('E16.1 each client is told of what it read itself, and once', async () => {
    await using stage = await setStage()
    const [a, b, writer] = [await tracker(stage), await tracker(stage), await stage.client()]
    const [one, two] = stage.keysOf(0, 2)
    await a.call('GET', one!)
    await b.call('GET', two!)
    await writer.call('SET', one!, '1')
    assert.deepEqual(await frames(a, 1), [told(one!)])
    await writer.call('SET', one!, '2')
    await writer.call('SET', two!, '1')
    assert.deepEqual(await frames(b, 1), [told(two!)])
    assert.deepEqual(await upToPing(a), [])
    assert.deepEqual(await upToPing(b), [])
    // One connection for both of them, and none of the others has anything to do with it.
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'CLIENT').filter(isTracking).length, 1)
  })

  it('E16.1 without OPTIN given nothing is told, with CLIENT CACHING YES what the next command reads', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage, 'OPTIN'), await stage.client()]
    const [one, two, three] = stage.keysOf(0, 3)
    await client.pipeline([
      ['GET', one!],
      ['CLIENT', 'CACHING', 'YES'],
      ['GET', two!],
      ['GET', three!],
    ])
    for (const key of [one!, two!, three!]) await writer.call('SET', key, '1')
    assert.deepEqual(await frames(client, 1), [told(two!)])
    assert.deepEqual(await upToPing(client), [])
  })

  it('E16.1 CLIENT CACHING YES before MULTI is about the whole transaction, and nothing behind it', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage, 'OPTIN'), await stage.client()]
    const key = stage.keyOf(0)
    const [one, two, three] = ['1', '2', '3'].map((digit) => `{${key}}${digit}`)
    await client.pipeline([
      ['CLIENT', 'CACHING', 'YES'],
      ['MULTI'],
      ['GET', one!],
      ['GET', two!],
      ['EXEC'],
      ['GET', three!],
    ])
    for (const name of [one!, two!, three!]) await writer.call('SET', name, '1')
    assert.deepEqual(await frames(client, 2), [told(one!), told(two!)])
    assert.deepEqual(await upToPing(client), [])
  })

  it('E16.2 who begins to speak RESP3 forgets what it read when nobody could tell it', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const key = stage.keyOf(0)
    await client.call('CLIENT', 'TRACKING', 'ON')
    await client.call('GET', key)
    assert.match(String(await client.call('HELLO', '3')), /^%/)
    assert.deepEqual(await upToPing(client), [told()])
    await client.call('GET', key)
    await (await stage.client()).call('SET', key, '1')
    assert.deepEqual(await frames(client, 1), [told(key)])
    await client.call('HELLO', '2')
    await client.call('HELLO', '3')
    assert.deepEqual(await upToPing(client), [told()])
  })

  it('E16.1 NOLOOP spares the writer, and no other client of its lane', async () => {
    await using stage = await setStage()
    const [a, b] = [await tracker(stage, 'NOLOOP'), await tracker(stage, 'NOLOOP')]
    const key = stage.keyOf(0)
    await a.call('GET', key)
    await b.call('GET', key)
    await a.call('SET', key, '1')
    assert.deepEqual(await frames(b, 1), [told(key)])
    assert.deepEqual(await upToPing(a), [])
  })

  it('E16.1 BCAST tells of prefixes, each client of its own, whatever it read', async () => {
    await using stage = await setStage()
    const all = await tracker(stage, 'BCAST')
    const users = await tracker(stage, 'BCAST', 'PREFIX', 'user:')
    const quiet = await tracker(stage, 'BCAST', 'NOLOOP', 'PREFIX', 'user:')
    const writer = await stage.client()
    await writer.call('SET', 'user:1', '1')
    await writer.call('SET', 'other', '1')
    assert.deepEqual(await frames(users, 1), [told('user:1')])
    assert.deepEqual(await frames(all, 2), [told('user:1'), told('other')])
    assert.deepEqual(await frames(quiet, 1), [told('user:1')])
    await quiet.call('SET', 'user:1', '2')
    assert.deepEqual(await upToPing(quiet), [])
    assert.deepEqual(await frames(users, 1), [told('user:1')])
  })

  it('E16.1 BCAST tells of nothing before its reply, though some nodes have confirmed it', async () => {
    await using stage = await setStage()
    const [client, writer] = await stage.clients(2)
    await client!.call('HELLO', '3')
    const [first, second] = stage.cluster.nodes
    second!.pause()
    const confirmed = first!.waitFor('CLIENT TRACKING')
    const begun = client!.call('CLIENT', 'TRACKING', 'ON', 'BCAST')
    await confirmed
    const key = stage.keyOf(0)
    await writer!.call('SET', key, '1')
    await writer!.call('GET', key)
    second!.resume()
    assert.equal(String(await begun), '+OK\r\n')
    await writer!.call('SET', key, '2')
    assert.deepEqual(await frames(client!, 1), [told(key)])
  })

  it('E16.1 what a transaction reads is watched, although it runs on a private connection', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage), await stage.client()]
    const key = stage.keyOf(0)
    const replies = await client.pipeline([['MULTI'], ['GET', key], ['EXEC']])
    assert.equal(String(replies[2]), '*1\r\n_\r\n')
    await writer.call('SET', key, '1')
    assert.deepEqual(await frames(client, 1), [told(key)])
  })

  it('E16.1 the table is bounded: clients are told of what no longer finds a place', async () => {
    await using stage = await setStage({ options: { trackingTableMaxKeys: 2 } })
    const client = await tracker(stage)
    const [one, two, three] = stage.keysOf(0, 3)
    await client.call('GET', one!)
    await client.call('GET', two!)
    client.send(['GET', three!])
    assert.deepEqual(await frames(client, 2), ['_\r\n', told(one!)])
  })

  it('E16.1 E8.7 RESET and CLIENT TRACKING OFF end it', async () => {
    await using stage = await setStage()
    const [a, b, writer] = [await tracker(stage), await tracker(stage), await stage.client()]
    const key = stage.keyOf(0)
    for (const client of [a, b]) await client.call('GET', key)
    await a.call('RESET')
    await b.call('CLIENT', 'TRACKING', 'OFF')
    await writer.call('SET', key, '1')
    assert.deepEqual(await upToPing(a), [])
    assert.deepEqual(await upToPing(b), [])
    assert.equal(await a.ask('CLIENT', 'GETREDIR'), -1)
  })
})

describe('E16.2 what nobody watches any more', () => {
  it('E16.2 keys of a slot that moved away are told', async () => {
    await using stage = await setStage()
    const [client, mover] = [await tracker(stage), await stage.client()]
    const [key, other] = stage.keysOf(0, 2)
    await client.call('GET', key!)
    await client.call('GET', other!)
    stage.cluster.migrate(stage.cluster.slotOf(key!), 1)
    // Whoever hears of it first.
    await mover.call('SET', key!, '1')
    assert.deepEqual(await frames(client, 1), [told(key!)])
    assert.deepEqual(await upToPing(client), [])
    await client.call('GET', key!)
    await mover.call('SET', key!, '2')
    assert.deepEqual(await frames(client, 1), [told(key!)])
  })

  it('E16.2 a key that was missing, and is written at the node that its slot moves to, is told', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage), await stage.client()]
    const key = stage.keyOf(0)
    assert.equal(String(await client.call('GET', key)), '_\r\n')
    stage.cluster.setImporting(stage.cluster.slotOf(key), 1)
    stage.cluster.setMigrating(stage.cluster.slotOf(key), 1)
    await writer.call('SET', key, '1')
    assert.deepEqual(await frames(client, 1), [told(key)])
    // Read while the slot moves: to be forgotten at once.
    client.send(['GET', key])
    assert.deepEqual(await frames(client, 2), ['$1\r\n1\r\n', told(key)])
  })

  it('E16.2 a lost connection has its clients forget everything', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage), await stage.client()]
    const key = stage.keyOf(0)
    await client.call('GET', key)
    stage.cluster.nodes[0]!.connections.kill()
    assert.deepEqual(await frames(client, 1), [told()])
    await client.call('GET', key)
    await writer.call('SET', key, '1')
    assert.deepEqual(await frames(client, 1), [told(key)])
  })

  it('E16.2 a lost connection has those who are told of prefixes forget everything, once it is back', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage, 'BCAST'), await stage.client()]
    const key = stage.keyOf(0)
    stage.cluster.nodes[0]!.connections.kill()
    assert.deepEqual(await frames(client, 1), [told()])
    // Again when it is back, if anything was asked before.
    client.send(['GET', key])
    while (String(await client.readReply()) !== '_\r\n');
    await upToPing(client)
    await writer.call('SET', key, '1')
    assert.deepEqual(await frames(client, 1), [told(key)])
  })

  it('E16.2 a wider prefix has those who were told of narrower ones forget everything, once', async () => {
    await using stage = await setStage()
    const users = await tracker(stage, 'BCAST', 'PREFIX', 'user:')
    const others = await tracker(stage, 'BCAST', 'PREFIX', 'other:')
    await users.call('GET', 'user:1')
    await tracker(stage, 'BCAST', 'PREFIX', 'us')
    assert.deepEqual(await upToPing(users), [told()])
    const writer = await stage.client()
    await writer.call('SET', 'user:1', '1')
    await writer.call('SET', 'other:1', '1')
    assert.deepEqual(await upToPing(users), [told('user:1')])
    assert.deepEqual((await upToPing(others)).at(-1), told('other:1'))
  })

  it('E16.1 prefixes of clients that are gone do not gather at the nodes', async () => {
    await using stage = await setStage()
    const [keeper, writer] = [
      await tracker(stage, 'BCAST', 'PREFIX', 'kept:'),
      await stage.client(),
    ]
    for (let i = 0; i < 400; i++) {
      const client = await tracker(stage, 'BCAST', 'PREFIX', `session:${i}:`)
      await client.end()
    }
    await writer.call('SET', 'kept:1', '1')
    for (;;) if ((await frames(keeper, 1))[0] === told('kept:1')) break
    for (const { received } of stage.cluster.nodes) {
      const words = received.map(({ command }) => command.join(' '))
      const sent = words.filter((text) => isTracking(text))
      const renewed = sent.findLastIndex((text) => text.endsWith(' OFF'))
      const last = sent.slice(renewed + 1).join(' ')
      assert.ok(last.split('PREFIX').length < 150, `${last.split('PREFIX').length}`)
      assert.ok(sent.length < 420, 'renewed now and then only')
    }
  })

  it('E16.2 FLUSHALL is told once, to its own client after the reply', async () => {
    await using stage = await setStage()
    const [a, b] = [await tracker(stage), await tracker(stage)]
    await a.call('GET', stage.keyOf(0))
    await b.call('GET', stage.keyOf(1))
    a.send(['FLUSHALL'])
    assert.deepEqual(await frames(a, 2), ['+OK\r\n', told()])
    assert.deepEqual(await upToPing(a), [])
    assert.deepEqual(await upToPing(b), [told()])
  })

  it('E16.2 after a failover all is told, and watched anew', async () => {
    await using stage = await setStage({ cluster: { replicas: 1 } })
    const [client, writer] = [await tracker(stage), await stage.client()]
    const key = stage.keyOf(0)
    await client.call('GET', key)
    const master = stage.cluster.owner(key)
    const [replica] = stage.cluster.replicasOf(master)
    await master.stop()
    stage.cluster.failover(replica!)
    assert.deepEqual(await frames(client, 1), [told()])
    await writer.call('SET', key, '1')
    await upToPing(client)
    assert.equal(String(await client.call('GET', key)), '$1\r\n1\r\n')
    await writer.call('SET', key, '2')
    assert.deepEqual(await frames(client, 1), [told(key)])
  })
})

describe('E16.3 the order of replies and of what is told', () => {
  it('E16.3 a client is told behind the reply that was read before, although that waits for an older one', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage), await stage.client()]
    const [slow, quick] = [stage.keyOf(0), stage.keyOf(1)]
    await client.pipeline([
      ['GET', slow],
      ['GET', quick],
    ])
    stage.cluster.nodes[0]!.pause()
    client.send(['GET', slow])
    client.send(['GET', quick])
    await stage.cluster.nodes[1]!.waitFor('GET')
    await writer.call('SET', quick, '1')
    await writer.call('SET', quick, '2')
    stage.cluster.nodes[0]!.resume()
    assert.deepEqual(await frames(client, 3), ['_\r\n', '_\r\n', told(quick)])
  })

  it('E16.3 what changed while a read over several slots was under way is told behind its reply', async () => {
    await using stage = await setStage({ options: { crossSlot: true } })
    const [client, writer] = [await tracker(stage), await stage.client()]
    const [slow, quick] = [stage.keyOf(0), stage.keyOf(1)]
    await client.call('GET', slow)
    stage.cluster.nodes[0]!.pause()
    client.send(['MGET', slow, quick])
    await stage.cluster.nodes[1]!.waitFor('MGET')
    await writer.call('SET', quick, '1')
    stage.cluster.nodes[0]!.resume()
    assert.deepEqual(await frames(client, 2), ['*2\r\n_\r\n_\r\n', told(quick)])
    await writer.call('SET', slow, '1')
    assert.deepEqual(await frames(client, 1), [told(slow)])
  })

  it('E16.3 a change between two answers of a transaction that is under way is told behind its reply', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage), await stage.client()]
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    await client.pipeline([['MULTI'], ['GET', key]])
    // After the key is watched, and before EXEC comes.
    const watched = node.waitFor('EXISTS')
    client.send(['EXEC'])
    await watched
    node.pause()
    const sent = writer.call('SET', key, '1')
    node.resume()
    await sent
    const [reply, message] = await frames(client, 2)
    if (reply === '*1\r\n_\r\n') assert.equal(message, told(key))
    else assert.deepEqual([reply, message], ['*1\r\n$1\r\n1\r\n', told(key)])
  })
})

function isTracking(command: string): boolean {
  return /TRACKING/.test(command)
}

describe('E8.6 CLIENT REPLY and what is told', () => {
  it('E8.6 OFF silences replies, but not what is told', async () => {
    await using stage = await setStage()
    const [client, writer] = [await tracker(stage), await stage.client()]
    const [one, two] = stage.keysOf(0, 2)
    client.send(['CLIENT', 'REPLY', 'OFF'])
    client.send(['GET', one!])
    client.send(['GET', two!])
    await until(
      stage.cluster.nodes[0]!,
      'command',
      () => receivedBy(stage.cluster.nodes[0]!, 'GET').length === 2
    )
    await writer.call('SET', two!, '1')
    assert.deepEqual(await frames(client, 1), [told(two!)])
    assert.equal(String(await client.call('CLIENT', 'REPLY', 'ON')), '+OK\r\n')
  })
})

/** A client that has read a key, another that is told of it, and one that writes. */
async function redirected(
  stage: Stage
): Promise<Record<'target' | 'reader' | 'writer', RawClient> & { key: string }> {
  const [target, reader, writer] = await stage.clients(3)
  await target!.call('HELLO', '3')
  const id = String(await target!.ask('CLIENT', 'ID'))
  assert.equal(await reader!.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id), 'OK')
  const key = stage.keyOf(0)
  await reader!.call('GET', key)
  return { target: target!, reader: reader!, writer: writer!, key }
}

describe('E16.1 REDIRECT', () => {
  it('E16.1 another client is told, and its end is noticed', async () => {
    await using stage = await setStage()
    const { target, reader, writer, key } = await redirected(stage)
    await writer.call('SET', key, '1')
    assert.deepEqual(await frames(target, 1), [told(key)])
    assert.equal(String(await reader.call('GET', key)), '$1\r\n1\r\n')
    const gone = once(stage.proxy, 'clientDisconnect')
    target.stream.destroy()
    await gone
    await writer.call('SET', key, '2')
    await reader.call('GET', key)
    await writer.call('SET', key, '3')
    assert.match(String(await reader.call('CLIENT', 'TRACKINGINFO')), /broken_redirect/)
  })

  it('E16.1 the connection that hears for RESP2 is lost: all is told, and watched anew', async () => {
    await using stage = await setStage()
    const { target, reader, writer, key } = await redirected(stage)
    const node = stage.cluster.nodes[0]!
    const hearing = node.received.findLast(({ command }) => command[1] === 'TRACKING')!
    node.execute('CLIENT', 'KILL', 'ID', hearing.command.at(-1)!)
    const nothing = '>2\r\n$10\r\ninvalidate\r\n$-1\r\n'
    assert.deepEqual(await frames(target, 1), [nothing])
    await node.waitFor((command) => command[1] === 'TRACKING')
    await writer.call('SET', key, '1')
    await reader.call('GET', key)
    await upToPing(target)
    await reader.call('GET', key)
    await writer.call('SET', key, '2')
    assert.deepEqual(await frames(target, 1), [told(key)])
  })
})
