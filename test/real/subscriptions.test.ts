import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { keySlot } from '../../lib/command/slot.ts'
import type { SubscriptionGapEvent } from '../../lib/index.ts'
import { freePort } from '../support/free-port.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealCluster, type RealNode, startCluster } from '../support/real-cluster.ts'
import { startServer } from '../support/real-server.ts'
import { needsServer } from '../support/server-available.ts'
import { type Proxied, startProxy } from './proxied.ts'

const MEBIBYTE = 1024 * 1024
const LIMIT = 20_000

function slotOf(key: string): number {
  const bytes = Buffer.from(key)
  return keySlot(bytes, 0, bytes.length)
}

/** A reply or push on one line: lengths left out. */
async function line(client: RawClient): Promise<string> {
  const frame = await client.readReply()
  const parts = frame.toString('latin1').split('\r\n')
  return parts
    .filter((part) => !/^\$\d/.test(part))
    .join(' ')
    .trim()
}

/** What a single server and the proxy must answer alike, byte for byte; one client each, and `>` is what another client sends. */
const SCRIPT: readonly string[] = [
  'SUBSCRIBE a b a',
  '> PUBLISH b hello',
  'PING',
  'PING word',
  'PING too many',
  'GET',
  'GET x',
  'CLIENT LIST',
  'MULTI',
  'SUBSCRIBE',
  'PSUBSCRIBE [ab] h?llo* a',
  '> PUBLISH a both',
  'UNSUBSCRIBE none a',
  '> PUBLISH a pattern',
  'SSUBSCRIBE shard',
  '> SPUBLISH shard sharded',
  'SUNSUBSCRIBE',
  'SUNSUBSCRIBE shard',
  'PUNSUBSCRIBE',
  'UNSUBSCRIBE',
  'UNSUBSCRIBE',
  'GET x',
  'SUBSCRIBE again',
  'RESET',
  'GET x',
  'PUBSUB NUMPAT extra',
  'PUBSUB CHANNELS a b',
  'PUBSUB NOSUCH',
  'PUBSUB',
  'SUBSCRIBE last',
  'QUIT',
]

