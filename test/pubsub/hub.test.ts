import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { ClusterNode } from '../../lib/cluster/node.ts'
import type { SubscriptionGapEvent } from '../../lib/events.ts'
import { Hub } from '../../lib/pubsub/hub.ts'
import type { Subscriber, Topic } from '../../lib/pubsub/topic.ts'
import { encodeReply, type ProtocolVersion, Push } from '../../lib/resp/encode.ts'
import { endOfTurn, ScriptedNetwork } from '../cluster/scripted-socket.ts'

const PONG = '+PONG\r\n'
const push = (...items: (string | number)[]): string => String(encodeReply(new Push(items), 3))

/** A client that keeps the very buffers that it is given. */
class Keeper implements Subscriber {
  readonly protocol: ProtocolVersion
  readonly got: Buffer[] = []
  lost = false

  constructor(protocol: ProtocolVersion) {
    this.protocol = protocol
  }

  push(bytes: Buffer): void {
    this.got.push(bytes)
  }

  interrupted(): void {}

  denied(): void {
    this.lost = true
  }
}

describe('Hub', () => {
  let network: ScriptedNetwork
  let hub: Hub
  let gaps: SubscriptionGapEvent[]
  /** Has time pass, which stands still otherwise. */
  let pass: (milliseconds: number) => void
  const node = { name: 'node:1', status: 'up' } as ClusterNode

  beforeEach(() => {
    network = new ScriptedNetwork()
    gaps = []
    Object.assign(network.clock, {
      onTick: (task: () => void) => {
        pass = (milliseconds) => {
          network.clock.now += milliseconds
          task()
        }
        return () => {}
      },
    })
    const guide = {
      clock: network.clock,
      topology: { version: 0, nodes: [], coveredSlots: 0 },
      generation: 0,
      reconnectMinDelay: 10,
      reconnectMaxDelay: 10,
      owner: () => node,
      masters: () => [node],
      setup: network.setup,
      redirected: () => {},
      refresh: () => {},
    }
    const settings = { connectTimeout: 50, retryBudget: 50, onSubscriptionGap: 'keep' } as const
    hub = new Hub(settings, guide, {
      wants: () => true,
      emit: (...[, event]) => {
        gaps.push(event as SubscriptionGapEvent)
      },
    })
  })

  /** Has a client subscribe; resolves with the topics, or rejects with the error text. */
  function enter(who: Subscriber, ...names: string[]): Promise<readonly Topic[]> {
    return new Promise((resolve, reject) => {
      const bytes = names.map((name) => Buffer.from(name))
      hub.enter('channel', bytes, (topics, error) => {
        if (error !== undefined) reject(new Error(error))
        for (const topic of topics) topic.subscribers.add(who)
        resolve(topics)
      })
    })
  }

  async function opened(): Promise<void> {
    network.last.open()
    await endOfTurn()
  }

  it('hands one buffer to all subscribers of a protocol version', async () => {
    const clients = [2, 3, 2, 3].map((protocol) => new Keeper(protocol as ProtocolVersion))
    const entering = Promise.all(clients.map((each) => enter(each, 'a')))
    await opened()
    network.last.push(push('subscribe', 'a', 1) + PONG)
    await entering
    network.last.push(push('message', 'a', 'hello'))
    await endOfTurn()
    const [one, two, three, four] = clients.map(({ got }) => got[0])
    assert.equal(one, three)
    assert.equal(two, four)
    assert.equal(String(two), push('message', 'a', 'hello'))
    assert.equal(String(one), push('message', 'a', 'hello').replace('>', '*'))
    assert.equal(network.sockets.length, 1)
    assert.equal(network.last.written().match(/subscribe/g)?.length, 1)
    hub.close()
  })

  it('keeps nothing of a hundred thousand that came and went, before or after their confirmation', async () => {
    const client = new Keeper(3)
    const [stays] = await Promise.all([
      enter(client, 'stays'),
      opened().then(() => network.last.push(push('subscribe', 'stays', 1) + PONG)),
    ])
    for (let batch = 0; batch < 100; batch++) {
      const names = Array.from({ length: 1000 }, (_, i) => `${batch} ${i}`)
      const early = names.slice(500).map((name) => {
        const entry = hub.enter('channel', [Buffer.from(name)], () => {})
        entry.end('left')
        return name
      })
      const entering = enter(client, ...names.slice(0, 500))
      await endOfTurn()
      const confirmations = [
        ...early.flatMap((name) => [push('subscribe', name, 1), push('unsubscribe', name, 1)]),
        ...names.slice(0, 500).map((name) => push('subscribe', name, 1)),
      ]
      network.last.push(confirmations.map((each) => each + PONG).join(''))
      const topics = await entering
      for (const topic of topics) topic.leave(client)
      await endOfTurn()
      network.last.push(
        topics.map(({ name }) => push('unsubscribe', String(name), 1) + PONG).join('')
      )
      await endOfTurn()
      network.last.written()
    }
    assert.deepEqual([...hub.topics('channel')], stays)
    const [feed] = hub.feeds()
    assert.deepEqual([...feed!.topics.values()], stays)
    await hub.settled()
    assert.equal(network.sockets.length, 1)
    hub.close()
  })

  it('tells a gap when a lost connection is replaced', async () => {
    const client = new Keeper(3)
    const entering = enter(client, 'a', 'b')
    await opened()
    network.last.push(push('subscribe', 'a', 1) + PONG + push('subscribe', 'b', 2) + PONG)
    await entering
    network.last.destroy()
    await endOfTurn()
    assert.deepEqual([network.sockets.length, gaps.length], [1, 0])
    pass(20)
    assert.equal(network.sockets.length, 2)
    await opened()
    network.last.push(push('subscribe', 'a', 1) + PONG)
    await endOfTurn()
    assert.equal(gaps.length, 0)
    network.last.push(push('subscribe', 'b', 1) + PONG)
    await endOfTurn()
    assert.deepEqual(gaps[0]?.channels.map(String), ['a', 'b'])
    assert.deepEqual([gaps[0]?.node, gaps[0]?.duration], ['node:1', 20])
    hub.close()
  })

  it('gives up who has waited for long enough', async () => {
    const waiting = enter(new Keeper(2), 'a')
    pass(90)
    pass(20)
    await assert.rejects(waiting, /CLUSTERDOWN/)
    hub.close()
  })

  it('lets nobody in any more when it is closed, and those go who wait', async () => {
    const waiting = enter(new Keeper(2), 'a')
    hub.close()
    await assert.rejects(waiting, /shutting down/)
    await assert.rejects(enter(new Keeper(2), 'b'), /shutting down/)
  })
})
