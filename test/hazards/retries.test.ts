import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { receivedBy, setStage, until } from './stage.ts'
import { Wire } from './wire.ts'

describe('requests whose connection is lost', () => {
  it('E3.1 what was never written is sent again, whatever it is', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const downs = stage.record('nodeDown')
    const key = stage.keyOf(0)
    const client = await stage.client()
    await client.ask('GET', key)
    await node.stop()
    await until(stage.proxy, 'nodeDown', () => downs.length > 0)
    const replies = client.pipeline([
      ['INCR', key],
      ['INCR', key],
      ['GETDEL', key],
    ])
    await node.start()
    assert.deepEqual((await replies).map(String), [':1\r\n', ':2\r\n', '$1\r\n2\r\n'])
  })

  it('E3.2 a write that was executed and not answered is told UNCERTAIN, and executed once', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    stage.cluster.nodes[0]!.dropConnections({ after: 'execution', when: 'INCR' })
    const text = String(await client.call('INCR', key))
    assert.match(text, /^-UNCERTAIN the command may have been executed or not: .*\r\n$/)
    assert.equal(await client.ask('GET', key), '1')
  })

  it('E3.2 a write that was written and not executed is told UNCERTAIN too', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const client = await stage.client()
    stage.cluster.nodes[0]!.dropConnections({ before: 'execution', when: 'INCR' })
    assert.match(String(await client.call('INCR', key)), /^-UNCERTAIN /)
    assert.equal(await client.ask('GET', key), null)
  })

  it('E3.2 a read that was written and not answered is sent again', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'x')
    const node = stage.cluster.nodes[0]!
    const client = await stage.client()
    for (const moment of ['before', 'after'] as const) {
      node.dropConnections(
        moment === 'before'
          ? { before: 'execution', when: 'GET' }
          : { after: 'execution', when: 'GET' }
      )
      assert.equal(await client.ask('GET', key), 'x')
    }
    assert.equal(receivedBy(node, 'GET').length, 4)
  })

  const sideEffects: readonly (readonly string[])[] = [
    ['SET', 'KEY', 'x'],
    ['DEL', 'KEY'],
    ['GETDEL', 'KEY'],
    ['GETEX', 'KEY', 'PERSIST'],
    ['GETSET', 'KEY', 'x'],
    ['SPOP', 'KEY'],
    ['LPOP', 'KEY'],
    ['APPEND', 'KEY', 'x'],
    ['SETBIT', 'KEY', '0', '1'],
    ['BITFIELD', 'KEY', 'SET', 'u8', '0', '1'],
    ['SORT', 'KEY', 'STORE', 'KEY'],
    ['GEORADIUS', 'KEY', '0', '0', '1', 'm', 'STORE', 'KEY'],
    ['XADD', 'KEY', '*', 'f', 'v'],
    ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'KEY', '>'],
    ['EXPIRE', 'KEY', '1'],
    ['EVAL', 'return 1', '1', 'KEY'],
    ['EVALSHA', 'abc', '1', 'KEY'],
    ['FCALL', 'f', '1', 'KEY'],
    ['PFADD', 'KEY', 'x'],
    ['PFCOUNT', 'KEY'],
    ['TOUCH', 'KEY'],
  ]
  for (const command of sideEffects) {
    it(`E3.3 ${command.slice(0, -1).join(' ')} is not sent twice`, async () => {
      await using stage = await setStage()
      const key = stage.keyOf(0)
      const node = stage.cluster.nodes[0]!
      const client = await stage.client()
      node.dropConnections({ before: 'execution', when: command[0]! })
      const words = command.map((word) => (word === 'KEY' ? key : word))
      assert.match(String(await client.call(...words)), /^-UNCERTAIN /)
      assert.equal(receivedBy(node, command[0]!).length, 1)
    })
  }

  for (const command of [
    ['GET', 'KEY'],
    ['BITFIELD_RO', 'KEY', 'GET', 'u8', '0'],
    ['SORT_RO', 'KEY'],
    ['EVAL_RO', 'return 1', '1', 'KEY'],
    ['HGETALL', 'KEY'],
    ['TTL', 'KEY'],
  ]) {
    it(`E3.3 ${command[0]} reads only, and is sent again`, async () => {
      await using stage = await setStage()
      const key = stage.keyOf(0)
      const node = stage.cluster.nodes[0]!
      const client = await stage.client()
      node.dropConnections({ before: 'execution', when: command[0]! })
      node.answer(command[0]!, ':7\r\n')
      const words = command.map((word) => (word === 'KEY' ? key : word))
      assert.equal(String(await client.call(...words)), ':7\r\n')
      assert.equal(receivedBy(node, command[0]!).length, 2)
    })
  }

  it('E3.2 of a pipeline each command has its own outcome', async () => {
    await using stage = await setStage()
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    const client = await stage.client()
    node.dropConnections({ after: 'execution', when: (command) => command[2] === '2' })
    const texts = (
      await client.pipeline([
        ['APPEND', key, '1'],
        ['APPEND', key, '2'],
        ['GET', key],
        ['APPEND', key, '3'],
        ['STRLEN', key],
      ])
    ).map(String)
    assert.equal(texts[0], ':1\r\n')
    assert.match(texts[1]!, /^-UNCERTAIN /)
    // Read again it would tell of the younger append, if that was executed.
    assert.match(texts[2]!, /^-UNCERTAIN /)
    assert.match(texts[3]!, /^-UNCERTAIN /)
    assert.equal(texts[4], ':2\r\n')
  })

  it('E3.5 a reply that comes after commandTimeout is never matched with another request', async () => {
    await using stage = await setStage({ wired: true, options: { commandTimeout: 200 } })
    const [key, other] = stage.keysOf(0, 2)
    stage.cluster.execute('SET', other!, 'right')
    const [client, second] = await stage.clients(2)
    const held = stage.wire(0).hold('late')
    const reply = client!.call('SET', key!, 'late')
    await held
    assert.match(String(await reply), /^-UNCERTAIN .*silent for 200 ms/)
    const next = second!.pipeline(Array.from({ length: 10 }, () => ['GET', other!]))
    stage.wire(0).release()
    assert.deepEqual(new Set((await next).map(String)), new Set(['$5\r\nright\r\n']))
    assert.equal(await client!.ask('GET', key!), 'late')
  })

  it('E3.5 a read that meets commandTimeout is sent again on another connection', async () => {
    await using stage = await setStage({ wired: true, options: { commandTimeout: 200 } })
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'x')
    const client = await stage.client()
    const held = stage.wire(0).hold(key)
    const reply = client.ask('GET', key)
    await held
    assert.equal(await reply, 'x')
  })
})