describe('subscriptions, on a real cluster', needsServer, () => {
  let cluster: RealCluster
  let running: Proxied
  const clients: RawClient[] = []

  before(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 })
    running = await startProxy({ nodes: cluster.addresses, refreshInterval: 1000 })
  })

  after(async () => {
    for (const each of clients) each.stream.destroy()
    await running?.proxy.shutdown({ timeout: 0 })
    await cluster?.stop()
  })

  async function client(protocol: 2 | 3 = 2): Promise<RawClient> {
    const made = await connect(running.port)
    clients.push(made)
    if (protocol === 3) await made.call('HELLO', '3')
    return made
  }

  function gap(): Promise<SubscriptionGapEvent> {
    return once(running.proxy, 'subscriptionGap', { signal: AbortSignal.timeout(LIMIT) }).then(
      ([event]) => event
    )
  }

  /** What a client sees while the script is carried out, up to its end. */
  async function seen(port: number, protocol: 2 | 3): Promise<string[]> {
    const [one, other] = [await connect(port), await connect(port)]
    if (protocol === 3) await one.call('HELLO', '3')
    let bytes = ''
    one.stream.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1')
    })
    const steps: string[] = []
    for (const words of SCRIPT) {
      if (protocol === 3 && /^(?:MULTI|CLIENT LIST)$/.test(words)) continue
      bytes = ''
      const sends = words.startsWith('> ')
      if (sends) await other.call(...words.slice(2).split(' '))
      else one.send(`${words}\r\n`)
      // A message or an unknown number of replies: what follows it tells that all has come.
      const want = words === 'QUIT' ? '+OK\r\n' : `marker ${steps.length}`
      if (words !== 'QUIT') {
        await new Promise((resolve) => setTimeout(resolve, sends ? 50 : 0))
        one.send(`PING "${want}"\r\n`)
      }
      while (!bytes.includes(want)) await once(one.stream, 'data')
      steps.push(`${words}: ${bytes}`)
    }
    other.stream.destroy()
    await one.closed
    return steps
  }

  for (const protocol of [2, 3] as const) {
    it(`are answered as by a single server, byte for byte (RESP${protocol})`, async () => {
      await using server = await startServer()
      const [ours, theirs] = await Promise.all([
        seen(running.port, protocol),
        seen(server.port, protocol),
      ])
      // Several channels or patterns of one client come in the order of the server's hash table.
      const sorted = (step: string): string =>
        /^(?:P?UNSUB|> PUB)/.test(step) ? [...step].sort().join('') : step
      // Who is subscribed to nothing may leave nothing at Valkey 8.0.1 alone (valkey-io/valkey#1265 took that back); the proxy lets it, as all others.
      const agreed = (_: string, i: number): boolean => !theirs[i]!.includes(': -NOSUB ')
      assert.deepEqual(ours.filter(agreed).map(sorted), theirs.filter(agreed).map(sorted))
      assert.equal(ours.length, theirs.length)
    })

    it(`what is published at any node arrives once, in order (RESP${protocol})`, async () => {
      const one = await client(protocol)
      await one.call('SUBSCRIBE', 'news')
      await one.call('PSUBSCRIBE', 'n*')
      const type = protocol === 3 ? '>' : '*'
      for (const [i, node] of cluster.nodes.entries()) {
        await node.call('PUBLISH', 'news', `m${i}`)
        const both = [await line(one), await line(one)]
        assert.deepEqual(both.sort(), [
          `${type}3 message news m${i}`,
          `${type}4 pmessage n* news m${i}`,
        ])
      }
      const publisher = await client()
      publisher.send(['PUBLISH', 'news', 'first'])
      publisher.send(['PUBLISH', 'news', 'second'])
      const four = [await line(one), await line(one), await line(one), await line(one)]
      assert.deepEqual(
        four.map((each) => each.split(' ').at(-1)),
        ['first', 'first', 'second', 'second']
      )
    })
  }

  it('E4.18 notifications come from every master', async () => {
    for (const node of cluster.nodes)
      await node.call('CONFIG', 'SET', 'notify-keyspace-events', 'KEA')
    const [events, all, writer] = [await client(), await client(3), await client()]
    await events.call('SUBSCRIBE', '__keyevent@0__:set')
    await all.call('PSUBSCRIBE', '*')
    const keys = cluster.masters.map((_, i) => ['a', 'b', 'c'][i]!)
    const owners = new Set<RealNode>()
    for (const key of keys) {
      owners.add(await cluster.ownerOf(slotOf(key)))
      await writer.call('SET', key, '1')
      assert.equal(await line(events), `*3 message __keyevent@0__:set ${key}`)
      assert.deepEqual([await line(all), await line(all)].sort(), [
        `>4 pmessage * __keyevent@0__:set ${key}`,
        `>4 pmessage * __keyspace@0__:${key} set`,
      ])
    }
    assert.equal(owners.size, 3)
    await writer.call('PUBLISH', 'plain', 'once')
    await writer.call('PUBLISH', 'plain', 'twice')
    assert.equal(await line(all), '>4 pmessage * plain once')
    assert.equal(await line(all), '>4 pmessage * plain twice')
    for (const node of cluster.nodes) await node.call('CONFIG', 'SET', 'notify-keyspace-events', '')
  })

  it('E9.9 a shard channel follows its slot', async () => {
    const [one, publisher] = [await client(3), await client()]
    await one.call('SSUBSCRIBE', 'wander')
    const slot = slotOf('wander')
    for (let round = 0; round < 2; round++) {
      const owner = await cluster.ownerOf(slot)
      const other = cluster.masters.find((node) => node !== owner)!
      const moved = gap()
      await cluster.migrateSlot(slot, owner, other)
      const { shardChannels, reason } = await moved
      assert.deepEqual([shardChannels.map(String), reason], [['wander'], 'slots moved'])
      assert.equal(await publisher.ask('SPUBLISH', 'wander', `round ${round}`), 1)
      assert.equal(await line(one), `>3 smessage wander round ${round}`)
    }
  })

  it('E9.11 PUBSUB counts the clients of the proxy, and not its own connections', async () => {
    const [one, two, asker] = [await client(), await client(3), await client()]
    await one.call('SUBSCRIBE', 'counted')
    await two.call('SUBSCRIBE', 'counted')
    await two.call('PSUBSCRIBE', '__key*:counted')
    const patterns = Number(await asker.ask('PUBSUB', 'NUMPAT'))
    await one.call('PSUBSCRIBE', '__key*:counted')
    const stranger = await cluster.masters[1]!.call('PUBSUB', 'NUMSUB', 'counted')
    assert.ok(Array.isArray(stranger))
    assert.deepEqual(await asker.ask('PUBSUB', 'NUMSUB', 'counted', 'none'), [
      'counted',
      2,
      'none',
      0,
    ])
    assert.equal(await asker.ask('PUBSUB', 'NUMPAT'), patterns)
    assert.deepEqual(await asker.ask('PUBSUB', 'CHANNELS', 'count*'), ['counted'])
    await one.call('UNSUBSCRIBE')
    await two.call('UNSUBSCRIBE')
    assert.deepEqual(await asker.ask('PUBSUB', 'CHANNELS', 'count*'), [])
  })

  for (const protocol of [2, 3] as const) {
    it(`ioredis and node-redis subscribe, and leave (RESP${protocol})`, async () => {
      const { port } = running
      const subscriber = createClient({ socket: { port, host: '127.0.0.1' }, RESP: protocol })
      const publisher = new Redis({ port, host: '127.0.0.1', protocol })
      const other = new Redis({ port, host: '127.0.0.1', protocol })
      await subscriber.connect()
      const got: string[] = []
      let arrived = (): void => {}
      const note = (message: string, channel: string): void => {
        got.push(`${channel} ${message}`)
        arrived()
      }
      const until = async (count: number): Promise<void> => {
        while (got.length < count)
          await new Promise<void>((resolve) => {
            arrived = resolve
          })
      }
      await subscriber.subscribe('one', note)
      await subscriber.pSubscribe('o*', note)
      await subscriber.sSubscribe('shard', note)
      other.on('message', (channel, message) => note(message, `io ${channel}`))
      other.on('pmessage', (pattern, channel, message) => note(message, `io ${pattern} ${channel}`))
      other.on('smessage', (channel, message) => note(message, `io ${channel}`))
      assert.equal(await other.subscribe('one', 'two'), 2)
      assert.equal(await other.psubscribe('o*'), 3)
      assert.equal(await other.ssubscribe('shard'), 1)
      await publisher.publish('one', 'm')
      await publisher.spublish('shard', 's')
      await until(6)
      assert.deepEqual(got.sort(), [
        'io o* one m',
        'io one m',
        'io shard s',
        'one m',
        'one m',
        'shard s',
      ])
      await subscriber.unsubscribe('one')
      await subscriber.pUnsubscribe('o*')
      await subscriber.sUnsubscribe('shard')
      assert.equal(await other.unsubscribe('one', 'two'), 1)
      assert.equal(await other.punsubscribe(), 0)
      assert.equal(await other.sunsubscribe(), 0)
      assert.equal(String(await subscriber.ping()), 'PONG')
      assert.equal(await other.ping(), 'PONG')
      subscriber.destroy()
      for (const each of [publisher, other]) each.disconnect()
    })
  }

  it('E9.10 a gigabyte for a client that never reads costs it its connection, and the proxy no memory', {
    skip: process.platform === 'linux' ? false : 'the memory of a process is read from /proc',
  }, async () => {
    const port = await freePort()
    const program = ['--import', 'tsx', 'lib/cli/main.ts', '-p', String(port), ...cluster.addresses]
    const child = spawn(process.execPath, program, { stdio: ['ignore', 'ignore', 'inherit'] })
    try {
      const publisher = await listening(port)
      const [frozen, reader] = [await connect(port), await connect(port)]
      await frozen.call('SSUBSCRIBE', 'flood')
      await reader.call('SSUBSCRIBE', 'flood')
      frozen.stream.pause()
      const message = Buffer.alloc(MEBIBYTE, 'm')
      for (let i = 0; i < 256; i++) {
        for (let each = 0; each < 4; each++) publisher.send(['SPUBLISH', 'flood', message])
        for (let each = 0; each < 4; each++)
          await Promise.all([publisher.readReply(), reader.readReply()])
      }
      const list = String(await publisher.ask('CLIENT', 'LIST', 'TYPE', 'pubsub'))
      assert.equal(list.trimEnd().split('\n').length, 1)
      const most = Number(
        /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
      )
      assert.ok(most < 400 * 1024, `${most} kB at most`)
      for (const each of [publisher, frozen, reader]) each.stream.destroy()
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })

  it('E9.8 subscriptions survive the failovers of all masters, and are told as gaps', async () => {
    const [one, publisher] = [await client(3), await client()]
    const names = ['a', 'b', 'c']
    await one.call('SUBSCRIBE', 'kept')
    await one.call('PSUBSCRIBE', '__keyspace@0__:*')
    for (const name of names) await one.call('SSUBSCRIBE', name)
    // The cluster was formed so: each master with the replica of the same number.
    const pairs = cluster.masters.map((master, i) => [master, cluster.replicas[i]!] as const)
    for (const [master, replica] of pairs) {
      const told = gap()
      await master.kill()
      await cluster.failover(replica, 'TAKEOVER')
      await told
      await master.restart()
      await cluster.healthy()
    }
    // Whatever is subscribed to is so again, as a message of each tells.
    await publisher.call('PUBLISH', 'kept', 'still')
    assert.equal(await line(one), '>3 message kept still')
    for (const name of names) {
      await publisher.call('SPUBLISH', name, 'still')
      assert.equal(await line(one), `>3 smessage ${name} still`)
    }
  })
})

/** A client of a program that is starting. */
async function listening(port: number): Promise<RawClient> {
  for (;;) {
    const made = await connect(port).catch(() => undefined)
    if (made === undefined) continue
    const reply = String(await made.call('GET', 'x'))
    if (!reply.startsWith('-')) return made
    made.stream.destroy()
  }
}
