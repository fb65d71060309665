import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { RawClient } from '../support/raw-client.ts'
import { leaveForGood, receivedBy, type Stage, setStage, until } from './stage.ts'

const NOPERM =
  '-NOPERM this user has no permissions to access one of the channels used as arguments\r\n'
const USERS = { alice: 'a-secret', bob: 'b-secret', carol: 'c-secret' } as const

function stageOf(): Promise<Stage> {
  const options = { credentials: { password: 'own' }, authFailureDelay: 0 }
  return setStage({ cluster: { masters: 2, password: 'own', users: USERS }, options })
}

/** A client of a user, in RESP3. */
async function clientOf(stage: Stage, user: keyof typeof USERS): Promise<RawClient> {
  const client = await stage.client()
  await client.call('HELLO', 3, 'AUTH', user, USERS[user])
  return client
}

/** Sends a command and gives its answer as text. */
async function said(client: RawClient, ...command: string[]): Promise<string> {
  return String(await client.call(...command))
}

/** The users as whom a channel was subscribed to, by the greetings of the connections. */
function listeners({ cluster }: Stage, channel: string): string[] {
  return cluster.nodes.flatMap(({ received }) =>
    received
      .filter(({ command }) => command[0]!.toLowerCase() === 'subscribe' && command[1] === channel)
      .map(({ connection }) => {
        const greeting = received.find((each) => each.connection === connection)!.command
        return greeting[greeting.indexOf('AUTH') + 1]!
      })
  )
}

/** Has the nodes lose all connections, among them those that users hear by. */
function cutOff({ cluster }: Stage): void {
  for (const { connections } of cluster.nodes) connections.kill()
}

