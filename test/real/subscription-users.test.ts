import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'
import { needsServer } from '../support/server-available.ts'
import { type Proxied, startProxy } from './proxied.ts'

/** In the words of 7.0, or those since 7.2. */
const CHANNEL =
  /^-NOPERM (this user has no permissions to access one of the channels used as arguments|No permissions to access a channel)\r\n$/

describe('subscriptions of users of a real cluster', needsServer, () => {
  let cluster: RealCluster
  let running: Proxied

  /** As on every node, since nodes do not tell each other. */
  async function everywhere(...command: string[]): Promise<void> {
    for (const node of cluster.nodes) await node.call(...command)
  }

  before(async () => {
    cluster = await startCluster({ password: 'inner', replicas: 0 })
    // The proxy itself may hear nothing, and may not ask what others may.
    await everywhere(
      ...['ACL', 'SETUSER', 'proxy', 'on', '>proxy-secret', '~*', 'resetchannels', '+@all'],
      ...['-acl|getuser', '+acl|whoami']
    )
    running = await startProxy({
      nodes: cluster.addresses[0]!,
      credentials: { username: 'proxy', password: 'proxy-secret' },
      authFailureDelay: 0,
    })
  })

  after(async () => {
    await running?.proxy.shutdown({ timeout: 0 })
    await cluster?.stop()
  })

  /** Makes a user anew, and gives a client that is it. */
  async function user(name: string, ...rules: string[]): Promise<RawClient> {
    await everywhere('ACL', 'SETUSER', name, 'reset', 'on', '>secret', ...rules)
    return again(name)
  }

  async function again(name: string): Promise<RawClient> {
    const client = await connect(running.port)
    assert.match(String(await client.call('HELLO', '3', 'AUTH', name, 'secret')), /proto/)
    return client
  }

  async function said(client: RawClient, ...command: string[]): Promise<string> {
    return String(await client.call(...command))
  }

  const publish = (channel: string): Promise<unknown> =>
    cluster.nodes[2]!.call('PUBLISH', channel, 'hello')

  it('are what the nodes let the user hear, whatever the proxy may', async () => {
    await using news = await user('news', '+@all', 'resetchannels', '&news.*', '&exact')
    assert.match(await said(news, 'SUBSCRIBE', 'other'), CHANNEL)
    assert.match(await said(news, 'SUBSCRIBE', 'news.1', 'other'), CHANNEL)
    assert.match(await said(news, 'PSUBSCRIBE', 'news.1*'), CHANNEL)
    assert.match(await said(news, 'SSUBSCRIBE', 'other'), CHANNEL)
    assert.match(await said(news, 'SUBSCRIBE', 'news.1'), /:1\r\n$/)
    assert.match(await said(news, 'PSUBSCRIBE', 'news.*'), /:2\r\n$/)
    assert.match(await said(news, 'SSUBSCRIBE', 'exact'), /:1\r\n$/)
    await publish('news.1')
    const heard = [String(await news.readReply()), String(await news.readReply())].sort()
    assert.match(heard[0]!, /^>3\r\n\$7\r\nmessage/)
    assert.match(heard[1]!, /^>4\r\n\$8\r\npmessage/)
    await using plain = await connect(running.port)
    assert.match(await said(plain, 'SUBSCRIBE', 'news.1'), CHANNEL)
  })

  it('take selectors for what they are: a command and its channels together', async () => {
    const rules = ['-@all', '+hello', '&a', '(+subscribe resetchannels &b)', '(+psubscribe &p*)']
    await using client = await user('chosen', 'resetchannels', ...rules)
    assert.match(await said(client, 'SUBSCRIBE', 'b'), /:1\r\n$/)
    assert.match(await said(client, 'SUBSCRIBE', 'a'), /^-NOPERM/)
    assert.match(await said(client, 'SUBSCRIBE', 'p1'), /^-NOPERM/)
    assert.match(await said(client, 'PSUBSCRIBE', 'p*'), /:2\r\n$/)
    assert.match(await said(client, 'SSUBSCRIBE', 'b'), /^-NOPERM.*'ssubscribe'/)
    await publish('b')
    assert.match(String(await client.readReply()), /hello/)
  })

  it('end with the right to them, and the others of the user go on', async () => {
    await using lost = await user('pair', '+@all', 'resetchannels', '&one', '&two')
    await using kept = await again('pair')
    await lost.call('SUBSCRIBE', 'one')
    await kept.call('SUBSCRIBE', 'two')
    const whole = new Promise((resolve) => running.proxy.once('subscriptionGap', resolve))
    await everywhere('ACL', 'SETUSER', 'pair', 'resetchannels', '&two')
    await Promise.all([lost.closed, whole])
    await publish('two')
    assert.match(String(await kept.readReply()), /hello/)
  })

  it('end with the user', async () => {
    await using gone = await user('brief', '+@all', 'allchannels')
    await gone.call('SUBSCRIBE', 'c')
    await everywhere('ACL', 'DELUSER', 'brief')
    await gone.closed
  })

  it('need no right but that to subscribe', async () => {
    await using client = await user('bare', '-@all', '+subscribe', 'resetchannels', '&c')
    assert.match(await said(client, 'SUBSCRIBE', 'c'), /:1\r\n$/)
    await publish('c')
    assert.match(String(await client.readReply()), /hello/)
  })

  it('are counted by PUBSUB as those of any other client', async () => {
    await using one = await user('count1', '+@all', 'allchannels')
    await using other = await user('count2', '+@all', 'allchannels')
    await using third = await again('count2')
    for (const client of [one, other, third]) {
      await client.call('SUBSCRIBE', 'counted')
      await client.call('SSUBSCRIBE', 'counted')
      await client.call('PSUBSCRIBE', 'counted*')
    }
    await using asks = await connect(running.port)
    assert.deepEqual(await asks.ask('PUBSUB', 'NUMSUB', 'counted'), ['counted', 3])
    assert.deepEqual(await asks.ask('PUBSUB', 'SHARDNUMSUB', 'counted'), ['counted', 3])
    assert.deepEqual(await asks.ask('PUBSUB', 'CHANNELS', 'counted'), ['counted'])
    assert.deepEqual(await asks.ask('PUBSUB', 'SHARDCHANNELS', 'counted'), ['counted'])
    const patterns = Number(await asks.ask('PUBSUB', 'NUMPAT'))
    await third.call('PUNSUBSCRIBE')
    assert.equal(Number(await asks.ask('PUBSUB', 'NUMPAT')), patterns)
    await one.call('PUNSUBSCRIBE')
    await other.call('PUNSUBSCRIBE')
    assert.equal(Number(await asks.ask('PUBSUB', 'NUMPAT')), patterns - 1)
  })
})
