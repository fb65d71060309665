import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createFakeCluster } from '../../lib/testing/index.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import {
  connectTo,
  endOf,
  idOf,
  startThreads,
  threadOf,
  threadProcesses,
} from '../support/two-threads.ts'

/** Milliseconds that something takes. */
async function timeOf(something: Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await something
  return performance.now() - begun
}

/** A program of two threads, a client of each, and the process of the second one's. */
async function startPair(...words: string[]) {
  const cluster = await createFakeCluster({ masters: 1 })
  const { port, program } = await startThreads(cluster, ...words)
  const [one, other] = [await connect(port), await connect(port)] as [RawClient, RawClient]
  const there = await threadOf(other)
  assert.notEqual(await threadOf(one), there)
  const pid = threadProcesses(program.process.pid!)[Number(there)]!
  return { cluster, port, program, one, other, there, pid }
}

describe('a thread that hangs', { concurrency: 2 }, () => {
  test('is noticed, not waited for, given no clients, and replaced', async () => {
    const pair = await startPair('--thread-timeout', '8000')
    await using _ = pair.cluster
    const { port, program, one, other, there, pid } = pair
    const id = String(await idOf(other))
    process.kill(pid, 'SIGSTOP')
    // Before it is noticed it is waited for, but not for ever.
    assert.ok((await timeOf(one.ask('PROXY', 'INFO'))) < 4000)
    await program.says(/a thread does not answer/)
    for (const words of [
      ['PROXY', 'INFO'],
      ['PROXY', 'CLIENTS'],
      ['CLIENT', 'LIST'],
    ])
      assert.ok((await timeOf(one.ask(...words))) < 1500, words.join(' '))
    assert.equal(await one.ask('CLIENT', 'KILL', 'ID', id), 0)
    assert.equal(await one.ask('PROXY', 'CONFIG', 'SET', 'connections-pool-size', '7'), 'OK')
    for (let i = 0; i < 4; i++) assert.notEqual(await threadOf(await connect(port)), there)
    await program.says(/it is killed[\s\S]*a thread is gone/)
    await other.closed
    const next = await connectTo(port, there)
    const size = await next.ask('PROXY', 'CONFIG', 'GET', 'connections-pool-size')
    assert.deepEqual(size, ['connections-pool-size', 7])
    await endOf(program)
  })

  test('does what it was told when it comes to itself', async () => {
    const pair = await startPair('--thread-timeout', '0')
    await using _ = pair.cluster
    const { program, one, other, pid } = pair
    process.kill(pid, 'SIGSTOP')
    await program.says(/a thread does not answer/)
    await one.ask('PROXY', 'CONFIG', 'SET', 'connections-pool-size', '7')
    process.kill(pid, 'SIGCONT')
    await program.says(/a thread answers again/)
    const size = await other.ask('PROXY', 'CONFIG', 'GET', 'connections-pool-size')
    assert.deepEqual(size, ['connections-pool-size', 7])
    await endOf(program)
  })

  test('does not outlive a main process that ends at once', async () => {
    const pair = await startPair()
    await using _ = pair.cluster
    const { program, one, other, pid } = pair
    process.kill(pid, 'SIGSTOP')
    await program.says(/a thread does not answer/)
    one.send(['PROXY', 'SHUTDOWN', 'ASAP'])
    await Promise.all([one.closed, other.closed])
    assert.equal((await program.ended).code, 0)
  })
})

describe('threads whose clients wait for a reply', { concurrency: 2 }, () => {
  for (const signals of [
    ['SIGTERM', 'SIGKILL'],
    ['SIGINT', 'SIGINT'],
  ] as const) {
    test(`end at once when the main process does, after ${signals.join(' and ')}`, async () => {
      const pair = await startPair('--shutdown-timeout', '60000')
      await using _ = pair.cluster
      const { cluster, program, one, other } = pair
      await program.says(/commands are served[\s\S]*commands are served/)
      cluster.nodes[0]!.pause()
      const replies = [one, other].map((client) => client.call('INCR', 'counter'))
      const gone = replies.map((reply) => assert.rejects(reply))
      program.process.kill(signals[0])
      await program.says(/shutting down/)
      const begun = performance.now()
      program.process.kill(signals[1])
      await Promise.all(gone)
      // Its output is closed when the last process that has it is gone.
      await program.ended
      assert.ok(performance.now() - begun < 8000)
    })
  }

  test('end with the main process in the middle of a restart', async () => {
    const pair = await startPair()
    await using _ = pair.cluster
    const { program, one, other } = pair
    program.process.kill('SIGUSR2')
    program.process.kill('SIGTERM')
    await Promise.all([one.closed, other.closed])
    const { code, output } = await program.ended
    assert.equal(code, 0)
    assert.match(output, /bye/)
  })

  test('have them move when one of them is told to end by a signal, for as long as shutdown-timeout', async () => {
    const pair = await startPair('--shutdown-timeout', '60000')
    await using _ = pair.cluster
    const { port, program, one, other, pid } = pair
    await other.call('HELLO', '3')
    await other.call('CLIENT', 'MAINT_NOTIFICATIONS', 'ON')
    process.kill(pid, 'SIGTERM')
    assert.match(String(await other.readReply()), /MOVING\r\n:1\r\n:30\r\n/)
    assert.equal(await other.ask('PING'), 'PONG')
    assert.equal(await (await connect(port)).ask('PING'), 'PONG')
    for (const client of [one, other]) client.stream.destroy()
    await endOf(program)
  })
})
