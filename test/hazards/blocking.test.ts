import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { FakeNode } from '../../lib/testing/index.ts'
import { receivedBy, setStage, until } from './stage.ts'

/** Waits until as many clients are blocked in a node; a command is blocked in the turn after it was received. */
async function blockedSoon(node: FakeNode, count: number): Promise<void> {
  const deadline = performance.now() + 20_000
  while (node.connections.blocked < count) {
    assert.ok(performance.now() < deadline, `${node.connections.blocked} are blocked`)
    await new Promise(setImmediate)
  }
}

describe('blocking commands', () => {
  it('E7.1 a blocked client leaves the others alone, and gets what comes', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const [key, other] = stage.keysOf(0, 2)
    const [waiter, client] = await stage.clients(2)
    const popped = waiter!.ask('BLPOP', key!, '0')
    await blockedSoon(node, 1)
    assert.equal(await client!.ask('SET', other!, 'x'), 'OK')
    assert.equal(await client!.ask('RPUSH', key!, 'a'), 1)
    assert.deepEqual(await popped, [key, 'a'])
    assert.equal(await waiter!.ask('GET', other!), 'x')
  })

  it('E7.2 the time limit is kept by the node, to the millisecond, and no limit of the proxy cuts it', async () => {
    await using stage = await setStage({ options: { commandTimeout: 100 } })
    const key = stage.keyOf(0)
    const client = await stage.client()
    const begun = performance.now()
    assert.equal(String(await client.call('BLPOP', key, '0.4')), '*-1\r\n')
    assert.ok(performance.now() - begun >= 390)
    assert.deepEqual(receivedBy(stage.cluster.nodes[0]!, 'BLPOP'), [`BLPOP ${key} 0.4`])
    assert.equal(String(await client.call('BLPOP', key, '-1')), '-ERR timeout is negative\r\n')
  })

  it('E7.3 a client that leaves while it is blocked takes nothing along', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    for (const leave of ['end', 'destroy'] as const) {
      const [gone, client] = await stage.clients(2)
      gone!.call('BLPOP', key, '0').catch(() => {})
      await blockedSoon(node, 1)
      const freed = until(node, 'disconnect', () => node.connections.blocked === 0)
      gone!.stream[leave]()
      await freed
      assert.equal(await client!.ask('RPUSH', key, 'a'), 1)
      assert.equal(await client!.ask('LLEN', key), 1)
      assert.equal(await client!.ask('LPOP', key), 'a')
    }
  })

  it('E7.3 a client that has left when its command would block takes nothing along', async () => {
    await using stage = await setStage({ wired: true })
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [gone, client] = await stage.clients(2)
    const held = stage.wire(0).hold('EXEC')
    const commands = [['MULTI'], ['SET', stage.keyOf(0), 'x'], ['EXEC'], ['BLPOP', key, '0']]
    gone!.pipeline(commands).catch(() => {})
    gone!.stream.end()
    await held
    stage.wire(0).release()
    gone!.stream.resume()
    await gone!.closed
    await client!.call('DEL', key)
    assert.equal(await client!.ask('RPUSH', key, 'a'), 1)
    assert.equal(await client!.ask('LPOP', key), 'a')
    assert.deepEqual(receivedBy(node, 'BLPOP'), [])
  })

  it('E7.3 the end of a client is noticed too when its command blocks in the pipeline of what had it wait', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    for (const waits of [
      ['HELLO', '3'],
      ['CLIENT', 'TRACKING', 'ON', 'BCAST'],
    ]) {
      const [gone, client] = await stage.clients(2)
      gone!.pipeline([['GET', key], waits, ['BLPOP', key, '0']]).catch(() => {})
      await blockedSoon(node, 1)
      const freed = until(node, 'disconnect', () => node.connections.blocked === 0)
      // What it sent before it left must not keep its end from being seen.
      gone!.stream.end('PING\r\n')
      await freed
      assert.equal(await client!.ask('RPUSH', key, 'a'), 1)
      assert.equal(await client!.ask('LPOP', key), 'a')
    }
  })

  it('E7.3 a client that leaves while it waits for a connection is forgotten', async () => {
    await using stage = await setStage({ options: { maxPrivateConnections: 1 } })
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [first, second, client] = await stage.clients(3)
    const popped = first!.ask('BLPOP', key, '0')
    await blockedSoon(node, 1)
    second!.call('BLPOP', key, '0').catch(() => {})
    await second!.end()
    await client!.ask('RPUSH', key, 'a', 'b')
    assert.deepEqual(await popped, [key, 'a'])
    assert.equal(await client!.ask('LLEN', key), 1)
    assert.deepEqual(receivedBy(node, 'BLPOP').length, 1)
  })

  it('E7.4 what was popped in the moment in which a client leaves is gone with it, and nothing else', async () => {
    await using stage = await setStage({ wired: true })
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [gone, client] = await stage.clients(2)
    const sent = stage.wire(0).hold('BLPOP')
    const pop = ['BLPOP', key, '0']
    gone!.pipeline([pop, pop, ['LPOP', key]]).catch(() => {})
    await sent
    await blockedSoon(node, 1)
    assert.equal(await client!.ask('RPUSH', key, 'a', 'b', 'c'), 3)
    assert.equal(node.connections.blocked, 0)
    // The reply is on its way, and so is the end of the client.
    const left = once(stage.proxy, 'clientDisconnect')
    gone!.stream.destroy()
    await left
    stage.wire(0).release()
    assert.deepEqual(await client!.ask('LRANGE', key, '0', '-1'), ['b', 'c'])
    assert.deepEqual(receivedBy(node, 'BLPOP', 'LPOP'), [`BLPOP ${key} 0`])
  })

  it('E7.5 what is pipelined behind a blocking command waits, whoever answers it', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [waiter, client] = await stage.clients(2)
    const replies = waiter!.pipeline([['BLPOP', key, '0'], ['PING'], ['LLEN', key], ['ECHO', 'x']])
    await blockedSoon(node, 1)
    assert.deepEqual(receivedBy(node, 'LLEN'), [])
    await client!.ask('RPUSH', key, 'a', 'b')
    const texts = (await replies).map(String)
    assert.deepEqual(texts.slice(1), ['+PONG\r\n', ':1\r\n', '$1\r\nx\r\n'])
  })

  it('E1.6 a blocking command begins after what its client sent before', async () => {
    await using stage = await setStage({ wired: true })
    const key = stage.keyOf(0)
    const node = stage.cluster.nodes[0]!
    const client = await stage.client()
    const wire = stage.wire(0)
    const held = wire.hold('RPUSH')
    const replies = client.pipeline([
      ['RPUSH', key, 'a'],
      ['BLPOP', key, '0'],
    ])
    await held
    assert.deepEqual(receivedBy(node, 'BLPOP'), [])
    wire.release()
    assert.equal(String((await replies)[1]), `*2\r\n$${key.length}\r\n${key}\r\n$1\r\na\r\n`)
  })

  it('E7.6 CLIENT UNBLOCK ends the wait, as if the time were over or with an error', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [waiter, client] = await stage.clients(2)
    const id = Number(await waiter!.ask('CLIENT', 'ID'))
    assert.equal(await client!.ask('CLIENT', 'UNBLOCK', id), 0)
    for (const [reason, reply] of [
      ['TIMEOUT', '*-1\r\n'],
      ['ERROR', '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'],
    ] as const) {
      const answer = waiter!.call('BLPOP', key, '0')
      await blockedSoon(node, 1)
      assert.equal(await client!.ask('CLIENT', 'UNBLOCK', id, reason), 1)
      assert.equal(String(await answer), reply)
    }
    assert.equal(
      String(await client!.call('CLIENT', 'UNBLOCK', id, 'NOW')),
      '-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n'
    )
    assert.equal(await waiter!.ask('PING'), 'PONG')
  })

  it('E7.6 CLIENT UNBLOCK of a command that waits for older replies answers in the order sent, and nothing blocks', async () => {
    await using stage = await setStage({ wired: true })
    const [waiter, client] = await stage.clients(2)
    const [slow, list] = [stage.keyOf(0), stage.keyOf(1)]
    const id = Number(await waiter!.ask('CLIENT', 'ID'))
    const held = stage.wire(0).hold('GET')
    const replies = waiter!.pipeline([['GET', slow], ['BLPOP', list, '0'], ['PING']])
    await held
    assert.equal(await client!.ask('CLIENT', 'UNBLOCK', id), 1)
    stage.wire(0).release()
    assert.deepEqual((await replies).map(String), ['$-1\r\n', '*-1\r\n', '+PONG\r\n'])
    assert.equal(await client!.ask('RPUSH', list, 'a'), 1)
    assert.equal(await waiter!.ask('LPOP', list), 'a')
    assert.deepEqual(receivedBy(stage.cluster.nodes[1]!, 'BLPOP'), [])
  })

  it('E7.6 CLIENT KILL ends a blocked client, and what it waited for is for others', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [waiter, client] = await stage.clients(2)
    const id = Number(await waiter!.ask('CLIENT', 'ID'))
    waiter!.call('BLPOP', key, '0').catch(() => {})
    await blockedSoon(node, 1)
    assert.match(String(await client!.ask('CLIENT', 'LIST')), /flags=b /)
    const freed = until(node, 'disconnect', () => node.connections.blocked === 0)
    assert.equal(await client!.ask('CLIENT', 'KILL', 'ID', id), 1)
    await freed
    await waiter!.closed
    assert.equal(await client!.ask('RPUSH', key, 'a'), 1)
    assert.equal(await client!.ask('LLEN', key), 1)
  })

  it('E7.7 who waits for a connection in vain is told so', async () => {
    await using stage = await setStage({ options: { maxPrivateConnections: 1, privateWait: 150 } })
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [first, second] = await stage.clients(2)
    first!.call('BLPOP', key, '0').catch(() => {})
    await blockedSoon(node, 1)
    assert.equal(
      String(await second!.call('BLPOP', key, '0')),
      `-ERR no private connection to ${stage.name(0)} became free within 150 ms\r\n`
    )
  })

  it('E2.19 MOVED has a blocked command go on at the new node, with the time that is left', async () => {
    await using stage = await setStage()
    const [first, second] = stage.cluster.nodes
    const key = stage.keyOf(0)
    const slot = stage.cluster.slotOf(key)
    const [timed, forever, client] = await stage.clients(3)
    const one = timed!.call('BLPOP', key, '30')
    await blockedSoon(first!, 1)
    const other = forever!.call('BRPOP', key, '0')
    await blockedSoon(first!, 2)
    stage.cluster.migrate(slot, 1)
    first!.execute('PING')
    await blockedSoon(second!, 2)
    const [again] = receivedBy(second!, 'BLPOP')
    const left = Number(again!.split(' ')[2])
    assert.ok(left > 25 && left < 30, again)
    assert.deepEqual(receivedBy(second!, 'BRPOP'), [`BRPOP ${key} 0`])
    await client!.ask('RPUSH', key, 'a', 'b')
    const popped = (await Promise.all([one, other])).map((frame) => String(frame).at(-3)).sort()
    assert.deepEqual(popped, ['a', 'b'])
  })

  it('E2.20 a failover has a blocked command go on at the new master', async () => {
    await using stage = await setStage({ cluster: { replicas: 1 } })
    const master = stage.cluster.nodes[0]!
    const [replica] = stage.cluster.replicasOf(master)
    const key = stage.keyOf(0)
    const [waiter, client] = await stage.clients(2)
    const popped = waiter!.ask('BLPOP', key, '0')
    await blockedSoon(master, 1)
    stage.cluster.failover(replica!)
    await blockedSoon(replica!, 1)
    assert.equal(await client!.ask('RPUSH', key, 'a'), 1)
    assert.deepEqual(await popped, [key, 'a'])
  })

  it('E2.20 a failover has it go on although the old master keeps silent and its connection open', async () => {
    await using stage = await setStage({
      cluster: { replicas: 1 },
      options: { refreshInterval: 100 },
    })
    const master = stage.cluster.nodes[0]!
    const [replica] = stage.cluster.replicasOf(master)
    const key = stage.keyOf(0)
    const [waiter, watcher, client] = await stage.clients(3)
    const popped = waiter!.ask('BLPOP', key, '0')
    await blockedSoon(master, 1)
    await watcher!.call('WATCH', key)
    master.pause()
    stage.cluster.failover(replica!)
    master.state.failed = true
    await blockedSoon(replica!, 1)
    assert.equal(await client!.ask('RPUSH', key, 'a'), 1)
    assert.deepEqual(await popped, [key, 'a'])
    const frames = await watcher!.pipeline([['MULTI'], ['GET', key], ['EXEC']])
    assert.deepEqual(frames.map(String), ['+OK\r\n', '+QUEUED\r\n', '*-1\r\n'])
  })

  it('E7.8 a lost connection has a blocked command go on, on another', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [waiter, client] = await stage.clients(2)
    const popped = waiter!.ask('BLPOP', key, '0')
    await blockedSoon(node, 1)
    node.connections.kill()
    await blockedSoon(node, 1)
    assert.equal(await client!.ask('RPUSH', key, 'a'), 1)
    assert.deepEqual(await popped, [key, 'a'])
  })

  it('E7.8 each time that it goes on it has the time that is left, and no less', async () => {
    await using stage = await setStage()
    const node = stage.cluster.nodes[0]!
    const key = stage.keyOf(0)
    const [waiter, client] = await stage.clients(2)
    const begun = performance.now()
    const popped = waiter!.ask('BLPOP', key, '60')
    for (let times = 1; times <= 3; times++) {
      await blockedSoon(node, 1)
      const waited = performance.now() - begun
      const { command } = node.received.findLast(({ command: [name] }) => name === 'BLPOP')!
      const left = 1000 * Number(command[2])
      assert.ok(left <= 60_000 && left >= 60_000 - waited - 2, `${left} after ${waited}`)
      if (times === 1) assert.equal(left, 60_000)
      // Some time passes.
      while (performance.now() - begun < times * 100) await client!.ask('PING')
      if (times < 3) node.connections.kill()
    }
    assert.equal(await client!.ask('RPUSH', key, 'a'), 1)
    assert.deepEqual(await popped, [key, 'a'])
  })

  it('a thousand clients blocked on a thousand keys slow nobody down', async () => {
    await using stage = await setStage({ options: { privateWait: 30_000 } })
    const keys = stage.keysOf(0, 1000)
    const [client] = await stage.clients(1)
    const waiters = await stage.clients(1000)
    const popped = waiters.map((waiter, i) => waiter.ask('BLPOP', keys[i]!, '0'))
    await blockedSoon(stage.cluster.nodes[0]!, 1000)
    const begun = performance.now()
    for (let i = 0; i < 100; i++) await client!.ask('PUBLISH', 'x', 'y')
    assert.ok(performance.now() - begun < 2000)
    await client!.pipeline(keys.map((key) => ['RPUSH', key, `of ${key}`]))
    const got = await Promise.all(popped)
    assert.deepEqual(
      got,
      keys.map((key) => [key, `of ${key}`])
    )
  })

  it('the proxy shuts down although clients are blocked', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    client.call('BLPOP', stage.keyOf(0), '0').catch(() => {})
    await blockedSoon(stage.cluster.nodes[0]!, 1)
    const begun = performance.now()
    await stage.proxy.shutdown({ timeout: 5000 })
    assert.ok(performance.now() - begun < 2000)
  })
})
