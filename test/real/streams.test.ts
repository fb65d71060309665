import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { keySlot } from '../../lib/command/slot.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealCluster, type RealNode, startCluster } from '../support/real-cluster.ts'
import { needsServer } from '../support/server-available.ts'
import { type Proxied, startProxy } from './proxied.ts'

function slotOf(key: string): number {
  const bytes = Buffer.from(key)
  return keySlot(bytes, 0, bytes.length)
}

/** What XREAD tells of one entry of one stream, in RESP2. */
function entry(key: string, id: string): string {
  const words = [key, id].map((word) => `$${word.length}\r\n${word}\r\n`)
  return `*1\r\n*2\r\n${words[0]}*1\r\n*2\r\n${words[1]}*2\r\n$1\r\nn\r\n$1\r\n1\r\n`
}

describe('XREAD with BLOCK over streams of several slots', needsServer, () => {
  let cluster: RealCluster
  let running: Proxied
  let reader: RawClient
  let writer: RawClient
  /** Keys of three slots, on three masters. */
  let keys: readonly string[]
  let round = 0

  before(async () => {
    cluster = await startCluster({ masters: 3, replicas: 1 })
    running = await startProxy({
      nodes: cluster.addresses,
      crossSlot: 'gather',
      privatePoolSize: 1,
      privatePoolMinSize: 1,
    })
  })

  after(async () => {
    await running?.proxy.shutdown({ timeout: 0 })
    await cluster?.stop()
  })

  /** New clients, and new keys. */
  async function begin(): Promise<void> {
    reader = await connect(running.port)
    writer = await connect(running.port)
    round++
    const found = new Map<RealNode, string>()
    for (let i = 0; found.size < 3; i++) {
      const key = `s${round}:${i}`
      found.set(await cluster.ownerOf(slotOf(key)), key)
    }
    keys = [...found.values()]
  }

  async function end(): Promise<void> {
    for (const each of [reader, writer]) each.stream.destroy()
    await blocked(0)
  }

  function scenario(title: string, run: () => Promise<void>): void {
    it(title, { timeout: 30_000 }, async () => {
      await begin()
      await run()
      await end()
    })
  }

  /** Waits until so many clients are blocked in the cluster. */
  async function blocked(count: number): Promise<void> {
    for (;;) {
      let sum = 0
      for (const node of cluster.masters) {
        const info = String(await node.call('INFO', 'clients'))
        sum += Number(/blocked_clients:(\d+)/.exec(info)?.[1])
      }
      if (sum === count) return
    }
  }

  function read(timeout: number, ids: readonly string[]): Promise<Buffer> {
    return reader.call('XREAD', 'BLOCK', String(timeout), 'STREAMS', ...keys, ...ids)
  }

  function add(key: string, id: string): Promise<Buffer> {
    return writer.call('XADD', key, id, 'n', '1')
  }

  scenario(
    'gives at once what there is, of all streams and in the order of the request',
    async () => {
      await add(keys[2]!, '1-1')
      await add(keys[0]!, '1-2')
      const reply = String(await read(0, ['0', '0', '0']))
      const [first, second] = [entry(keys[0]!, '1-2'), entry(keys[2]!, '1-1')]
      assert.equal(reply, `*2\r\n${first.slice(4)}${second.slice(4)}`)
    }
  )

  scenario(
    'is answered by the first stream that gets something, and the others keep theirs',
    async () => {
      const reply = read(0, ['$', '0', '$'])
      await blocked(3)
      await add(keys[1]!, '1-1')
      assert.equal(String(await reply), entry(keys[1]!, '1-1'))
      await add(keys[0]!, '2-1')
      assert.equal(String(await read(0, ['0', '$', '$'])), entry(keys[0]!, '2-1'))
    }
  )

  scenario('knows the id + where the servers do: the last entry', async () => {
    const [first, , third] = keys
    for (const id of ['1-1', '1-2']) await add(first!, id)
    const owner = await cluster.ownerOf(slotOf(first!))
    const single = owner.call('XREAD', 'STREAMS', first!, '+')
    const known = await single.then(
      () => true,
      () => false
    )
    const ids = ['+', '+', '+']
    const plain = (): Promise<string> =>
      reader.call('XREAD', 'STREAMS', ...keys, ...ids).then(String)
    if (!known) {
      assert.match(await plain(), /^-ERR Invalid stream ID/)
      assert.match(String(await read(0, ids)), /^-ERR Invalid stream ID/)
      return
    }
    for (const reply of [await plain(), String(await read(0, ids))]) {
      assert.equal(reply, entry(first!, '1-2'))
    }
    await add(third!, '3-1')
    const both = `*2\r\n${entry(first!, '1-2').slice(4)}${entry(third!, '3-1').slice(4)}`
    assert.equal(await plain(), both)
    await writer.call('DEL', first!, third!)
    const later = read(0, ids)
    await blocked(3)
    await add(third!, '4-1')
    assert.equal(String(await later), entry(third!, '4-1'))
  })

  scenario('keeps the connections for the next one', async () => {
    const dialled = async (): Promise<string[]> => {
      const infos = await Promise.all(cluster.masters.map((node) => node.call('INFO', 'stats')))
      return infos.map((info) => /total_connections_received:\d+/.exec(String(info))![0])
    }
    const ids = ['0', '0', '0']
    const once = async (i: number): Promise<void> => {
      const reply = read(0, ids)
      await blocked(3)
      await add(keys[i % 3]!, `${i}-1`)
      assert.equal(String(await reply), entry(keys[i % 3]!, `${i}-1`))
      ids[i % 3] = `${i}-1`
      await blocked(0)
    }
    let number = 1
    const reads = async (): Promise<string[]> => {
      for (const past = number + 15; number < past; number++) await once(number)
      return dialled()
    }
    // The pool is being filled at first, which ends by and by; a new connection for each read would never end.
    let earlier = await reads()
    let now = await reads()
    for (let left = 10; left > 0 && now.join() !== earlier.join(); left--) {
      earlier = now
      now = await reads()
    }
    assert.deepEqual(now, earlier)
  })

  scenario('E7.2 answers nil when the time is over, in both protocols', async () => {
    assert.equal(String(await read(60, ['$', '$', '$'])), '*-1\r\n')
    await reader.call('HELLO', '3')
    const begun = performance.now()
    assert.equal(String(await read(60, ['$', '$', '$'])), '_\r\n')
    assert.ok(performance.now() - begun >= 59)
  })

  scenario('gives the errors of a single server', async () => {
    await writer.call('SET', keys[1]!, 'text')
    assert.match(String(await read(0, ['$', '$', '$'])), /^-WRONGTYPE /)
    assert.match(String(await read(-1, ['$', '$', '$'])), /^-ERR timeout is negative/)
    assert.match(String(await read(0, ['$', '$'])), /^-ERR Unbalanced (XREAD|'xread') list/)
    assert.match(String(await read(0, ['0', 'x', '0'])), /^-(?:ERR Invalid stream ID|WRONGTYPE)/)
  })

  scenario('E7.3 a client that leaves frees all connections', async () => {
    void read(0, ['$', '$', '$']).catch(() => {})
    await blocked(3)
    reader.stream.destroy()
    await blocked(0)
  })

  scenario('E7.6 CLIENT UNBLOCK ends it, and CLIENT KILL', async () => {
    const id = Number(await reader.ask('CLIENT', 'ID'))
    for (const [how, text] of [
      ['TIMEOUT', '*-1\r\n'],
      ['ERROR', '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'],
    ] as const) {
      const reply = read(0, ['$', '$', '$'])
      await blocked(3)
      assert.equal(await writer.ask('CLIENT', 'UNBLOCK', id, how), 1)
      assert.equal(String(await reply), text)
      assert.equal(await writer.ask('CLIENT', 'UNBLOCK', id), 0)
      await blocked(0)
    }
    void read(0, ['$', '$', '$']).catch(() => {})
    await blocked(3)
    assert.equal(await writer.ask('CLIENT', 'KILL', 'ID', id), 1)
    await blocked(0)
  })

  scenario('E7.5 what comes behind it waits', async () => {
    const replies = reader.pipeline([
      ['XREAD', 'BLOCK', '0', 'STREAMS', ...keys, '$', '$', '$'],
      ['XLEN', keys[0]!],
      ['PING'],
    ])
    await blocked(3)
    await add(keys[0]!, '1-1')
    assert.deepEqual((await replies).slice(1).map(String), [':1\r\n', '+PONG\r\n'])
  })

  scenario(
    'E2.19 E7.9 goes on when a slot moves, and misses nothing that comes meanwhile',
    async () => {
      const [, key] = keys
      await add(key!, '1-1')
      const reply = read(20_000, ['$', '$', '$'])
      await blocked(3)
      const owner = await cluster.ownerOf(slotOf(key!))
      const other = cluster.masters.find((node) => node !== owner)!
      await cluster.migrateSlot(slotOf(key!), owner, other)
      await add(key!, '2-1')
      assert.equal(String(await reply), entry(key!, '2-1'))
    }
  )

  scenario('within MULTI, for a group, and without gathering it is refused as before', async () => {
    const group = ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', ...keys, '>', '>', '>']
    const blocking = [...group]
    blocking.splice(4, 0, 'BLOCK', '0')
    for (const command of [group, blocking]) {
      assert.match(String(await reader.call(...command)), /^-ERR Cross-slot queries are not/)
    }
    const frames = await reader.pipeline([
      ['MULTI'],
      ['XREAD', 'BLOCK', '0', 'STREAMS', ...keys, '$', '$', '$'],
      ['EXEC'],
    ])
    assert.match(String(frames[1]), /^-CROSSSLOT /)
    assert.match(String(frames[2]), /^-EXECABORT /)
    for (const crossSlot of [false, true]) {
      await using plain = await startProxy({ nodes: cluster.addresses, crossSlot })
      await using client = await connect(plain.port)
      const text = String(
        await client.call('XREAD', 'BLOCK', '0', 'STREAMS', ...keys, '$', '$', '$')
      )
      assert.match(text, /^-ERR Cross-slot queries are not/)
    }
  })

  scenario('E2.20 goes on when a master fails over', async () => {
    const [, , key] = keys
    const owner = await cluster.ownerOf(slotOf(key!))
    const reply = read(0, ['$', '$', '$'])
    await blocked(3)
    await cluster.failover(cluster.replicas[cluster.masters.indexOf(owner)]!)
    await blocked(3)
    await add(key!, '1-1')
    assert.equal(String(await reply), entry(key!, '1-1'))
  })
})
