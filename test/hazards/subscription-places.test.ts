import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { SubscriptionGapEvent } from '../../lib/index.ts'
import type { FakeNode } from '../../lib/testing/index.ts'
import type { RawClient } from '../support/raw-client.ts'
import { receivedBy, type Stage, setStage, until } from './stage.ts'

const LIMIT = 10_000
const ALWAYS = { times: Number.POSITIVE_INFINITY }

/** The next reply or push on one line: lengths left out. */
async function line(client: RawClient): Promise<string> {
  const parts = (await client.readReply()).toString('latin1').split('\r\n')
  return parts
    .filter((part) => !/^\$\d/.test(part))
    .join(' ')
    .trim()
}

function gap(stage: Stage): Promise<SubscriptionGapEvent> {
  return once(stage.proxy, 'subscriptionGap', { signal: AbortSignal.timeout(LIMIT) }).then(
    ([event]) => event
  )
}

/** The node on which the proxy subscribed to a channel last. */
function homeOf(stage: Stage, channel: string): FakeNode {
  const homes = stage.cluster.nodes.filter((node) =>
    receivedBy(node, 'SUBSCRIBE').includes(`subscribe ${channel}`)
  )
  return homes.at(-1)!
}

describe('where the proxy subscribes', () => {
  it('E4.18 a master that cannot be reached keeps nobody from the notifications of the others', async () => {
    await using stage = await setStage({
      cluster: { masters: 3 },
      options: { retryBudget: 300, connectTimeout: 200 },
    })
    const client = await stage.client()
    const [one, two, three] = stage.cluster.nodes
    await three!.stop()
    client.send(['PSUBSCRIBE', '__keyspace@0__:*'])
    assert.equal(await line(client), '*3 psubscribe __keyspace@0__:* :1')
    for (const node of [one!, two!]) {
      node.notify('__keyspace@0__:x', 'set')
      assert.match(await line(client), /x set$/)
    }
    const told = gap(stage)
    await three!.start()
    assert.deepEqual((await told).patterns.map(String), ['__keyspace@0__:*'])
    three!.notify('__keyspace@0__:y', 'set')
    assert.match(await line(client), /y set$/)
  })

  it('E9.8 a node that leaves the cluster is left', async () => {
    await using stage = await setStage({
      cluster: { masters: 3 },
      options: { refreshInterval: 100 },
    })
    const client = await stage.client()
    await client.call('SUBSCRIBE', 'a')
    const home = homeOf(stage, 'a')
    const rest = stage.cluster.nodes.filter((node) => node !== home)
    const told = gap(stage)
    stage.cluster.setCoverage(false)
    const moving = Array.from({ length: 16_384 }, (_, slot) => slot).filter(
      (slot) => stage.cluster.owner(slot) === home
    )
    for (const slot of moving) stage.cluster.setSlot(slot, rest[0]!)
    await stage.cluster.removeNode(home)
    await told
    rest[1]!.execute('PUBLISH', 'a', 'still')
    assert.equal(await line(client), '*3 message a still')
  })

  it('E9.8 a home that becomes a replica goes on, since what is published reaches replicas too', async () => {
    await using stage = await setStage({
      cluster: { masters: 2, replicas: 1 },
      options: { refreshInterval: 100 },
    })
    const [client, asker] = await stage.clients(2)
    await client!.call('SUBSCRIBE', 'a')
    const gaps: SubscriptionGapEvent[] = []
    stage.proxy.on('subscriptionGap', (event) => gaps.push(event))
    const home = homeOf(stage, 'a')
    const changed = once(stage.proxy, 'topologyChange')
    stage.cluster.failover(stage.cluster.replicasOf(home)[0]!)
    await changed
    for (const node of stage.cluster.nodes) {
      node.execute('PUBLISH', 'a', node.id)
      assert.equal(await line(client!), `*3 message a ${node.id}`)
    }
    assert.deepEqual(gaps, [])
    assert.deepEqual(await asker!.ask('PUBSUB', 'NUMSUB', 'a'), ['a', 1])
    assert.deepEqual(await asker!.ask('PUBSUB', 'CHANNELS'), ['a'])
  })

  it('E9.9 a shard channel of a slot that nobody serves waits until somebody does', async () => {
    await using stage = await setStage({ options: { refreshInterval: 100 } })
    const client = await stage.client()
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    stage.cluster.setCoverage(false)
    stage.cluster.unassign(slot)
    client.send(['SSUBSCRIBE', key])
    await stage.cluster.waitFor('SSUBSCRIBE')
    stage.cluster.setSlot(slot, 1)
    assert.equal(await line(client), `*3 ssubscribe ${key} :1`)
    stage.cluster.node(1).execute('SPUBLISH', key, 'one')
    assert.equal(await line(client), `*3 smessage ${key} one`)
  })

  it('E9.9 redirects without end are an error in time, and no storm', async () => {
    await using stage = await setStage({
      options: { retryBudget: 400, connectTimeout: 100, refreshInterval: 60_000 },
    })
    const client = await stage.client()
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    const [one, two] = stage.cluster.nodes
    one!.answer('SSUBSCRIBE', `-MOVED ${slot} ${two!.address}\r\n`, ALWAYS)
    two!.answer('SSUBSCRIBE', `-MOVED ${slot} ${one!.address}\r\n`, ALWAYS)
    assert.match(
      String(await client.call('SSUBSCRIBE', key)),
      /^-ERR Too many cluster redirections\. Last: MOVED /
    )
    const asked = stage.cluster.nodes.flatMap((node) => receivedBy(node, 'SSUBSCRIBE'))
    assert.ok(asked.length < 40, `${asked.length} were sent`)
  })

  it('E13.5 a node that wants to be greeted again is greeted again', async () => {
    await using stage = await setStage({ cluster: { masters: 1 } })
    const client = await stage.client()
    const node = stage.cluster.nodes[0]!
    node.answer('SUBSCRIBE', '-NOAUTH Authentication required.\r\n', { times: 1 })
    client.send(['SUBSCRIBE', 'a'])
    assert.equal(await line(client), '*3 subscribe a :1')
    node.execute('PUBLISH', 'a', 'one')
    assert.equal(await line(client), '*3 message a one')
  })

  it('E8.7 E9.5 RESET behind a subscription that is not confirmed comes behind its confirmation, and no message does', async () => {
    await using stage = await setStage()
    const [client, other] = await stage.clients(2)
    const key = stage.keyOf(0)
    for (const node of stage.cluster.nodes) node.pause()
    const replies = client!.pipeline([
      ['SUBSCRIBE', 'a'],
      ['RESET'],
      ['MULTI'],
      ['GET', key],
      ['EXEC'],
    ])
    while (stage.proxy.stats().commands === 0) await new Promise(setImmediate)
    for (const node of stage.cluster.nodes) node.resume()
    const right = ['*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n', '+RESET\r\n', '+OK\r\n']
    assert.deepEqual((await replies).map(String), [...right, '+QUEUED\r\n', '*1\r\n$-1\r\n'])
    await other!.ask('PUBLISH', 'a', 'never')
    assert.equal(await client!.ask('PING'), 'PONG')
    assert.deepEqual(await other!.ask('PUBSUB', 'CHANNELS'), [])
  })

  it('E9.13 who leaves while it waits for its confirmation is forgotten, and what it sent behind is not carried out', async () => {
    await using stage = await setStage()
    const [client, other] = await stage.clients(2)
    const key = stage.keyOf(0)
    for (const node of stage.cluster.nodes) node.pause()
    client!.send(['SUBSCRIBE', 'a'])
    client!.send(['INCR', key])
    while (stage.proxy.stats().commands === 0) await new Promise(setImmediate)
    const gone = new Promise((resolve) => stage.proxy.once('clientDisconnect', resolve))
    const socket = client!.stream as Socket
    socket.resetAndDestroy()
    await gone
    for (const node of stage.cluster.nodes) node.resume()
    assert.deepEqual(await other!.ask('PUBSUB', 'CHANNELS'), [])
    assert.equal(await other!.ask('GET', key), null)
  })

  it('E17.1 a proxy that is shut down lets its subscribers go, those too that wait', async () => {
    const stage = await setStage()
    const [one, two] = await stage.clients(2)
    await one!.call('SUBSCRIBE', 'a')
    for (const node of stage.cluster.nodes) node.pause()
    two!.send(['SUBSCRIBE', 'b'])
    await until(stage.cluster.nodes[0]!, 'command', () => true)
    const ended = stage[Symbol.asyncDispose]()
    await Promise.all([one!.closed, two!.closed, ended])
  })

  it('E9 connections that nobody needs any more are closed', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const client = await stage.client()
    await client.call('PSUBSCRIBE', '__key*')
    const counts = stage.cluster.nodes.map((node) => node.connections.count)
    await client.call('PUNSUBSCRIBE')
    await Promise.all(stage.cluster.nodes.map((node) => once(node, 'disconnect')))
    const after = stage.cluster.nodes.map((node) => node.connections.count)
    assert.deepEqual(
      after,
      counts.map((count) => count - 1)
    )
  })
})
