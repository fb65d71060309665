import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { questions, receivedBy, setStage, until } from './stage.ts'

const always = { times: Number.POSITIVE_INFINITY }

/** Errors after which a request may succeed later: the server has executed nothing. */
const PASSING = [
  ['E2.5', 'TRYAGAIN Multiple keys request during rehashing of slot'],
  ['E2.11', 'CLUSTERDOWN The cluster is down'],
  ['E2.11', 'CLUSTERDOWN Hash slot not served'],
  ['E2.12', 'LOADING Redis is loading the dataset in memory'],
  ['E2.12', "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
  ['E2.13', "READONLY You can't write against a read only replica."],
] as const

describe('errors that pass', () => {
  for (const [id, text] of PASSING) {
    it(`${id} '${text}' is tried again until it has passed`, async () => {
      await using stage = await setStage()
      const key = stage.keyOf(0)
      const node = stage.cluster.nodes[0]!
      node.answer('INCR', `-${text}\r\n`, { times: 3 })
      const client = await stage.client()
      assert.equal(await client.ask('INCR', key), 1)
      assert.equal(receivedBy(node, 'INCR').length, 4)
    })

    it(`${id} '${text}' is passed on unchanged when retryBudget is used up`, async () => {
      await using stage = await setStage({ options: { retryBudget: 200 } })
      const [key, other] = stage.keysOf(0, 2)
      const node = stage.cluster.nodes[0]!
      node.answer('INCR', `-${text}\r\n`, always)
      const client = await stage.client()
      const begun = performance.now()
      assert.equal(String(await client.call('INCR', key!)), `-${text}\r\n`)
      const waited = performance.now() - begun
      assert.ok(waited >= 150 && waited < 1500, `${waited} ms`)
      const tries = receivedBy(node, 'INCR').length
      assert.ok(tries >= 3 && tries <= 12, `${tries} tries`)
      assert.equal(await client.ask('SET', other!, 'x'), 'OK')
    })
  }

  it('E2.11 retryBudget 0 passes such errors on at once', async () => {
    await using stage = await setStage({ options: { retryBudget: 0 } })
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    for (const [, text] of PASSING) {
      node.answer('INCR', `-${text}\r\n`)
      const client = await stage.client()
      assert.equal(String(await client.call('INCR', key)), `-${text}\r\n`)
    }
    assert.equal(receivedBy(node, 'INCR').length, PASSING.length)
  })

  it('E2.5 a command over a half migrated slot is never split, and waits until the slot has moved', async () => {
    await using stage = await setStage()
    const [first, second] = stage.cluster.nodes
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    const [a, b] = [`{${key}}a`, `{${key}}b`]
    stage.cluster.execute('MSET', a, '1', b, '2')
    stage.cluster.setImporting(slot, 1)
    stage.cluster.setMigrating(slot, 1)
    stage.cluster.moveKey(a)
    const client = await stage.client()
    const reply = client.call('MGET', a, b)
    await until(first!, 'command', () => receivedBy(first!, 'MGET').length === 3)
    assert.deepEqual(receivedBy(second!, 'MGET', 'GET'), [])
    stage.cluster.moveKey(b)
    stage.cluster.setSlot(slot, 1)
    assert.equal(String(await reply), '*2\r\n$1\r\n1\r\n$1\r\n2\r\n')
    assert.deepEqual(new Set(receivedBy(second!, 'MGET')), new Set([`MGET ${a} ${b}`]))
  })

  it('E2.5 TRYAGAIN from the importing node starts at the owner of the slot again', async () => {
    await using stage = await setStage()
    const [first, second] = stage.cluster.nodes
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    const [a, b] = [`{${key}}a`, `{${key}}b`]
    stage.cluster.setImporting(slot, 1)
    stage.cluster.setMigrating(slot, 1)
    // Neither key is anywhere: the owner asks to go on, the other one cannot know whether they will come.
    const client = await stage.client()
    const reply = client.call('MGET', a, b)
    await until(second!, 'command', () => receivedBy(second!, 'MGET').length === 3)
    stage.cluster.setSlot(slot, 1)
    assert.equal(String(await reply), '*2\r\n$-1\r\n$-1\r\n')
    assert.ok(receivedBy(first!, 'MGET').length >= 3)
    assert.deepEqual(stage.cluster.violations, [])
  })

  it('E2.11 CLUSTERDOWN and READONLY have the topology looked at, at a bounded rate', async () => {
    await using stage = await setStage({ options: { retryBudget: 400 } })
    const keys = stage.keysOf(0, 100)
    const clients = await stage.clients(20)
    const before = questions(stage.cluster)
    stage.cluster.clusterDown(true)
    const texts = await Promise.all(
      clients.map((client, i) =>
        client.pipeline(keys.slice(i * 5, i * 5 + 5).map((k) => ['GET', k]))
      )
    )
    for (const frame of texts.flat())
      assert.equal(String(frame), '-CLUSTERDOWN The cluster is down\r\n')
    const asked = questions(stage.cluster) - before
    assert.ok(asked >= 2 && asked <= 12, `asked ${asked} times`)
    stage.cluster.clusterDown(false)
    assert.equal(await clients[0]!.ask('SET', keys[0]!, 'x'), 'OK')
  })

  it('E2.13 READONLY after a failover leads to the new master', async () => {
    await using stage = await setStage({ cluster: { replicas: 1 } })
    const master = stage.cluster.nodes[0]!
    const [replica] = stage.cluster.replicasOf(master)
    const key = stage.keyOf(0)
    const client = await stage.client()
    assert.equal(await client.ask('INCR', key), 1)
    stage.cluster.failover(replica!)
    master.answer('INCR', "-READONLY You can't write against a read only replica.\r\n", always)
    assert.equal(await client.ask('INCR', key), 2)
    assert.ok(receivedBy(replica!, 'INCR').length === 1)
  })

  it('E3.4 the budget spans all attempts, redirects between them included', async () => {
    await using stage = await setStage({ options: { retryBudget: 300, maxRedirects: 1000 } })
    const [first, second] = stage.cluster.nodes
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    first!.answer('INCR', `-ASK ${slot} ${second!.address}\r\n`, always)
    second!.answer('INCR', '-TRYAGAIN later\r\n', always)
    const client = await stage.client()
    const begun = performance.now()
    assert.equal(String(await client.call('INCR', key)), '-TRYAGAIN later\r\n')
    const waited = performance.now() - begun
    assert.ok(waited >= 250 && waited < 2500, `${waited} ms`)
  })

  it('E3.4 a command that waits for a node that cannot be reached is told so within the budget', async () => {
    await using stage = await setStage({ options: { retryBudget: 300, reconnectMaxDelay: 60_000 } })
    const downs = stage.record('nodeDown')
    const key = stage.keyOf(0)
    const client = await stage.client()
    await client.ask('GET', key)
    await stage.cluster.nodes[0]!.stop()
    await until(stage.proxy, 'nodeDown', () => downs.length > 0)
    const begun = performance.now()
    assert.match(
      String(await client.call('INCR', key)),
      /^-CLUSTERDOWN the node cannot be reached: /
    )
    const waited = performance.now() - begun
    assert.ok(waited >= 250 && waited < 1500, `${waited} ms`)
  })
})
