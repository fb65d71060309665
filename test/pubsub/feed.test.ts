import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import { Feed } from '../../lib/pubsub/feed.ts'
import { Topic } from '../../lib/pubsub/topic.ts'
import { encodeReply, Push } from '../../lib/resp/encode.ts'
import { endOfTurn, ScriptedNetwork } from '../cluster/scripted-socket.ts'

const PONG = '+PONG\r\n'
const push = (...items: (string | number)[]): string => String(encodeReply(new Push(items), 3))

describe('Feed', () => {
  let network: ScriptedNetwork
  let feed: Feed
  let told: string[]

  beforeEach(() => {
    network = new ScriptedNetwork()
    told = []
    const tell = (what: string, topic: Topic): void => {
      told.push(`${what} ${topic.name}`)
    }
    feed = new Feed({ name: 'node:1' } as ClusterNode, network.setup(), {
      onConfirmed: (from, topic) => {
        topic.sources.set(from, true)
        tell('confirmed', topic)
      },
      onRefused: (_, topic, bytes, start, end) =>
        tell(bytes.toString('latin1', start, end - 2), topic),
      onRevoked: (_, topic) => tell('revoked', topic),
      onMessage: (_, topic, found) => tell(`message on ${found.channel} for`, topic),
      onLost: (_, error) => told.push(`lost: ${error.code}`),
    })
  })

  const channel = (name: string): Topic => new Topic('channel', Buffer.from(name))

  async function answer(...bytes: string[]): Promise<string[]> {
    network.last.push(bytes.join(''))
    await endOfTurn()
    return told.splice(0)
  }

  async function open(): Promise<void> {
    network.last.open()
    await endOfTurn()
  }

  async function sent(): Promise<string> {
    await endOfTurn()
    return network.last
      .written()
      .split('\r\n')
      .filter((part) => part !== '' && !/^[*$]/.test(part))
      .join(' ')
  }

  it('subscribes once it is greeted, and asks behind each command for its end', async () => {
    feed.subscribe(channel('a'))
    feed.subscribe(channel('b'))
    feed.subscribe(channel('c'))
    feed.unsubscribe(channel('c'))
    assert.equal(await sent(), '')
    await open()
    assert.equal(await sent(), 'subscribe a PING subscribe b PING')
  })

  it('tells what is confirmed, refused, revoked and published', async () => {
    const [a, b] = [channel('a'), channel('b')]
    await open()
    feed.subscribe(a)
    feed.subscribe(b)
    await endOfTurn()
    assert.deepEqual(await answer(push('message', 'a', 'early')), [])
    assert.deepEqual(await answer(push('subscribe', 'a', 1), push('message', 'a', 'x'), PONG), [
      'confirmed a',
      'message on a for a',
    ])
    assert.deepEqual(await answer('-NOPERM no\r\n', PONG), ['-NOPERM no b'])
    assert.deepEqual([...feed.topics.values()], [a])
    assert.deepEqual(await answer(push('unsubscribe', 'a', 0)), ['revoked a'])
    assert.deepEqual(await answer(push('message', 'a', 'late'), push('other', 'a')), [])
  })

  it('is not misled when a topic is left and taken up again before the node has answered', async () => {
    const a = channel('a')
    await open()
    feed.subscribe(a)
    feed.unsubscribe(a)
    feed.subscribe(a)
    await endOfTurn()
    assert.deepEqual(await answer(push('subscribe', 'a', 1), PONG), [])
    assert.deepEqual(await answer(push('unsubscribe', 'a', 0), PONG), [])
    assert.deepEqual(await answer(push('subscribe', 'a', 1), PONG), ['confirmed a'])
  })

  it('needs no right to PING', async () => {
    const a = channel('a')
    await open()
    feed.subscribe(a)
    await endOfTurn()
    assert.deepEqual(await answer(push('subscribe', 'a', 1), '-NOPERM ping\r\n'), ['confirmed a'])
    feed.subscribe(channel('b'))
    await endOfTurn()
    assert.deepEqual(await answer('-NOPERM b\r\n', '-NOPERM ping\r\n'), ['-NOPERM b b'])
    feed.unsubscribe(a)
    await endOfTurn()
    assert.deepEqual(await answer('-MOVED 1 h:1\r\n', PONG), [])
  })

  it('ends when a subscription is answered by nothing', async () => {
    await open()
    feed.subscribe(channel('a'))
    await endOfTurn()
    assert.deepEqual(await answer(PONG), ['lost: NODE_PROTOCOL'])
    assert.equal(feed.greeted, false)
  })

  it('is settled when all that was asked for is answered, or never will be', async () => {
    await open()
    await feed.settled()
    for (const end of ['answered', 'lost', 'closed']) {
      feed.subscribe(channel(end))
      let settled = false
      const waiting = feed.settled().then(() => {
        settled = true
      })
      await endOfTurn()
      assert.equal(settled, false)
      if (end === 'answered') await answer(push('subscribe', end, 1), PONG)
      else if (end === 'lost') network.last.destroy()
      else feed.close()
      await waiting
      if (end === 'answered') continue
      feed = new Feed({ name: 'node:1' } as ClusterNode, network.setup(), {
        onConfirmed: () => {},
        onRefused: () => {},
        onRevoked: () => {},
        onMessage: () => {},
        onLost: () => {},
      })
      await open()
    }
  })

  it('asks a quiet node whether it is there, and is idle when it has nothing to do for long', async () => {
    await open()
    network.clock.now += 1000
    feed.check()
    assert.equal(await sent(), 'PING')
    assert.equal(feed.silence, 0)
    network.clock.now += 100
    assert.equal(feed.silence, 100)
    await answer(PONG)
    network.clock.now += 5000
    assert.equal(feed.idle, true)
    feed.check()
    assert.equal(feed.idle, false)
    network.clock.now += network.commandTimeout + 1
    feed.check()
    assert.deepEqual(told, ['lost: NODE_TIMEOUT'])
  })

  it('names what the node has confirmed', async () => {
    await open()
    feed.subscribe(channel('a'))
    feed.subscribe(new Topic('pattern', Buffer.from('p*')))
    await endOfTurn()
    await answer(push('subscribe', 'a', 1), PONG)
    assert.deepEqual([feed.names('channel'), feed.names('pattern')], [['a'], []])
    assert.equal(feed.has('channel', Buffer.from('a')), true)
    assert.equal(feed.has('pattern', Buffer.from('p*')), false)
    assert.equal(feed.has('shard', Buffer.from('a')), false)
  })
})
