import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { receivedBy, setStage, teach, until } from './stage.ts'

describe('WAIT and WAITAOF', () => {
  it('E4.14 the lowest number of the masters that the client wrote to is the answer', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const [first, second, third] = stage.cluster.nodes
    const client = await stage.client()
    await client.ask('SET', stage.keyOf(0), 'x')
    await client.ask('SET', stage.keyOf(1), 'x')
    first!.answer('WAIT 1', ':2\r\n')
    second!.answer('WAIT 1', ':1\r\n')
    assert.equal(await client.ask('WAIT', '1', '100'), 1)
    assert.deepEqual(receivedBy(third!, 'WAIT'), [])
  })

  it('E4.14 of WAITAOF both numbers are the lowest', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    await teach(stage, 'waitaof', 4, 0, ['noscript', 'blocking'])
    stage.cluster.nodes[0]!.answer('WAITAOF', '*2\r\n:1\r\n:3\r\n')
    stage.cluster.nodes[1]!.answer('WAITAOF', '*2\r\n:0\r\n:4\r\n')
    assert.deepEqual(await client.ask('WAITAOF', '1', '1', '100'), [0, 3])
  })

  it('E4.14 servers since 7.2 count from what the connection itself has written: it does, before it waits', async () => {
    await using stage = await setStage({ cluster: { version: '7.2.4' } })
    const [first, second] = stage.cluster.nodes
    const client = await stage.client()
    await client.ask('SET', stage.keyOf(0), 'x')
    first!.answer('FUNCTION RESTORE', '+OK\r\n')
    first!.answer('WAIT', ':1\r\n')
    assert.equal(await client.ask('WAIT', '1', '100'), 1)
    assert.deepEqual(
      receivedBy(first!, 'FUNCTION', 'WAIT').map((each) => each.split(' ')[0]),
      ['FUNCTION', 'WAIT']
    )
    assert.deepEqual(receivedBy(second!, 'FUNCTION', 'WAIT'), [])
    const noperm = "-NOPERM this user has no permissions to run the 'function|restore' command\r\n"
    first!.answer('FUNCTION RESTORE', noperm)
    assert.equal(String(await client.call('WAIT', '1', '100')), noperm)
    const replica = "-READONLY You can't write against a read only replica.\r\n"
    first!.answer('FUNCTION RESTORE', replica, { times: 1 })
    first!.answer('FUNCTION RESTORE', '+OK\r\n')
    first!.answer('WAIT', ':7\r\n')
    first!.answer('WAIT', ':1\r\n')
    assert.equal(await client.ask('WAIT', '1', '100'), 1)
  })

  it('E4.14 who wrote nothing waits for all masters, and an error of one is the answer', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    for (const node of stage.cluster.nodes) node.answer('WAIT 1', ':3\r\n')
    assert.equal(await client.ask('WAIT', '1', '0'), 3)
    stage.cluster.nodes[1]!.answer('WAIT 1', '-ERR no\r\n')
    stage.cluster.nodes[0]!.answer('WAIT 1', ':3\r\n')
    assert.equal(String(await client.call('WAIT', '1', '0')), '-ERR no\r\n')
  })

  it('E4.14 E7.1 it waits on private connections, and the others go on', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const [waiter, other] = await stage.clients(2)
    await waiter!.ask('SET', stage.keyOf(0), 'x')
    node.answer('WAIT 1', '')
    const received = until(node, 'command', () => receivedBy(node, 'WAIT').includes('WAIT 1 0'))
    waiter!.call('WAIT', '1', '0').catch(() => {})
    await received
    assert.equal(await other!.ask('SET', stage.keyOf(0), 'y'), 'OK')
  })

  for (const [name, words, none] of [
    ['WAIT', ['WAIT', '1', '0'], ':0\r\n'],
    ['WAITAOF', ['WAITAOF', '0', '1', '0'], '*2\r\n:0\r\n:0\r\n'],
  ] as const)
    it(`E4.14 E2.20 ${name} whose master is replaced by another says that nothing is acknowledged, for what was written may be lost`, async () => {
      await using stage = await setStage({ cluster: { replicas: 1 } })
      const [first] = stage.cluster.nodes
      const [replica] = stage.cluster.replicasOf(first!)
      await teach(stage, 'waitaof', 4, 0, ['noscript', 'blocking'])
      const client = await stage.client()
      await client.ask('SET', stage.keyOf(0), 'x')
      const text = words.join(' ')
      for (const node of [first!, replica!]) node.answer(text, node === first ? '' : ':1\r\n')
      const received = until(first!, 'command', () => receivedBy(first!, name).includes(text))
      const answer = client.call(...words)
      await received
      stage.cluster.failover(replica!)
      first!.connections.kill()
      assert.equal(String(await answer), none)
      assert.ok(!receivedBy(replica!, name).includes(text))
    })

  for (const refusal of [
    'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
    'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.',
  ])
    it(`E4.14 E2.20 a master that has become a replica says nothing to the client: ${refusal.slice(0, 18)}`, async () => {
      await using stage = await setStage()
      const client = await stage.client()
      await client.ask('SET', stage.keyOf(0), 'x')
      stage.cluster.nodes[0]!.answer('WAIT 1', `-${refusal}\r\n`)
      assert.equal(await client.ask('WAIT', '1', '0'), 0)
    })

  it('E4.14 after a failover the first WAIT says that nothing is acknowledged, and what is written then counts again', async () => {
    await using stage = await setStage({ cluster: { masters: 3, replicas: 1 } })
    const [first, second] = stage.cluster.nodes
    const [replica] = stage.cluster.replicasOf(first!)
    const client = await stage.client()
    await client.ask('SET', stage.keyOf(0), 'x')
    await client.ask('SET', stage.keyOf(1), 'x')
    for (const node of [second!, replica!]) node.answer('WAIT 1', ':1\r\n')
    const [key] = stage.keysOf(0)
    stage.cluster.failover(replica!)
    await stage.proxy.refresh()
    assert.equal(await client.ask('WAIT', '1', '0'), 0)
    assert.equal(await client.ask('WAIT', '1', '0'), 1)
    assert.deepEqual(receivedBy(replica!, 'WAIT'), [])
    await client.ask('SET', key!, 'x')
    assert.equal(await client.ask('WAIT', '1', '0'), 1)
    assert.ok(receivedBy(replica!, 'WAIT').includes('WAIT 1 0'))
  })

  it('E4.14 a master whose slot moved away is asked all the same, and so is the new owner', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const { cluster } = stage
    const [first, second, third] = cluster.nodes
    const client = await stage.client()
    const key = stage.keyOf(0)
    await client.ask('SET', key, 'x')
    cluster.migrate(cluster.slotOf(key), 1)
    await stage.proxy.refresh()
    first!.answer('WAIT 1', ':1\r\n')
    second!.answer('WAIT 1', ':2\r\n')
    assert.equal(await client.ask('WAIT', '1', '0'), 1)
    assert.deepEqual(receivedBy(third!, 'WAIT'), [])
  })
})
