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
})
