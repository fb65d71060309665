import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fixture } from './fixture.ts'

describe('blocking pops of the fake', () => {
  const fixture = new Fixture({ masters: 2, replicas: 1 })

  /** A client that waits in a command; wrapped, so that awaiting this does not await the reply. */
  async function blocked(...command: string[]): Promise<{ reply: Promise<Buffer> }> {
    const owner = fixture.cluster.owner('l')
    const client = await fixture.connect(owner)
    const received = owner.waitFor(command[0]!)
    const reply = client.call(...command)
    reply.catch(() => {})
    await received
    return { reply }
  }

  it('wake up when something comes, the first first', async () => {
    const first = await blocked('BLPOP', 'l', '0')
    const second = await blocked('BRPOP', 'l', '{l}', '0')
    fixture.cluster.execute('RPUSH', 'l', 'a', 'b')
    assert.equal(String(await first.reply), '*2\r\n$1\r\nl\r\n$1\r\na\r\n')
    assert.equal(String(await second.reply), '*2\r\n$1\r\nl\r\n$1\r\nb\r\n')
  })

  it('feed one another', async () => {
    const last = await blocked('BLPOP', '{l}2', '0')
    const move = await blocked('BLMOVE', 'l', '{l}2', 'LEFT', 'RIGHT', '0')
    fixture.cluster.execute('LPUSH', 'l', 'a')
    assert.equal(String(await move.reply), '$1\r\na\r\n')
    assert.equal(String(await last.reply), '*2\r\n$4\r\n{l}2\r\n$1\r\na\r\n')
  })

  it('end with nothing when their time is over', async () => {
    const { reply } = await blocked('BLPOP', 'l', '0.01')
    assert.equal(String(await reply), '*-1\r\n')
  })

  it('hold back the commands that come behind them', async () => {
    const owner = fixture.cluster.owner('l')
    const client = await fixture.connect(owner)
    const replies = client.pipeline([['BLPOP', 'l', '0'], ['PING']])
    await owner.waitFor('BLPOP')
    assert.equal(owner.connections.blocked, 1)
    fixture.cluster.execute('RPUSH', 'l', 'a')
    assert.deepEqual((await replies).map(String), ['*2\r\n$1\r\nl\r\n$1\r\na\r\n', '+PONG\r\n'])
  })

  it('are redirected when their slot leaves', async () => {
    const { reply } = await blocked('BLPOP', 'l', '0')
    const slot = fixture.cluster.slotOf('l')
    const target = fixture.cluster.masters.find((node) => node !== fixture.cluster.owner('l'))!
    fixture.cluster.migrate(slot, target)
    assert.equal(String(await reply), `-MOVED ${slot} ${target.address}\r\n`)
  })

  it('are told when the cluster goes down', async () => {
    const { reply } = await blocked('BLPOP', 'l', '0')
    fixture.cluster.clusterDown(true)
    assert.equal(String(await reply), '-CLUSTERDOWN The cluster is down\r\n')
  })

  it('are disconnected when their master becomes a replica', async () => {
    const { reply } = await blocked('BLPOP', 'l', '0')
    fixture.cluster.failover(fixture.cluster.replicasOf(fixture.cluster.owner('l'))[0]!)
    assert.match(String(await reply), /^-UNBLOCKED force unblock/)
  })

  it('stay blocked when the key becomes something else', async () => {
    const { reply } = await blocked('BLPOP', 'l', '0')
    fixture.cluster.execute('SET', 'l', 'text')
    fixture.cluster.execute('DEL', 'l')
    fixture.cluster.execute('RPUSH', 'l', 'a')
    assert.equal(String(await reply), '*2\r\n$1\r\nl\r\n$1\r\na\r\n')
  })
})
