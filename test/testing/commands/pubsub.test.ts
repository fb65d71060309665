import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fixture } from './fixture.ts'

describe('publish and subscribe of the fake', () => {
  const fixture = new Fixture({ masters: 2, replicas: 1 })
  const say = (...command: string[]): Promise<string> => fixture.say(...command)

  it('a message reaches subscribers at all nodes, and the reply counts those of one', async () => {
    const far = await fixture.connect(fixture.cluster.nodes[1])
    await far.call('HELLO', '3')
    assert.equal(
      (await far.call('SUBSCRIBE', 'news')).toString(),
      '>3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n'
    )
    assert.equal(await say('PUBLISH', 'news', 'hi'), ':0\r\n')
    assert.equal(
      (await far.readReply()).toString(),
      '>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n'
    )
    assert.equal((await far.call('PING')).toString(), '+PONG\r\n')
  })

  it('a pattern is told which one it was', async () => {
    const near = await fixture.connect()
    await near.call('PSUBSCRIBE', 'n*')
    assert.equal(await say('PUBSUB', 'NUMPAT'), ':1\r\n')
    assert.equal(await say('PUBLISH', 'news', 'hi'), ':1\r\n')
    assert.deepEqual(
      String(await near.readReply())
        .split('\r\n')
        .filter((_, i) => i % 2 === 0),
      ['*4', 'pmessage', 'n*', 'news', 'hi']
    )
  })

  it('a RESP2 subscriber may do little else until it has left', async () => {
    fixture.client.send('SUBSCRIBE a b\r\n')
    await fixture.client.readReply()
    await fixture.client.readReply()
    assert.match(await say('DBSIZE'), /^-ERR Can't execute 'dbsize': only/)
    assert.equal(await say('PING'), '*2\r\n$4\r\npong\r\n$0\r\n\r\n')
    fixture.client.send('UNSUBSCRIBE\r\n')
    await fixture.client.readReply()
    await fixture.client.readReply()
    assert.equal(await say('PING'), '+PONG\r\n')
    assert.equal(await say('UNSUBSCRIBE'), '*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n')
  })

  it('a sharded channel lives at the node of its slot', async () => {
    const owner = fixture.cluster.owner('news')
    const other = fixture.cluster.masters.find((node) => node !== owner)!
    const here = await fixture.connect(owner)
    const there = await fixture.connect(other)
    await assert.rejects(there.ask('SSUBSCRIBE', 'news'), /MOVED/)
    await here.call('SSUBSCRIBE', 'news')
    const sender = await fixture.connect(owner)
    assert.equal(await sender.ask('SPUBLISH', 'news', 'hi'), 1)
    assert.match(String(await here.readReply()), /smessage/)
    assert.deepEqual(await sender.ask('PUBSUB', 'SHARDNUMSUB', 'news'), ['news', 1])
    assert.deepEqual(await sender.ask('PUBSUB', 'SHARDCHANNELS'), ['news'])
    assert.deepEqual(await sender.ask('PUBSUB', 'CHANNELS'), [])
  })
})
