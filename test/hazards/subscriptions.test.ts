import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { FakeNode } from '../../lib/testing/index.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { receivedBy, type Stage, setStage } from './stage.ts'

/** The nodes on which the proxy is subscribed to something. */
function subscribed(stage: Stage, ...command: string[]): FakeNode[] {
  return stage.cluster.nodes.filter((node) =>
    receivedBy(node, command[0]!.toUpperCase()).includes(command.join(' '))
  )
}

/** A reply or push on one line: lengths left out. */
async function line(client: RawClient): Promise<string> {
  return short(await client.readReply())
}

function short(frame: Buffer): string {
  return frame
    .toString('latin1')
    .split('\r\n')
    .filter((part) => !/^\$\d/.test(part))
    .join(' ')
    .trim()
}

async function three(client: RawClient): Promise<RawClient> {
  await client.call('HELLO', '3')
  return client
}

const MODE_ERROR = (name: string): string =>
  `-ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`

describe('subscriptions', () => {
  it('E9.1 a RESP2 subscriber may send little else, and PING has another form', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    assert.equal(short(await client.call('SUBSCRIBE', 'a')), '*3 subscribe a :1')
    assert.equal(short(await client.call('GET', 'x')), MODE_ERROR('get'))
    assert.equal(short(await client.call('CONFIG', 'GET', 'x')), MODE_ERROR('config|get'))
    assert.equal(short(await client.call('PUBSUB', 'CHANNELS')), MODE_ERROR('pubsub|channels'))
    assert.equal(short(await client.call('MULTI')), MODE_ERROR('multi'))
    assert.equal(short(await client.call('HELLO', '3')), MODE_ERROR('hello'))
    assert.match(short(await client.call('GET')), /wrong number of arguments for 'get'/)
    assert.match(short(await client.call('NOSUCH')), /unknown command 'NOSUCH'/)
    assert.equal(String(await client.call('PING')), '*2\r\n$4\r\npong\r\n$0\r\n\r\n')
    assert.equal(String(await client.call('PING', 'hi')), '*2\r\n$4\r\npong\r\n$2\r\nhi\r\n')
    assert.equal(short(await client.call('SSUBSCRIBE', 's')), '*3 ssubscribe s :1')
    assert.equal(short(await client.call('UNSUBSCRIBE')), '*3 unsubscribe a :0')
    assert.equal(short(await client.call('GET', 'x')), MODE_ERROR('get'))
    assert.equal(short(await client.call('SUNSUBSCRIBE')), '*3 sunsubscribe s :0')
    assert.equal(String(await client.call('PING')), '+PONG\r\n')
    assert.equal(String(await client.call('GET', 'x')), '$-1\r\n')
  })

  it('E9.1 RESET leaves every subscription, and QUIT ends the connection', async () => {
    await using stage = await setStage()
    const [client, other] = await stage.clients(2)
    await client!.call('SUBSCRIBE', 'a')
    await client!.call('PSUBSCRIBE', 'b*')
    assert.equal(String(await client!.call('RESET')), '+RESET\r\n')
    assert.equal(String(await client!.call('PING')), '+PONG\r\n')
    assert.deepEqual(await other!.ask('PUBSUB', 'CHANNELS'), [])
    assert.equal(await other!.ask('PUBSUB', 'NUMPAT'), 0)
    await client!.call('SUBSCRIBE', 'a')
    assert.equal(String(await client!.call('QUIT')), '+OK\r\n')
    await client!.closed
  })

  it('E9.2 in RESP3 any command goes on, and messages are pushes between replies', async () => {
    await using stage = await setStage()
    const [client, other] = await stage.clients(2)
    await three(client!)
    assert.equal(short(await client!.call('SUBSCRIBE', 'a')), '>3 subscribe a :1')
    assert.equal(String(await client!.call('SET', 'x', '1')), '+OK\r\n')
    assert.equal(String(await client!.call('PING')), '+PONG\r\n')
    await other!.call('PUBLISH', 'a', 'one')
    assert.equal(await line(client!), '>3 message a one')
    assert.equal(String(await client!.call('GET', 'x')), '$1\r\n1\r\n')
    const held = Buffer.alloc(300_000, 'v').toString()
    await client!.call('SET', 'big', held)
    for (let round = 0; round < 20; round++) {
      client!.send(['GET', 'big'])
      await other!.call('PUBLISH', 'a', `m${round}`)
    }
    const frames = await Promise.all(Array.from({ length: 40 }, () => client!.readReply()))
    const replies = frames.filter((frame) => frame[0] === 36)
    assert.equal(replies.length, 20)
    for (const reply of replies) assert.equal(reply.length, held.length + 11)
  })

  it('E9.2 HELLO changes the form of messages in its turn, and not before', async () => {
    await using stage = await setStage({ wired: true })
    const [client, publisher] = await stage.clients(2)
    await three(client!)
    await client!.call('SUBSCRIBE', 'a')
    const key = stage.keyOf(0)
    const asked = stage.wire(0).hold(key)
    client!.send(['GET', key])
    client!.send(['HELLO', '2'])
    await asked
    await publisher!.call('PUBLISH', 'a', 'one').catch(() => {})
    stage.wire(0).release()
    const frames = [await line(client!), await line(client!), await line(client!)]
    assert.deepEqual(frames.filter((frame) => !frame.startsWith('*14')).sort(), [
      '>3 message a one',
      '_',
    ])
    assert.match(frames[2]!, /^\*14/)
  })

  it('E9.3 counts are of channels and patterns together, and of shard channels alone', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    assert.equal(short(await client.call('SUBSCRIBE', 'a')), '*3 subscribe a :1')
    assert.equal(short(await client.call('PSUBSCRIBE', 'p*')), '*3 psubscribe p* :2')
    assert.equal(short(await client.call('SSUBSCRIBE', 's')), '*3 ssubscribe s :1')
    assert.equal(short(await client.call('PUNSUBSCRIBE', 'none')), '*3 punsubscribe none :2')
    assert.equal(short(await client.call('UNSUBSCRIBE', 'a')), '*3 unsubscribe a :1')
    assert.equal(short(await client.call('SUNSUBSCRIBE', 's')), '*3 sunsubscribe s :0')
    assert.equal(short(await client.call('UNSUBSCRIBE')), '*3 unsubscribe $-1 :1')
    assert.equal(short(await client.call('PUNSUBSCRIBE')), '*3 punsubscribe p* :0')
  })

  it('E9.4 each channel has its confirmation, in the order of the arguments', async () => {
    await using stage = await setStage()
    const client = await three(await stage.client())
    client.send(['SUBSCRIBE', 'c', 'a', 'b', 'a'])
    for (const expected of ['c :1', 'a :2', 'b :3', 'a :3'])
      assert.equal(await line(client), `>3 subscribe ${expected}`)
    client.send(['UNSUBSCRIBE', 'b', 'none', 'c'])
    for (const expected of ['b :2', 'none :2', 'c :1'])
      assert.equal(await line(client), `>3 unsubscribe ${expected}`)
    client.send(['UNSUBSCRIBE'])
    assert.equal(await line(client), '>3 unsubscribe a :0')
    client.send(['UNSUBSCRIBE'])
    assert.equal(await line(client), '>3 unsubscribe _ :0')
    client.send(['SUNSUBSCRIBE'])
    assert.equal(await line(client), '>3 sunsubscribe _ :0')
  })

  it('E9.5 the confirmation comes before the first message, although others have the channel already', async () => {
    await using stage = await setStage()
    const [first, second, publisher] = await stage.clients(3)
    await first!.call('SUBSCRIBE', 'a')
    await three(second!)
    for (let round = 0; round < 50; round++) {
      publisher!.send(['PUBLISH', 'a', `${round}`])
      second!.send(['SUBSCRIBE', 'a'])
      publisher!.send(['PUBLISH', 'a', 'between'])
      const seen: string[] = []
      do seen.push(await line(second!))
      while (!seen.at(-1)!.includes(' subscribe '))
      assert.equal(seen.length, 1, seen.join(', '))
      second!.send(['UNSUBSCRIBE', 'a'])
      second!.send(['PING', `end ${round}`])
      const rest: string[] = []
      do rest.push(await line(second!))
      while (!rest.at(-1)!.includes(`end ${round}`))
      assert.match(rest.at(-2)!, / unsubscribe a :0$/)
    }
  })

  it('E9.5 a confirmation tells that the cluster has confirmed: what is published then arrives', async () => {
    await using stage = await setStage({ wired: true })
    const [client, publisher] = await stage.clients(2)
    const asked = stage.cluster.nodes.map((node) => stage.wire(node).hold('subscribe'))
    client!.send(['SUBSCRIBE', 'a'])
    await Promise.race(asked.map((each) => each.catch(() => new Promise(() => {}))))
    let confirmed = false
    const confirmation = client!.readReply().then(() => {
      confirmed = true
    })
    await publisher!.call('PING')
    await publisher!.call('SET', stage.keyOf(0), '1')
    assert.equal(confirmed, false)
    for (const node of stage.cluster.nodes) stage.wire(node).release()
    await confirmation
    await publisher!.call('PUBLISH', 'a', 'one')
    assert.equal(await line(client!), '*3 message a one')
    for (const each of asked) each.catch(() => {})
  })

  it('E9.6 what one client publishes to one channel stays in order', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const [client, publisher] = await stage.clients(2)
    await client!.call('SUBSCRIBE', 'a', 'b')
    await client!.readReply()
    for (let i = 0; i < 200; i++) publisher!.send(['PUBLISH', i % 2 === 0 ? 'a' : 'b', `${i}`])
    const seen: Record<string, number> = { a: -1, b: -1 }
    for (let i = 0; i < 200; i++) {
      const [, , channel, number] = (await line(client!)).split(' ')
      assert.ok(Number(number) > seen[channel!]!)
      seen[channel!] = Number(number)
    }
    const nodes = stage.cluster.nodes.filter((node) =>
      receivedBy(node, 'PUBLISH').some((each) => each.startsWith('PUBLISH a'))
    )
    assert.equal(nodes.length, 1)
  })

  it('E9.7 who subscribes twice gets a message once, and one for each pattern that matches', async () => {
    await using stage = await setStage()
    const [client, publisher] = await stage.clients(2)
    await client!.call('SUBSCRIBE', 'news')
    await client!.call('SUBSCRIBE', 'news')
    await client!.call('PSUBSCRIBE', 'n*')
    await client!.call('PSUBSCRIBE', '*s')
    await publisher!.call('PUBLISH', 'news', 'one')
    await publisher!.call('PUBLISH', 'none', 'two')
    const seen = [
      await line(client!),
      await line(client!),
      await line(client!),
      await line(client!),
    ]
    assert.deepEqual(seen.sort(), [
      '*3 message news one',
      '*4 pmessage *s news one',
      '*4 pmessage n* news one',
      '*4 pmessage n* none two',
    ])
  })

  it('E9 one subscription in the cluster serves all clients', async () => {
    await using stage = await setStage()
    const clients = await stage.clients(20)
    await Promise.all(clients.map((each) => each.call('SUBSCRIBE', 'a')))
    const [publisher] = await stage.clients(1)
    await publisher!.call('PUBLISH', 'a', 'one')
    for (const each of clients) assert.equal(await line(each), '*3 message a one')
    const asked = stage.cluster.nodes.flatMap((node) => receivedBy(node, 'SUBSCRIBE'))
    assert.deepEqual(asked, ['subscribe a'])
  })
  for (const policy of ['keep', 'disconnect'] as const) {
    it(`E9.8 a lost connection is made good for at another node (${policy})`, async () => {
      await using stage = await setStage({
        cluster: { masters: 3 },
        options: { onSubscriptionGap: policy },
      })
      const client = await stage.client()
      await client.call('SUBSCRIBE', 'a')
      await client.call('PSUBSCRIBE', 'p*')
      const [home] = subscribed(stage, 'subscribe', 'a')
      const gap = once(stage.proxy, 'subscriptionGap')
      await home!.stop()
      const [event] = await gap
      assert.deepEqual(event.channels.map(String), ['a'])
      assert.deepEqual(event.patterns.map(String), ['p*'])
      assert.deepEqual(event.shardChannels, [])
      assert.equal(event.node, home!.address)
      assert.equal(event.reason, 'connection lost')
      assert.equal(event.cause.code, 'NODE_LOST')
      if (policy === 'disconnect') {
        await client.closed
        return
      }
      const other = stage.cluster.nodes.find((node) => node !== home)!
      for (const channel of ['a', 'p1']) {
        other.execute('PUBLISH', channel, 'back')
        assert.match(await line(client), new RegExp(`${channel} back$`))
      }
    })
  }

  it('E9.8 a node that accepts and keeps silent is given up when the cluster says that it failed', async () => {
    await using stage = await setStage({
      cluster: { masters: 3 },
      options: { refreshInterval: 100 },
    })
    const client = await stage.client()
    await client.call('SUBSCRIBE', 'a')
    const [home] = subscribed(stage, 'subscribe', 'a')
    home!.pause()
    home!.state.failed = true
    const [event] = await once(stage.proxy, 'subscriptionGap', {
      signal: AbortSignal.timeout(10_000),
    })
    assert.equal(event.node, home!.address)
    stage.cluster.nodes.find((node) => node !== home)!.execute('PUBLISH', 'a', 'back')
    assert.equal(await line(client), '*3 message a back')
  })

  it('E9.8 while no node can be reached a subscription waits, and then gets a clear error', async () => {
    await using stage = await setStage({
      options: { retryBudget: 200, connectTimeout: 100 },
    })
    const client = await stage.client()
    for (const node of stage.cluster.nodes) await node.stop()
    assert.match(String(await client.call('SUBSCRIBE', 'a')), /^-CLUSTERDOWN /)
    assert.equal(String(await client.call('PING')), '+PONG\r\n')
  })

  it('E9.9 the channels of one SSUBSCRIBE belong to one slot', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const crossSlot = "-CROSSSLOT Keys in request don't hash to the same slot"
    assert.equal(short(await client.call('SSUBSCRIBE', 'a', 'b')), crossSlot)
    client.send(['SSUBSCRIBE', '{a}1', '{a}2'])
    assert.equal(await line(client), '*3 ssubscribe {a}1 :1')
    assert.equal(await line(client), '*3 ssubscribe {a}2 :2')
    assert.equal(short(await client.call('SUNSUBSCRIBE', 'a', 'b')), crossSlot)
  })

  it('E9.9 a shard channel follows its slot, and its client notices nothing but what it missed', async () => {
    await using stage = await setStage()
    const [client, publisher] = await stage.clients(2)
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    await client!.call('SSUBSCRIBE', key)
    await publisher!.call('SPUBLISH', key, 'one')
    assert.equal(await line(client!), `*3 smessage ${key} one`)
    for (const to of [1, 0, 1]) {
      const gap = once(stage.proxy, 'subscriptionGap')
      stage.cluster.migrate(slot, to)
      const [event] = await gap
      assert.deepEqual(event.shardChannels.map(String), [key])
      assert.equal(event.reason, 'slots moved')
      await publisher!.call('SPUBLISH', key, `at ${to}`)
      assert.equal(await line(client!), `*3 smessage ${key} at ${to}`)
    }
  })

  it('E9.9 MOVED in answer to SSUBSCRIBE is followed', async () => {
    await using stage = await setStage()
    const [client, publisher] = await stage.clients(2)
    const key = stage.keyOf(0)
    stage.cluster.migrate(stage.cluster.slotOf(key), 1)
    assert.equal(short(await client!.call('SSUBSCRIBE', key)), `*3 ssubscribe ${key} :1`)
    await publisher!.call('SPUBLISH', key, 'one')
    assert.equal(await line(client!), `*3 smessage ${key} one`)
  })

  it('E9.9 a shard channel survives the failover of its master', async () => {
    await using stage = await setStage({
      cluster: { masters: 2, replicas: 1 },
      options: { refreshInterval: 100 },
    })
    const [client, publisher] = await stage.clients(2)
    const key = stage.keyOf(0)
    await client!.call('SSUBSCRIBE', key)
    const master = stage.cluster.owner(key)
    const [replica] = stage.cluster.replicasOf(master)
    const gap = once(stage.proxy, 'subscriptionGap')
    await master.stop()
    stage.cluster.failover(replica!)
    await gap
    await publisher!.call('SPUBLISH', key, 'one')
    assert.equal(await line(client!), `*3 smessage ${key} one`)
  })

  it('E4.18 keyspace notifications come from all masters, and what is published still comes once', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const [client, publisher] = await stage.clients(2)
    await client!.call('SUBSCRIBE', '__keyevent@0__:expired')
    await client!.call('PSUBSCRIBE', '__key*')
    await client!.call('PSUBSCRIBE', '*')
    for (const [i, node] of stage.cluster.nodes.entries()) {
      node.notify('__keyevent@0__:expired', `k${i}`)
      const seen = [await line(client!), await line(client!), await line(client!)]
      assert.deepEqual(seen.sort(), [
        `*3 message __keyevent@0__:expired k${i}`,
        `*4 pmessage * __keyevent@0__:expired k${i}`,
        `*4 pmessage __key* __keyevent@0__:expired k${i}`,
      ])
    }
    await publisher!.call('PUBLISH', 'news', 'one')
    await publisher!.call('PUBLISH', 'news', 'two')
    assert.equal(await line(client!), '*4 pmessage * news one')
    assert.equal(await line(client!), '*4 pmessage * news two')
  })

  it('E4.18 a master that joins is listened to as well', async () => {
    await using stage = await setStage({ options: { refreshInterval: 100 } })
    const client = await stage.client()
    await client.call('PSUBSCRIBE', '__keyspace@0__:*')
    const node = await stage.cluster.addNode()
    const gap = once(stage.proxy, 'subscriptionGap')
    stage.cluster.migrate(0, node)
    const [event] = await gap
    assert.deepEqual(event.patterns.map(String), ['__keyspace@0__:*'])
    node.notify('__keyspace@0__:x', 'set')
    assert.equal(await line(client), '*4 pmessage __keyspace@0__:* __keyspace@0__:x set')
  })

  it('E9.11 PUBSUB counts clients, and not the connections of the proxy', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const [one, two, asker] = await stage.clients(3)
    await one!.call('SUBSCRIBE', 'a')
    await one!.call('PSUBSCRIBE', '__key*')
    await one!.call('PSUBSCRIBE', 'x*')
    await two!.call('SUBSCRIBE', 'a')
    await two!.call('PSUBSCRIBE', '__key*')
    await two!.call('SSUBSCRIBE', 's')
    const strays = await Promise.all(stage.cluster.nodes.map((node) => connect(node.port)))
    await strays[0]!.call('SUBSCRIBE', 'a')
    await strays[1]!.call('SUBSCRIBE', 'b')
    assert.deepEqual(await asker!.ask('PUBSUB', 'NUMSUB', 'a', 'b', 'c'), ['a', 3, 'b', 1, 'c', 0])
    assert.equal(await asker!.ask('PUBSUB', 'NUMPAT'), 2)
    assert.deepEqual(((await asker!.ask('PUBSUB', 'CHANNELS')) as string[]).sort(), ['a', 'b'])
    assert.deepEqual(await asker!.ask('PUBSUB', 'CHANNELS', 'A'), [])
    assert.deepEqual(await asker!.ask('PUBSUB', 'CHANNELS', '[a]'), ['a'])
    assert.deepEqual(await asker!.ask('PUBSUB', 'SHARDCHANNELS'), ['s'])
    assert.deepEqual(await asker!.ask('PUBSUB', 'SHARDNUMSUB', 's'), ['s', 1])
    assert.deepEqual(await asker!.ask('PUBSUB', 'NUMSUB'), [])
    await two!.call('UNSUBSCRIBE')
    await one!.call('UNSUBSCRIBE')
    assert.deepEqual(await asker!.ask('PUBSUB', 'NUMSUB', 'a'), ['a', 1])
    await one!.call('PUNSUBSCRIBE')
    assert.equal(await asker!.ask('PUBSUB', 'NUMPAT'), 1)
    for (const each of strays) each.stream.destroy()
  })

  it('E9.12 names and messages may be any bytes', async () => {
    await using stage = await setStage()
    const [client, publisher] = await stage.clients(2)
    const name = Buffer.from([0, 13, 10, 255, 128, 42, 36])
    const frame = (word: string, ...parts: Buffer[]): Buffer =>
      Buffer.concat([
        Buffer.from(`*${parts.length + 1}\r\n$${word.length}\r\n${word}\r\n`),
        ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
      ])
    await client!.call('SUBSCRIBE', name)
    await client!.call('PSUBSCRIBE', Buffer.from([0, 42]))
    const message = Buffer.from([255, 0, 13, 10])
    await publisher!.call('PUBLISH', name, message)
    const seen = [await client!.readReply(), await client!.readReply()]
    assert.deepEqual(seen[0], frame('message', name, message))
    assert.deepEqual(seen[1], frame('pmessage', Buffer.from([0, 42]), name, message))
    assert.equal((await client!.call('UNSUBSCRIBE', name)).includes(name), true)
  })

  it('E9.13 with the last client the subscription ends, however it leaves', async () => {
    await using stage = await setStage()
    const [one, two, three_, asker] = await stage.clients(4)
    for (const each of [one!, two!, three_!]) await each.call('SUBSCRIBE', 'a')
    await one!.call('UNSUBSCRIBE', 'a')
    await two!.end()
    const left = stage.cluster.waitFor('UNSUBSCRIBE')
    three_!.stream.destroy()
    await left
    assert.deepEqual(await asker!.ask('PUBSUB', 'NUMSUB', 'a'), ['a', 0])
    const home = subscribed(stage, 'unsubscribe', 'a')
    assert.equal(home.length, 1)
  })

  it('E9 a subscription within MULTI is refused, and CLIENT REPLY OFF silences no message', async () => {
    await using stage = await setStage()
    const [client, publisher] = await stage.clients(2)
    await client!.call('MULTI')
    assert.match(String(await client!.call('SUBSCRIBE', 'a')), /^-ERR .*not allowed/)
    assert.match(String(await client!.call('EXEC')), /^-EXECABORT/)
    await three(client!)
    client!.send(['CLIENT', 'REPLY', 'OFF'])
    assert.equal(short(await client!.call('SUBSCRIBE', 'a')), '>3 subscribe a :1')
    client!.send(['GET', 'x'])
    await publisher!.call('PUBLISH', 'a', 'one')
    assert.equal(await line(client!), '>3 message a one')
    assert.equal(short(await client!.call('UNSUBSCRIBE', 'a')), '>3 unsubscribe a :0')
  })

  it('E9 a node that refuses a subscription is quoted', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const text = "-NOPERM this user has no permissions to access the 'a' channel\r\n"
    for (const node of stage.cluster.nodes) node.answer('SUBSCRIBE', text, { times: 1 })
    assert.equal(String(await client.call('SUBSCRIBE', 'a')), text)
    assert.equal(String(await client.call('PING')), '+PONG\r\n')
    assert.equal(short(await client.call('SUBSCRIBE', 'b')), '*3 subscribe b :1')
  })

  it('E17.8 a client that is subscribed is not idle', async () => {
    await using stage = await setStage({ options: { idleTimeout: 1200 } })
    const [client, other] = await stage.clients(2)
    await client!.call('SUBSCRIBE', 'a')
    await other!.closed
    assert.equal(short(await client!.call('PING')), '*2 pong')
  })

  it('CLIENT LIST tells what a client is subscribed to', async () => {
    await using stage = await setStage()
    const [client, asker] = await stage.clients(2)
    await client!.call('SUBSCRIBE', 'a')
    await client!.call('PSUBSCRIBE', 'b*')
    await client!.call('SSUBSCRIBE', 'c')
    const list = String(await asker!.ask('CLIENT', 'LIST', 'TYPE', 'pubsub'))
    assert.match(list, /^id=1 .* flags=P .* sub=1 psub=1 ssub=1 /)
    assert.equal(list.trimEnd().split('\n').length, 1)
    assert.equal(await asker!.ask('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1)
    await client!.closed
  })
})
