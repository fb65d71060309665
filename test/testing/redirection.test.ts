import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createFakeCluster, type FakeCluster, type FakeNode } from '../../lib/testing/index.ts'
import { connect, type RawClient } from '../support/raw-client.ts'

const KEY = '{tag}a'
const OTHER = '{tag}b'
const DOWN = '-CLUSTERDOWN The cluster is down\r\n'

describe('redirects of a fake cluster', () => {
  let cluster: FakeCluster
  let source: FakeNode
  let target: FakeNode
  let slot: number
  let atSource: RawClient
  let atTarget: RawClient

  beforeEach(async () => {
    cluster = await createFakeCluster({ masters: 3, replicas: 1 })
    slot = cluster.slotOf(KEY)
    source = cluster.owner(slot)
    target = cluster.masters.find((node) => node !== source)!
    atSource = await connect(source.port)
    atTarget = await connect(target.port)
  })

  async function say(client: RawClient, ...command: string[]): Promise<string> {
    return (await client.call(...command)).toString()
  }

  afterEach(async () => {
    await atSource.end()
    await atTarget.end()
    await cluster.close()
  })

  it('a key is served by its owner and MOVED by all others', async () => {
    assert.equal(await say(atSource, 'SET', KEY, '1'), '+OK\r\n')
    assert.equal(await say(atTarget, 'GET', KEY), `-MOVED ${slot} ${source.address}\r\n`)
  })

  it('keys of several slots are CROSSSLOT even where none of them lives', async () => {
    const text = "-CROSSSLOT Keys in request don't hash to the same slot\r\n"
    assert.equal(await say(atSource, 'MGET', KEY, 'x'), text)
    assert.equal(await say(atTarget, 'MGET', KEY, 'x'), text)
  })

  it('a migrating slot serves what is there, asks for what is not, and both is TRYAGAIN', async () => {
    await say(atSource, 'MSET', KEY, '1', OTHER, '2')
    cluster.setImporting(slot, target)
    cluster.setMigrating(slot, target)
    assert.equal(await say(atSource, 'GET', KEY), '$1\r\n1\r\n')
    assert.equal(cluster.moveKey(KEY), true)
    assert.equal(cluster.moveKey(KEY), false)
    assert.equal(await say(atSource, 'GET', KEY), `-ASK ${slot} ${target.address}\r\n`)
    const again = '-TRYAGAIN Multiple keys request during rehashing of slot\r\n'
    assert.equal(await say(atSource, 'MGET', KEY, OTHER), again)
    assert.equal(await say(atTarget, 'GET', KEY), `-MOVED ${slot} ${source.address}\r\n`)
    assert.equal(await say(atTarget, 'ASKING'), '+OK\r\n')
    assert.equal(await say(atTarget, 'GET', KEY), '$1\r\n1\r\n')
    assert.equal(await say(atTarget, 'GET', KEY), `-MOVED ${slot} ${source.address}\r\n`)
    await say(atTarget, 'ASKING')
    assert.equal(await say(atTarget, 'MGET', KEY, OTHER), again)
    assert.deepEqual(cluster.violations, [])
  })

  it('ASKING before MULTI lasts until EXEC', async () => {
    cluster.setImporting(slot, target)
    cluster.setMigrating(slot, target)
    await say(atTarget, 'ASKING')
    await say(atTarget, 'MULTI')
    assert.equal(await say(atTarget, 'SET', KEY, '1'), '+QUEUED\r\n')
    assert.equal(await say(atTarget, 'EXEC'), '*1\r\n+OK\r\n')
    assert.match(await say(atTarget, 'GET', KEY), /^-MOVED/)
  })

  it('a command between ASKING and the one it was for is recorded', async () => {
    cluster.setImporting(slot, target)
    await say(atTarget, 'ASKING')
    await say(atTarget, 'PING')
    assert.match(cluster.violations.join(), /^connection \d+: ASKING was followed by PING$/)
  })

  it('some nodes may learn of a new owner later than others', async () => {
    cluster.setSlot(slot, target, { tell: [target] })
    assert.equal(await say(atTarget, 'SET', KEY, '1'), '+OK\r\n')
    assert.equal(await say(atSource, 'SET', KEY, '2'), '+OK\r\n')
    cluster.setSlot(slot, target)
    assert.equal(await say(atSource, 'GET', KEY), `-MOVED ${slot} ${target.address}\r\n`)
  })

  it('a replica serves reads after READONLY, and nothing else', async () => {
    await say(atSource, 'SET', KEY, '1')
    const moved = `-MOVED ${slot} ${source.address}\r\n`
    await using client = await connect(cluster.replicasOf(source)[0]!.port)
    assert.equal(await say(client, 'GET', KEY), moved)
    assert.equal(await say(client, 'READONLY'), '+OK\r\n')
    assert.equal(await say(client, 'GET', KEY), '$1\r\n1\r\n')
    assert.equal(await say(client, 'SET', KEY, '2'), moved)
    assert.match(await say(client, 'FLUSHALL'), /^-READONLY You can't write against/)
    await say(client, 'READWRITE')
    assert.equal(await say(client, 'GET', KEY), moved)
  })

  it('a cluster that is down serves no keys', async () => {
    cluster.clusterDown(true)
    assert.equal(await say(atSource, 'GET', KEY), DOWN)
    assert.equal(await say(atSource, 'PING'), '+PONG\r\n')
    cluster.clusterDown(false)
    assert.equal(await say(atSource, 'GET', KEY), '$-1\r\n')
  })

  it('a slot without an owner is not served, nor are the others while coverage must be full', async () => {
    const served = cluster.masters.find((node) => node !== source)!
    const key = Array.from({ length: 99 }, (_, i) => `k${i}`).find(
      (one) => cluster.owner(one) === served
    )!
    await using client = await connect(served.port)
    cluster.unassign(slot)
    assert.equal(await say(client, 'GET', KEY), '-CLUSTERDOWN Hash slot not served\r\n')
    assert.equal(await say(client, 'GET', key), DOWN)
    cluster.setCoverage(false)
    assert.equal(await say(client, 'GET', key), '$-1\r\n')
    assert.throws(() => cluster.owner(slot), { code: 'INVALID_OPTION' })
  })

  it('a redirect of a queued command makes EXEC fail, one of EXEC ends the transaction', async () => {
    await say(atTarget, 'MULTI')
    assert.match(await say(atTarget, 'GET', KEY), /^-MOVED/)
    assert.match(await say(atTarget, 'EXEC'), /^-EXECABORT/)
    await say(atSource, 'MULTI')
    await say(atSource, 'GET', KEY)
    cluster.migrate(slot, target)
    assert.equal(await say(atSource, 'EXEC'), `-MOVED ${slot} ${target.address}\r\n`)
    assert.equal(await say(atSource, 'EXEC'), '-ERR EXEC without MULTI\r\n')
  })
})
