import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { RawClient } from '../support/raw-client.ts'
import { receivedBy, setStage } from './stage.ts'

/** Waits until another client sees that a client's next command waits for the end of a pause. */
async function paused(observer: RawClient, id: unknown): Promise<void> {
  const limit = AbortSignal.timeout(5000)
  const line = (): Promise<unknown> => observer.ask('CLIENT', 'LIST', 'ID', String(id))
  while (!/ flags=x?b/.test(String(await line()))) limit.throwIfAborted()
}

describe('E8.9 CLIENT PAUSE', () => {
  it('E8.9 WRITE keeps writes back where they stand, and lets reads through', async () => {
    await using stage = await setStage()
    const [admin, writer, reader] = [
      await stage.client(),
      await stage.client(),
      await stage.client(),
    ]
    const id = await writer.ask('CLIENT', 'ID')
    assert.equal(await admin.ask('CLIENT', 'PAUSE', '60000', 'WRITE'), 'OK')
    const replies = writer.pipeline([
      ['GET', 'k'],
      ['SET', 'k', '1'],
      ['GET', 'k'],
    ])
    assert.equal(await reader.ask('GET', 'k'), null)
    await paused(reader, id)
    assert.deepEqual(
      stage.cluster.nodes.flatMap((node) => receivedBy(node, 'SET')),
      []
    )
    assert.equal(await admin.ask('CLIENT', 'UNPAUSE'), 'OK')
    assert.deepEqual((await replies).map(String), ['$-1\r\n', '+OK\r\n', '$1\r\n1\r\n'])
    assert.match(String(await reader.ask('CLIENT', 'LIST', 'ID', String(id))), / flags=N /)
  })

  it('E8.9 WRITE keeps back PUBLISH, PFCOUNT, scripts, and EXEC of a transaction that writes', async () => {
    await using stage = await setStage()
    const admin = await stage.client()
    const held = [
      ['PUBLISH', 'c', 'm'],
      ['PFCOUNT', 'h'],
      ['EVAL', 'return 1', '0'],
    ]
    const clients = await stage.clients(held.length)
    const transaction = await stage.client()
    const ids = await Promise.all(
      [...clients, transaction].map((client) => client.ask('CLIENT', 'ID'))
    )
    await transaction.pipeline([['MULTI'], ['SET', 'k', '1']])
    const reading = await stage.client()
    await reading.pipeline([['MULTI'], ['GET', 'k']])
    await admin.ask('CLIENT', 'PAUSE', '60000', 'WRITE')
    assert.equal(String(await reading.call('EXEC')), '*1\r\n$-1\r\n')
    const replies = clients.map((client, i) => client.call(...held[i]!))
    const executed = transaction.call('EXEC')
    // Whatever was sent before is looked at by now.
    for (const id of ids) await paused(admin, id)
    await admin.ask('CLIENT', 'UNPAUSE')
    assert.equal(String(await executed), '*1\r\n+OK\r\n')
    await Promise.all(replies)
  })

  it('E8.9 ALL keeps everything back until the time is over, but not what is no command', async () => {
    await using stage = await setStage()
    const [admin, other] = [await stage.client(), await stage.client()]
    const begun = performance.now()
    assert.equal(await admin.ask('CLIENT', 'PAUSE', '200'), 'OK')
    assert.match(String(await other.call('NOSUCH')), /^-ERR unknown command/)
    assert.equal(String(await other.call('PING')), '+PONG\r\n')
    assert.ok(performance.now() - begun >= 199)
  })

  it('E8.9 who leaves while paused has not written, and a shutdown does not wait for the pause', async () => {
    await using stage = await setStage()
    const [admin, leaver, other] = await stage.clients(3)
    const id = await leaver!.ask('CLIENT', 'ID')
    await admin!.ask('CLIENT', 'PAUSE', '60000', 'WRITE')
    const gone = once(stage.proxy, 'clientDisconnect')
    leaver!.send(['SET', 'k', '1'])
    await paused(admin!, id)
    leaver!.stream.end()
    const [event] = await gone
    assert.equal(event.id, id)
    const otherId = await other!.ask('CLIENT', 'ID')
    const reply = other!.call('SET', 'k', '2')
    await paused(admin!, otherId)
    await stage.proxy.shutdown({ timeout: 5000 })
    assert.equal(String(await reply), '+OK\r\n')
    assert.deepEqual(
      stage.cluster.nodes.flatMap((node) => receivedBy(node, 'SET')),
      ['SET k 2']
    )
  })
})

