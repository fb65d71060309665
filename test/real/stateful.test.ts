import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { Redis } from 'ioredis'
import { NO_FUNCTIONS } from '../../lib/client/acknowledgement.ts'
import { keySlot } from '../../lib/command/slot.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealCluster, type RealNode, startCluster } from '../support/real-cluster.ts'
import { needsServer } from '../support/server-available.ts'
import { tryStateful } from '../support/stateful/run.ts'
import { realStage } from '../support/stateful/stages.ts'
import { type Proxied, startProxy } from './proxied.ts'

function slotOf(key: string): number {
  const bytes = Buffer.from(key)
  return keySlot(bytes, 0, bytes.length)
}

describe('commands with a memory, on a real cluster', needsServer, () => {
  let cluster: RealCluster
  let running: Proxied
  const clients: RawClient[] = []

  before(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 })
    running = await startProxy({ nodes: cluster.addresses })
  })

  after(async () => {
    for (const each of clients) each.stream.destroy()
    await running?.proxy.shutdown({ timeout: 0 })
    await cluster?.stop()
  })

  async function client(): Promise<RawClient> {
    const made = await connect(running.port)
    clients.push(made)
    return made
  }

  /** The owner of a key's slot, and another master. */
  async function homes(key: string): Promise<[RealNode, RealNode]> {
    const owner = await cluster.ownerOf(slotOf(key))
    return [owner, cluster.masters.find((node) => node !== owner)!]
  }

  /** Waits until all nodes know the owner of a slot: they may disagree for a while when it moves again before. */
  async function agreed(slot: number, owner: RealNode): Promise<void> {
    for (const node of cluster.nodes) {
      for (;;) {
        const ranges = (await node.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
        const range = ranges.find(([first, last]) => first <= slot && slot <= last)
        if (range?.[2][1] === owner.port) break
      }
    }
  }

  /** Waits until clients of the proxy are blocked in a node. */
  async function blockedIn(node: RealNode, count: number): Promise<void> {
    for (;;) {
      const info = String(await node.call('INFO', 'clients'))
      if (Number(/blocked_clients:(\d+)/.exec(info)?.[1]) >= count) return
    }
  }

  it('E6 MULTI, WATCH and EXEC do what a server does', async () => {
    const [one, other] = [await client(), await client()]
    const frames = await one.pipeline([['MULTI'], ['SET', 'k', '1'], ['INCR', 'k'], ['EXEC']])
    assert.equal(String(frames[3]), '*2\r\n+OK\r\n:2\r\n')
    await one.call('WATCH', 'k')
    await other.call('SET', 'k', '5')
    const lost = await one.pipeline([['MULTI'], ['INCR', 'k'], ['EXEC']])
    assert.equal(String(lost[2]), '*-1\r\n')
    const flawed = await one.pipeline([['MULTI'], ['INCR', 'k', 'k'], ['EXEC']])
    assert.match(String(flawed[2]), /^-EXECABORT /)
    const kinds = await one.pipeline([['MULTI'], ['LPUSH', 'k', 'x'], ['INCR', 'k'], ['EXEC']])
    assert.match(String(kinds[3]), /^\*2\r\n-WRONGTYPE .*\r\n:6\r\n$/)
  })

  it('E6.7 transactions of many clients lose and double nothing while their slot moves to and fro', async () => {
    const key = 'counter'
    const io = new Redis({ port: running.port })
    let moving = true
    let executed = 0
    const load = Array.from({ length: 8 }, async () => {
      while (moving) {
        const replies = await io.multi().incr(key).rpush(`list:{${key}}`, 'x').exec()
        assert.equal(replies?.length, 2)
        for (const [error] of replies!) assert.equal(error, null)
        executed++
      }
    })
    for (let round = 0; round < 4; round++) {
      const [owner, other] = await homes(key)
      await cluster.migrateSlot(slotOf(key), owner, other)
      await agreed(slotOf(key), other)
    }
    moving = false
    await Promise.all(load)
    assert.equal(Number(await io.get(key)), executed)
    assert.equal(await io.llen(`list:{${key}}`), executed)
    io.disconnect()
  })

  it('E7.3 a client that leaves while it is blocked takes nothing along', async () => {
    const [owner] = await homes('leaving')
    const gone = await client()
    gone.call('BLPOP', 'leaving', '0').catch(() => {})
    await blockedIn(owner, 1)
    await gone.end()
    const other = await client()
    // The proxy closes the connection at once; the server sees that before it sees what comes later.
    await other.call('RPUSH', 'leaving', 'a')
    assert.equal(await other.ask('LLEN', 'leaving'), 1)
  })

  it('E2.19 a blocked command follows its slot, with the time that is left', async () => {
    const [owner, other] = await homes('moving')
    const [waiter, pusher] = [await client(), await client()]
    const popped = waiter.ask('BLPOP', 'moving', '20')
    await blockedIn(owner, 1)
    await cluster.migrateSlot(slotOf('moving'), owner, other)
    await blockedIn(other, 1)
    await pusher.call('RPUSH', 'moving', 'a')
    assert.deepEqual(await popped, ['moving', 'a'])
  })

  it('E7.8 XREADGROUP is told when its stream is gone, and goes on where it was moved', async () => {
    const key = 'stream:group'
    const [owner, other] = await homes(key)
    const [waiter, writer] = [await client(), await client()]
    const read = ['XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', key, '>']
    await writer.ask('XGROUP', 'CREATE', key, 'g', '$', 'MKSTREAM')
    const gone = waiter.call(...read)
    await blockedIn(owner, 1)
    await writer.ask('DEL', key)
    // Since 7.2 the server carries it out once more, and finds no group.
    assert.match(
      String(await gone),
      /^-(UNBLOCKED the stream key no longer exists|NOGROUP .*)\r\n$/
    )
    await writer.ask('XGROUP', 'CREATE', key, 'g', '$', 'MKSTREAM')
    const changed = waiter.call(...read)
    await blockedIn(owner, 1)
    await writer.ask('SET', key, 'x')
    assert.match(String(await changed), /^-(UNBLOCKED|WRONGTYPE|NOGROUP) /)
    await writer.ask('DEL', key)
    await writer.ask('XGROUP', 'CREATE', key, 'g', '$', 'MKSTREAM')
    const found = waiter.call(...read)
    await blockedIn(owner, 1)
    await cluster.migrateSlot(slotOf(key), owner, other)
    await blockedIn(other, 1)
    await writer.ask('XADD', key, '*', 'f', 'v')
    assert.match(String(await found), /stream:group.*\r\nf\r\n\$1\r\nv\r\n$/s)
  })

  it('E7.9 XREAD with $ misses nothing that comes while its slot moves', async () => {
    const [owner, other] = await homes('stream')
    const [waiter, writer] = [await client(), await client()]
    await writer.call('XADD', 'stream', '1-1', 'n', '0')
    const read = waiter.call('XREAD', 'BLOCK', '20000', 'STREAMS', 'stream', '$')
    await blockedIn(owner, 1)
    await cluster.migrateSlot(slotOf('stream'), owner, other)
    await writer.call('XADD', 'stream', '2-1', 'n', '1')
    assert.match(String(await read), /\$3\r\n2-1\r\n/)
  })

  it('E7.6 CLIENT UNBLOCK ends a wait', async () => {
    const [owner] = await homes('unblock')
    const [waiter, other] = [await client(), await client()]
    const id = Number(await waiter.ask('CLIENT', 'ID'))
    const reply = waiter.call('BZPOPMIN', 'unblock', '0')
    await blockedIn(owner, 1)
    assert.equal(await other.ask('CLIENT', 'UNBLOCK', id, 'ERROR'), 1)
    assert.equal(String(await reply), '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n')
  })

  it('E4.14 WAIT tells how many replicas have what the client wrote', async () => {
    const writer = await client()
    await writer.pipeline(['a', 'b', 'c', 'd'].map((key) => ['SET', `wait ${key}`, 'x']))
    assert.equal(await writer.ask('WAIT', '1', '2000'), 1)
    assert.equal(await writer.ask('WAIT', '2', '100'), 1)
    for (const replica of cluster.replicas) replica.suspend()
    await writer.ask('APPEND', 'waits', 'x')
    assert.equal(await writer.ask('WAIT', '1', '100'), 0)
    for (const replica of cluster.replicas) replica.resume()
    assert.equal(await writer.ask('WAIT', '1', '2000'), 1)
    assert.match(String(await writer.call('WAIT', '1', '-1')), /^-ERR timeout is negative/)
  })

  it('E4.14 what marks a place for WAIT is told to replicas, and changes nothing', async () => {
    const [node] = cluster.masters
    const offset = async (): Promise<number> =>
      Number(/master_repl_offset:(\d+)/.exec(String(await node!.call('INFO', 'replication')))?.[1])
    const library = "#!lua name=kept\nredis.register_function('kept', function() return 1 end)"
    await node!.call('FUNCTION', 'LOAD', library)
    const [functions, offsetBefore] = [await node!.call('FUNCTION', 'DUMP'), await offset()]
    assert.equal(await node!.call('FUNCTION', 'RESTORE', NO_FUNCTIONS), 'OK')
    assert.ok((await offset()) > offsetBefore)
    assert.deepEqual(await node!.call('FUNCTION', 'DUMP'), functions)
    await node!.call('FUNCTION', 'DELETE', 'kept')
  })

  it('E10.1 EVALSHA finds its script on every node, and in transactions, whatever they forgot', async () => {
    const one = await client()
    const body = "return redis.call('INCR', KEYS[1])"
    const sha = String(await one.ask('SCRIPT', 'LOAD', body))
    for (const node of cluster.masters) await node.call('SCRIPT', 'FLUSH')
    for (const key of ['sa', 'sb', 'sc', 'sd']) {
      assert.equal(await one.ask('EVALSHA', sha, '1', key), 1)
    }
    for (const node of cluster.masters) await node.call('SCRIPT', 'FLUSH')
    const frames = await one.pipeline([['MULTI'], ['EVALSHA', sha, '1', 'sa'], ['EXEC']])
    assert.equal(String(frames[2]), '*1\r\n:2\r\n')
    await one.call('SCRIPT', 'FLUSH')
    assert.match(String(await one.call('EVALSHA', sha, '1', 'sa')), /^-NOSCRIPT /)
  })

  it('E10.5 E1.9 behind a script that runs for long others are told BUSY, until SCRIPT KILL ends it', async () => {
    const [slow, other] = [await client(), await client()]
    const [owner] = await homes('busy')
    await owner.call('CONFIG', 'SET', 'busy-reply-threshold', '100')
    const endless = slow.call('EVAL', 'while true do end', '1', 'busy')
    const [warning] = await once(running.proxy, 'warning', { signal: AbortSignal.timeout(10_000) })
    assert.equal(warning.code, 'SLOW_COMMAND')
    assert.match(
      String(await other.call('GET', 'busy')),
      /^-BUSY (Redis|Valkey) is busy running a script/
    )
    assert.equal(await other.ask('SCRIPT', 'KILL'), 'OK')
    assert.match(String(await endless), /^-ERR .*killed by user/)
    assert.equal(await other.ask('GET', 'busy'), null)
    assert.match(String(await other.call('SCRIPT', 'KILL')), /^-NOTBUSY /)
  })

  it('E2.20 a failover has a blocked command go on at the new master', async () => {
    const [owner] = await homes('failover')
    const replica = cluster.replicas.find(
      (node, i) => cluster.masters[i] === owner && node !== undefined
    )
    const [waiter, pusher] = [await client(), await client()]
    const popped = waiter.ask('BLPOP', 'failover', '0')
    await blockedIn(owner, 1)
    await cluster.failover(replica!)
    await blockedIn(replica!, 1)
    await pusher.call('RPUSH', 'failover', 'a')
    assert.deepEqual(await popped, ['failover', 'a'])
  })
})

it(
  'random sequences of stateful commands are answered rightly by a real cluster, and leave clean connections',
  needsServer,
  async () => {
    await using stage = await realStage()
    const totals = await tryStateful({ ...stage, seed: 1, sequences: 1000, clients: 20 })
    for (const kind of ['cut', 'messages', 'told', 'shown', 'proven'] as const)
      assert.ok(totals[kind] > 0, kind)
  }
)
