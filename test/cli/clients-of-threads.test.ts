import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import {
  connectTo,
  endOf,
  flagsOf,
  idOf,
  startThreads,
  threadOf,
  threadProcesses,
} from '../support/two-threads.ts'

describe('the clients of two threads', { concurrency: 2 }, () => {
  test('are told what a client of the other thread tracks', async () => {
    await using cluster = await createFakeCluster({ masters: 2 })
    const { port, program } = await startThreads(cluster)
    const [reader, hearing] = [await connect(port), await connect(port)]
    assert.notEqual(await threadOf(reader), await threadOf(hearing))
    const id = String(await idOf(hearing))
    await hearing.call('HELLO', '3')
    const refused = await reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', '999999')
    assert.equal(String(refused), '-ERR The client ID you want redirect to does not exist\r\n')
    assert.equal(await reader.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id), 'OK')
    await reader.call('GET', 'key')
    cluster.execute('SET', 'key', 'value')
    assert.equal(
      String(await hearing.readReply()),
      '>2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n'
    )
    for (const client of [reader, hearing]) client.stream.destroy()
    await endOf(program)
  })

  test('are shown by MONITOR what is asked in each thread, also in one that starts later', async () => {
    await using cluster = await createFakeCluster({ masters: 2 })
    const words = ['--admin-commands', 'yes', '--enable-debug-command']
    const { port, program } = await startThreads(cluster, ...words)
    const [monitor, other] = [await connect(port), await connect(port)]
    const [here, there] = [await threadOf(monitor), await threadOf(other)]
    assert.notEqual(here, there)
    assert.equal(String(await monitor.call('MONITOR')), '+OK\r\n')
    await other.ask('SET', 'key', 'value')
    assert.match(String(await monitor.readReply()), / \[0 127\.0\.0\.1:\d+\] "SET" "key" "value"/)
    const keeper = await connectTo(port, here)
    assert.equal(await keeper.ask('PROXY', 'DEBUG', 'KILL', String(there), 'KILL'), 'OK')
    await other.closed
    const next = await connectTo(port, there)
    await next.ask('GET', 'key')
    assert.match(String(await monitor.readReply()), /"GET" "key"/)
    // The thread of the monitor dies, and nobody is the worse for it.
    assert.equal(await next.ask('PROXY', 'DEBUG', 'KILL', String(here), 'KILL'), 'OK')
    await monitor.closed
    for (let time = 0; time < 3; time++) assert.equal(await next.ask('GET', 'key'), 'value')
    const again = await connectTo(port, here)
    assert.equal(String(await again.call('MONITOR')), '+OK\r\n')
    await next.ask('GET', 'other')
    assert.match(String(await again.readReply()), /"GET" "other"/)
    await endOf(program)
  })

  test('are served by the other thread when the one that they are on their way to dies', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const { port, program } = await startThreads(cluster)
    const [one, other] = [await connect(port), await connect(port)]
    assert.notEqual(await threadOf(one), await threadOf(other))
    const there = threadProcesses(program.process.pid!)[Number(await threadOf(other))]!
    other.stream.destroy()
    const clients = async () =>
      String(await one.ask('CLIENT', 'LIST'))
        .trim()
        .split('\n').length
    while ((await clients()) > 1) await one.ask('PING')
    process.kill(there, 'SIGSTOP')
    // It has the fewest clients, so the first of these goes there; when one is answered all are on their way.
    const late = await Promise.all(Array.from({ length: 4 }, () => connect(port)))
    const answers = late.map((client) => client.ask('PING'))
    await Promise.any(answers)
    process.kill(there, 'SIGKILL')
    assert.deepEqual(await Promise.all(answers), ['PONG', 'PONG', 'PONG', 'PONG'])
    await endOf(program)
  })

  test('find in ACL LOG what each thread did not let its clients do', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const users = 'default on nopass ~app:* +@all'
    const { port, program } = await startThreads(cluster, '--users', users)
    const [one, other] = [await connect(port), await connect(port)]
    assert.notEqual(await threadOf(one), await threadOf(other))
    await one.call('GET', 'first')
    await other.call('GET', 'second')
    const objects = async () =>
      ((await one.ask('ACL', 'LOG')) as unknown[][]).map((entry) => String(entry[7])).sort()
    assert.deepEqual(await objects(), ['first', 'second'])
    assert.equal(await other.ask('ACL', 'LOG', 'RESET'), 'OK')
    assert.deepEqual(await objects(), [])
    await endOf(program)
  })

  test('wait with AUTH when one of the same address failed in any thread, also in one that starts later', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const words = ['--password', 'a-secret', '--auth-failure-delay', '200']
    const { port, program } = await startThreads(cluster, ...words, '--enable-debug-command')
    const [one, other] = [await connect(port), await connect(port)]
    const waited = async (client: RawClient, password: string): Promise<number> => {
      const before = performance.now()
      const reply = String(await client.call('AUTH', password))
      assert.equal(reply.startsWith('-WRONGPASS'), password === 'wrong')
      return performance.now() - before
    }
    await waited(one, 'wrong')
    assert.ok((await waited(other, 'wrong')) >= 195)
    assert.ok((await waited(one, 'a-secret')) >= 395)
    assert.ok((await waited(other, 'a-secret')) >= 395)
    const [here, there] = [await threadOf(one), await threadOf(other)]
    assert.notEqual(here, there)
    await one.ask('PROXY', 'DEBUG', 'KILL', String(there), 'KILL')
    await other.closed
    await program.says(/a thread is gone/)
    let next: unknown
    while (next !== there) {
      const client = await connect(port)
      assert.ok((await waited(client, 'a-secret')) >= 395)
      next = await threadOf(client)
    }
    await endOf(program)
  })

  test('are paused, unblocked and killed by each other, and those of a thread that starts later are paused', async () => {
    await using cluster = await createFakeCluster({ masters: 1 })
    const { port, program } = await startThreads(cluster, '--enable-debug-command')
    const [one, other] = [await connect(port), await connect(port)]
    const [here, there] = [await threadOf(one), await threadOf(other)]
    assert.notEqual(here, there)
    const id = String(await idOf(other))

    const popped = other.call('BLPOP', 'list', '0')
    while ((await one.ask('CLIENT', 'UNBLOCK', id)) !== 1) await one.ask('PING')
    assert.equal(String(await popped), '*-1\r\n')
    const again = other.call('BLPOP', 'list', '0')
    while ((await one.ask('CLIENT', 'UNBLOCK', id, 'ERROR')) !== 1) await one.ask('PING')
    assert.match(String(await again), /^-UNBLOCKED /)
    assert.equal(await one.ask('CLIENT', 'UNBLOCK', id), 0)

    assert.equal(await one.ask('CLIENT', 'PAUSE', '600000', 'WRITE'), 'OK')
    const cutOff = assert.rejects(other.call('SET', 'key', 'value'))
    while (!(await flagsOf(one, id)).includes('b')) await one.ask('PING')
    assert.equal(cluster.execute('EXISTS', 'key'), 0)
    assert.equal(await one.ask('PROXY', 'DEBUG', 'KILL', String(there), 'KILL'), 'OK')
    await cutOff
    const next = await connectTo(port, there)
    const nextId = String(await idOf(next))
    const late = next.call('SET', 'key', 'late')
    while (!(await flagsOf(one, nextId)).includes('b')) await one.ask('PING')
    assert.equal(cluster.execute('EXISTS', 'key'), 0)
    assert.equal(await one.ask('CLIENT', 'UNPAUSE'), 'OK')
    assert.equal(String(await late), '+OK\r\n')

    assert.equal(await one.ask('CLIENT', 'KILL', 'ID', nextId), 1)
    await next.closed
    await endOf(program)
  })
})