describe('nodes that are lost', () => {
  it('E2.14 commands for a master that refuses connections are served by its successor', async () => {
    await using stage = await setStage({ cluster: { replicas: 1 } })
    const master = stage.cluster.nodes[0]!
    const downs = stage.record('nodeDown')
    const changes = stage.record('topologyChange')
    const [replica] = stage.cluster.replicasOf(master)
    const keys = stage.keysOf(0, 10)
    const clients = await stage.clients(10)
    for (const [i, client] of clients.entries()) await client.ask('SET', keys[i]!, '1')
    await master.stop()
    await until(stage.proxy, 'nodeDown', () => downs.length > 0)
    const replies = clients.map((client, i) => client.ask('INCR', keys[i]!))
    stage.cluster.failover(replica!)
    assert.deepEqual(await Promise.all(replies), new Array(10).fill(2))
    await until(stage.proxy, 'topologyChange', () => changes.length > 0)
    assert.deepEqual(changes[0]!.promoted, [replica!.address])
    assert.deepEqual(
      downs.map(({ address }) => address),
      [master.address]
    )
  })

  for (const behaviour of ['nobody', 'full'] as const) {
    const title = behaviour === 'full' ? 'turns connections away' : 'drops connections'
    it(`E3.6 a node that ${title} is dialled with growing delays, and not by everybody`, async () => {
      await using stage = await setStage({ wired: true, options: { retryBudget: 1500 } })
      const [key] = stage.keysOf(0)
      const clients = await stage.clients(30)
      for (const [i, client] of clients.entries()) {
        if (i % 2 === 0) await client.ask('HELLO', '3')
        await client.ask('GET', key!)
      }
      const wire = stage.wire(0)
      const before = wire.accepted
      wire.lead(behaviour)
      stage.cluster.nodes[0]!.connections.kill()
      const frames = await Promise.all(clients.map((client) => client.call('GET', key!)))
      for (const frame of frames)
        assert.match(String(frame), /^-CLUSTERDOWN the node cannot be reached: /)
      const dialled = wire.accepted - before
      assert.ok(dialled >= 3 && dialled <= 25, `dialled ${dialled} times`)
      wire.lead(stage.cluster.nodes[0]!.port)
      assert.equal(await clients[0]!.ask('SET', key!, 'x'), 'OK')
    })
  }

  it('E3.7 a node that takes bytes and never answers is given up after commandTimeout', async () => {
    await using stage = await setStage({ options: { commandTimeout: 300, retryBudget: 300 } })
    const node = stage.cluster.nodes[0]!
    const [key, other] = [stage.keyOf(0), stage.keyOf(1)]
    const client = await stage.client()
    await client.ask('SET', key, '1')
    node.pause()
    const begun = performance.now()
    const replies = client.pipeline([
      ['INCR', key],
      ['SET', other, 'x'],
    ])
    const [lost, fine] = (await replies).map(String)
    assert.match(lost!, /^-UNCERTAIN .*silent for 300 ms/)
    assert.equal(fine, '+OK\r\n')
    assert.ok(performance.now() - begun < 2000)
    node.resume()
    assert.match(String(await client.call('GET', key)), /^\$1\r\n[12]\r\n$/)
  })

  it('E3.7 a connection to nowhere is noticed long before commandTimeout, and its reads go to the new master', async () => {
    await using stage = await setStage({ wired: true, cluster: { replicas: 1 } })
    const master = stage.cluster.nodes[0]!
    const [replica] = stage.cluster.replicasOf(master)
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'x')
    const [reader, writer] = await stage.clients(2)
    await reader!.ask('GET', key)
    stage.wire(0).silence()
    stage.wire(0).refuse()
    const begun = performance.now()
    const read = reader!.ask('GET', key)
    const write = writer!.call('APPEND', key, 'y')
    stage.cluster.failover(replica!)
    assert.equal(await read, 'x')
    assert.match(String(await write), /^-UNCERTAIN /)
    assert.ok(performance.now() - begun < 4000)
    assert.equal(await writer!.ask('APPEND', key, 'z'), 2)
  })

  for (const trouble of ['is not probed', 'does not answer its probe'] as const) {
    it(`E3.6 commands get their error when their budget is spent while a node ${trouble}`, async () => {
      const longest = trouble === 'is not probed' ? 30_000 : 1
      // With a password a connection is none before the node has answered.
      const options = {
        ...{ reconnectMinDelay: longest, reconnectMaxDelay: longest, connectTimeout: 30_000 },
        ...{ retryBudget: 300, crossSlot: true, credentials: { password: 'x' } },
      }
      await using stage = await setStage({ wired: true, cluster: { password: 'x' }, options })
      const downs = stage.record('nodeDown')
      const keys = stage.keysOf(0, 3)
      const clients = await stage.clients(2)
      for (const client of clients) await client.ask('GET', keys[0]!)
      const wire = stage.wire(0)
      wire.lead('nobody')
      stage.cluster.nodes[0]!.connections.kill()
      // This one is under way when the node is lost.
      const lost = clients[0]!.call('GET', keys[0]!)
      await until(stage.proxy, 'nodeDown', () => downs.length > 0)
      wire.lead('mute')
      const commands = keys.flatMap((key) => [
        ['GET', key],
        ['SET', key, 'x'],
      ])
      const begun = performance.now()
      const frames = await Promise.all([
        lost,
        ...clients.map((client) => client.pipeline(commands)),
        // One of several slots, part of which can be had.
        stage.clients(1).then(([client]) => client!.call('TOUCH', keys[0]!, stage.keyOf(1))),
      ])
      const took = performance.now() - begun
      for (const frame of frames.flat())
        assert.match(String(frame), /^-CLUSTERDOWN the node cannot be reached: /)
      assert.ok(took >= 250 && took < 3000, `${took} ms`)
    })
  }

  it('E3.6 a command for a connection of its own gets its error when its budget is spent, though one is being made', async () => {
    const credentials = { password: 'x' }
    const options = { retryBudget: 100, connectTimeout: 2000, privatePoolSize: 0, credentials }
    await using stage = await setStage({ wired: true, cluster: { password: 'x' }, options })
    const client = await stage.client()
    stage.wire(0).lead('mute')
    const begun = performance.now()
    const reply = String(await client.call('BLPOP', stage.keyOf(0), '0'))
    const took = performance.now() - begun
    assert.match(reply, /^-CLUSTERDOWN the node cannot be reached: /)
    assert.ok(took >= 2000 && took < 3500, `${took} ms`)
  })

  it('E3.6 one lost node does not hold up commands for the others, nor those without keys', async () => {
    await using stage = await setStage({ cluster: { masters: 3 }, options: { retryBudget: 500 } })
    const downs = stage.record('nodeDown')
    const client = await stage.client()
    for (const node of [0, 1, 2]) await client.ask('GET', stage.keyOf(node))
    await stage.cluster.nodes[0]!.stop()
    await until(stage.proxy, 'nodeDown', () => downs.length > 0)
    const waiting = (await stage.client()).call('SET', stage.keyOf(0), 'x')
    for (let i = 0; i < 10; i++) {
      assert.equal(await client.ask('SET', stage.keyOf(1), 'x'), 'OK')
      assert.equal(await client.ask('SET', stage.keyOf(2), 'x'), 'OK')
    }
    const times = await client.pipeline(Array.from({ length: 9 }, () => ['TIME']))
    for (const time of times) assert.match(String(time), /^\*2\r\n/)
    assert.match(String(await waiting), /^-CLUSTERDOWN the node cannot be reached/)
  })

  it('E3.6 commands without keys go to one master after the other', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const client = await stage.client()
    await client.pipeline(Array.from({ length: 9 }, () => ['TIME']))
    assert.deepEqual(
      stage.cluster.nodes.map((node) => receivedBy(node, 'TIME').length),
      [3, 3, 3]
    )
  })

  it('E2.15 an entry point that comes late is found, for there is no last attempt', async () => {
    await using seed = await Wire.to('nobody')
    const { createClusterProxy } = await import('../../lib/index.ts')
    await using proxy = createClusterProxy({
      nodes: `localhost:${seed.port}`,
      reconnectMaxDelay: 50,
    })
    const errors: Error[] = []
    proxy.on('error', (error) => errors.push(error))
    proxy.listen(0, '127.0.0.1')
    await until(proxy, 'error', () => errors.length > 0)
    const ready = once(proxy, 'ready', { signal: AbortSignal.timeout(5000) })
    await using stage = await setStage()
    seed.lead(stage.cluster.nodes[0]!.port)
    await ready
    assert.equal(errors.length, 1)
    assert.equal(proxy.topology.coveredSlots, 16_384)
  })
})