describe('E13.2 E9 subscriptions of users of the cluster', () => {
  it('are on connections of the user, one for all clients that it has', async () => {
    await using stage = await stageOf()
    const [one, other, bob] = [
      await clientOf(stage, 'alice'),
      await clientOf(stage, 'alice'),
      await clientOf(stage, 'bob'),
    ]
    const plain = await stage.client()
    for (const client of [one, other, bob, plain]) await client.call('SUBSCRIBE', 'news')
    assert.deepEqual(listeners(stage, 'news').sort(), ['alice', 'bob', 'default'])
    await (await stage.client()).ask('PUBLISH', 'news', 'hello')
    for (const client of [one, other, bob, plain])
      assert.match(String(await client.readReply()), /news\r\n\$5\r\nhello\r\n$/)
  })

  it('are refused in the words of the nodes, all channels of one command or none', async () => {
    await using stage = await stageOf()
    for (const node of stage.cluster.nodes) node.answer('SUBSCRIBE other', NOPERM)
    const alice = await clientOf(stage, 'alice')
    assert.equal(await said(alice, 'SUBSCRIBE', 'news', 'other'), NOPERM)
    assert.match(await said(alice, 'SUBSCRIBE', 'news'), /\$4\r\nnews\r\n:1\r\n$/)
    assert.equal(stage.cluster.nodes.flatMap((node) => receivedBy(node, 'ACL')).length, 0)
  })

  it('end with the right to them, and the others of the user go on', async () => {
    await using stage = await stageOf()
    const [lost, kept, both] = [
      await clientOf(stage, 'alice'),
      await clientOf(stage, 'alice'),
      await clientOf(stage, 'alice'),
    ]
    await lost.call('SUBSCRIBE', 'secret')
    await kept.call('SUBSCRIBE', 'news')
    await both.pipeline([
      ['SUBSCRIBE', 'news'],
      ['PSUBSCRIBE', 'secret*'],
    ])
    const bob = await clientOf(stage, 'bob')
    await bob.call('SUBSCRIBE', 'news')
    const reasons: unknown[] = []
    stage.proxy.on('clientDisconnect', ({ reason }) => reasons.push(reason))
    for (const node of stage.cluster.nodes) {
      node.answer('SUBSCRIBE secret', NOPERM)
      node.answer('PSUBSCRIBE secret*', NOPERM)
    }
    let gaps = 0
    stage.proxy.on('subscriptionGap', () => gaps++)
    cutOff(stage)
    await until(stage.proxy, 'subscriptionGap', () => gaps === 2)
    await Promise.all([lost.closed, both.closed])
    const why = 'its user may not hear any more what it is subscribed to'
    assert.deepEqual(reasons, [why, why])
    await (await stage.client()).ask('PUBLISH', 'news', 'hello')
    for (const client of [kept, bob]) assert.match(String(await client.readReply()), /hello/)
  })

  it('end with the right of the proxy itself, for its own clients', async () => {
    await using stage = await stageOf()
    const plain = await stage.client()
    await plain.call('SUBSCRIBE', 'secret')
    for (const node of stage.cluster.nodes) node.answer('SUBSCRIBE secret', NOPERM)
    cutOff(stage)
    await plain.closed
  })

  it('end when the user is not let in any more, and for nobody else', async () => {
    await using stage = await stageOf()
    const [alice, bob] = [await clientOf(stage, 'alice'), await clientOf(stage, 'bob')]
    for (const client of [alice, bob]) await client.call('SUBSCRIBE', 'news')
    let gaps = 0
    stage.proxy.on('subscriptionGap', () => gaps++)
    for (const node of stage.cluster.nodes) node.setPassword('changed', 'alice')
    cutOff(stage)
    await Promise.all([alice.closed, until(stage.proxy, 'subscriptionGap', () => gaps === 1)])
    await (await stage.client()).ask('PUBLISH', 'news', 'hello')
    assert.match(String(await bob.readReply()), /hello/)
  })

  it('outlive a password that is replaced by another', async () => {
    await using stage = await stageOf()
    const alice = await clientOf(stage, 'alice')
    await alice.call('SUBSCRIBE', 'news')
    for (const node of stage.cluster.nodes) node.setPassword('changed', 'alice')
    assert.equal(await alice.ask('AUTH', 'alice', 'changed'), 'OK')
    await once(stage, () => cutOff(stage))
    await (await stage.client()).ask('PUBLISH', 'news', 'hello')
    assert.match(String(await alice.readReply()), /hello/)
  })

  it('of a client that becomes another user stay, each heard once, and their connections with them', async (t) => {
    await using stage = await stageOf()
    const client = await clientOf(stage, 'alice')
    await client.call('SUBSCRIBE', 'news')
    await client.call('HELLO', 3, 'AUTH', 'bob', USERS.bob)
    assert.match(await said(client, 'SUBSCRIBE', 'news'), /subscribe\r\n\$4\r\nnews\r\n:1\r\n$/)
    const plain = await stage.client()
    await plain.ask('PUBLISH', 'news', 'one')
    assert.match(String(await client.readReply()), /one/)
    assert.equal(await client.ask('ACL', 'WHOAMI'), 'bob')
    await passWith(stage, t)
    const again = once(stage, () => cutOff(stage))
    await again
    await plain.ask('PUBLISH', 'news', 'two')
    assert.match(String(await client.readReply()), /two/)
    assert.match(await said(client, 'UNSUBSCRIBE', 'news'), /unsubscribe\r\n\$4\r\nnews\r\n:0\r\n$/)
    assert.equal(await plain.ask('PUBLISH', 'news', 'three'), 0)
  })
})

/** Waits for the next gap that something brings about to be over. */
function once({ proxy }: Stage, cause: () => void): Promise<void> {
  let gaps = 0
  proxy.on('subscriptionGap', () => gaps++)
  cause()
  return until(proxy, 'subscriptionGap', () => gaps === 1)
}

/** Has so much time pass that the connections of a user are closed whose last client left now, or before. */
async function passWith(stage: Stage, t: TestContext): Promise<void> {
  const carol = await clientOf(stage, 'carol')
  await leaveForGood(stage, t, carol, stage.keyOf(0))
}