describe('E8.6 CLIENT REPLY', () => {
  it('E8.6 SKIP silences exactly the next command, whoever carries it out', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const [a, b] = [stage.keyOf(0), stage.keyOf(1)]
    client.send(['SET', a, '1'])
    for (const silent of [
      ['GET', a],
      ['PING'],
      ['MGET', a, b],
      ['DBSIZE'],
      ['NOSUCH'],
      ['GET'],
      ['CLIENT', 'LIST'],
      ['MULTI'],
    ]) {
      client.send(['CLIENT', 'REPLY', 'SKIP'])
      client.send(silent)
    }
    client.send(['GET', a])
    client.send(['EXEC'])
    client.send(['PING'])
    const replies = [...Array(4)].map(() => client.readReply())
    assert.deepEqual((await Promise.all(replies)).map(String), [
      '+OK\r\n',
      '+QUEUED\r\n',
      '*1\r\n$1\r\n1\r\n',
      '+PONG\r\n',
    ])
  })

  it('E8.6 SKIP silences RESET too, which takes effect, and OFF does not', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const skipped = ['CLIENT', 'REPLY', 'SKIP']
    for (const state of [
      ['HELLO', '3'],
      ['WATCH', 'k'],
    ]) {
      await client.call(...state)
      for (const request of [skipped, ['RESET'], ['CLIENT', 'NO-EVICT', 'x']]) client.send(request)
      assert.equal(String(await client.readReply()), '-ERR syntax error\r\n')
      assert.equal(String(await client.call('HGETALL', 'h')), '*0\r\n')
    }
    client.send(['CLIENT', 'REPLY', 'OFF'])
    assert.equal(String(await client.call('RESET')), '+RESET\r\n')
  })

  it('E8.6 OFF silences transactions and blocking commands too, until ON or RESET', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    const key = stage.keyOf(0)
    client.send(['CLIENT', 'REPLY', 'OFF'])
    client.send(['CLIENT', 'REPLY', 'SKIP'])
    client.send(['MULTI'])
    client.send(['RPUSH', key, 'x'])
    client.send(['EXEC'])
    client.send(['BLPOP', key, '0'])
    client.send(['GET', stage.keyOf(1)])
    assert.equal(String(await client.call('CLIENT', 'REPLY', 'ON')), '+OK\r\n')
    assert.equal(String(await client.call('EXISTS', key)), ':0\r\n')
    client.send(['CLIENT', 'REPLY', 'OFF'])
    client.send(['PING'])
    assert.equal(String(await client.call('RESET')), '+RESET\r\n')
    client.send(['MULTI'])
    await client.readReply()
    assert.match(String(await client.call('CLIENT', 'REPLY', 'OFF')), /^-ERR/)
    assert.match(String(await client.call('EXEC')), /^-EXECABORT/)
  })
})

describe('E8.8 MONITOR', () => {
  it('E8.8 is refused to those who may not administer, and nothing reaches a node', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    assert.match(String(await client.call('MONITOR')), /^-NOPERM /)
    assert.deepEqual(
      stage.cluster.nodes.flatMap((node) => receivedBy(node, 'MONITOR')),
      []
    )
  })

  it('E8.8 shows what all clients of the proxy ask, without secrets, until RESET', async () => {
    await using stage = await setStage({ options: { adminCommands: true } })
    const [monitor, client] = [await stage.client(), await stage.client()]
    assert.equal(String(await monitor.call('MONITOR')), '+OK\r\n')
    await client.pipeline([
      ['SET', 'k', 'a"b'],
      ['AUTH', 'secret'],
      ['CONFIG', 'SET', 'requirepass', 'secret'],
      ['NOSUCH', 'secret'],
      ['MULTI'],
      ['GET', 'k'],
      ['EXEC'],
    ])
    const shown: string[] = []
    for (let i = 0; i < 5; i++) shown.push(String(await monitor.readReply()))
    const words = shown.map(
      (line) => /^\+\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] (.*)\r\n$/.exec(line)?.[1]
    )
    assert.deepEqual(words, [
      '"SET" "k" "a\\"b"',
      '"AUTH" "(redacted)"',
      '"MULTI"',
      '"GET" "k"',
      '"EXEC"',
    ])
    const id = await client.ask('CLIENT', 'LIST')
    assert.match(String(id), / flags=O /)
    monitor.send(['RESET'])
    assert.match(String(await monitor.readReply()), /"RESET"/)
    assert.equal(String(await monitor.readReply()), '+RESET\r\n')
    await client.call('GET', 'k')
    assert.equal(String(await monitor.call('PING')), '+PONG\r\n')
  })

  it('E8.8 within MULTI it is refused, as by a server', async () => {
    await using stage = await setStage({ options: { adminCommands: true } })
    const client = await stage.client()
    const replies = await client.pipeline([['MULTI'], ['MONITOR'], ['EXEC']])
    assert.equal(
      String(replies[2]),
      "*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n"
    )
  })

  it('E8.8 who does not read is cut off, and nobody waits for it', async () => {
    await using stage = await setStage({
      options: { adminCommands: true, subscriberOutputLimit: 256 * 1024 },
    })
    const [monitor, client] = [await stage.client(), await stage.client()]
    const id = await monitor.ask('CLIENT', 'ID')
    await monitor.call('MONITOR')
    monitor.stream.pause()
    const gone = once(stage.proxy, 'clientDisconnect')
    const value = 'x'.repeat(64 * 1024)
    let left = false
    void gone.then(() => {
      left = true
    })
    while (!left) assert.equal(await client.ask('SET', 'k', value), 'OK')
    const [event] = await gone
    assert.equal(event.id, id)
    assert.match(event.reason, /subscriberOutputLimit/)
  })
})
