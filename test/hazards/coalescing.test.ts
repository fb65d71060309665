import assert from 'node:assert/strict'
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { describe, it } from 'node:test'
import type { CommandEvent } from '../../lib/index.ts'
import { runCounters } from '../support/counter-run.ts'
import { Dice } from '../support/dice.ts'
import { RawClient } from '../support/raw-client.ts'
import { receivedBy, type Scene, type Stage, setStage } from './stage.ts'

/** A stage whose proxy coalesces, and is connected to all masters: what waits for a connection is sent as it is. */
async function setCoalescing({ options, ...scene }: Scene = {}): Promise<Stage> {
  const stage = await setStage({ ...scene, options: { coalesce: true, ...options } })
  for (const protocol of ['2', '3']) {
    const client = await stage.client()
    await client.call('HELLO', protocol)
    for (const node of stage.cluster.masters) await client.call('EXISTS', stage.keyOf(node))
    client.stream.destroy()
    await once(stage.proxy, 'clientDisconnect')
  }
  return stage
}

/** Large values that a client reads. */
const ROUNDS = 40

/** Clients in this process: what they send in one go is read in one turn of the event loop. */
function nearby(stage: Stage, count: number): RawClient[] {
  return Array.from({ length: count }, () => {
    const [near, far] = duplexPair()
    stage.proxy.emit('connection', far)
    return new RawClient(near)
  })
}

/** Has all clients send a command at the same time; the replies as text. */
async function together(clients: readonly RawClient[], ...command: string[]): Promise<string[]> {
  const replies = await Promise.all(clients.map((client) => client.call(...command)))
  return replies.map(String)
}

const all = <Value>(count: number, value: Value): Value[] =>
  Array.from({ length: count }, () => value)

describe('E16.4 coalesced reads', () => {
  it('E16.4 reach the node once, and each client and listener is told', async () => {
    await using stage = await setCoalescing()
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'v')
    const connected = stage.proxy.stats().commands
    const events: CommandEvent[] = []
    stage.proxy.on('command', (event) => events.push(event))
    const clients = nearby(stage, 5)
    assert.deepEqual(await together(clients, 'GET', key), all(5, '$1\r\nv\r\n'))
    assert.deepEqual(receivedBy(stage.cluster.nodes[0]!, 'GET'), [`GET ${key}`])
    const { commands, coalesced } = stage.proxy.stats()
    assert.deepEqual([commands - connected, coalesced], [5, 4])
    assert.equal(new Set(events.map(({ clientId }) => clientId)).size, 5)
    assert.deepEqual(
      events.map(({ command, node, replyBytes }) => [command, node, replyBytes]),
      all(5, ['get', stage.name(0), 7])
    )
    assert.match(String(await clients[0]!.call('INFO', 'stats')), /coalesced_reads:4\r\n/)
  })

  it('E16.4 are off by default', async () => {
    await using stage = await setStage()
    await together(nearby(stage, 5), 'GET', stage.keyOf(0))
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'GET').length, 5)
  })

  it('E16.4 are not older than what their client wrote just before', async () => {
    await using stage = await setCoalescing()
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, '0')
    const [one, two, three] = nearby(stage, 3)
    const [before, own, after] = await Promise.all([
      one!.call('GET', key),
      two!.pipeline([
        ['GET', key],
        ['INCR', key],
        ['GET', key],
      ]),
      three!.call('GET', key),
    ])
    assert.equal(String(before), '$1\r\n0\r\n')
    assert.deepEqual(own.map(String), ['$1\r\n0\r\n', ':1\r\n', '$1\r\n1\r\n'])
    assert.equal(String(after), '$1\r\n1\r\n')
    const expected = [`GET ${key}`, `INCR ${key}`, `GET ${key}`]
    assert.deepEqual(receivedBy(stage.cluster.nodes[0]!, 'GET', 'INCR'), expected)
  })

  it('E16.4 never join one that is on its way: it may be older than a write that was answered', async () => {
    await using stage = await setCoalescing({ wired: true })
    const [key, other] = stage.keysOf(0, 2)
    const [reader, writer] = nearby(stage, 2)
    const held = stage.wire(0).hold('GET')
    const seen = stage.cluster.nodes[0]!.waitFor('GET')
    const early = reader!.call('GET', key!)
    await Promise.all([held, seen])
    stage.cluster.execute('SET', key!, 'written')
    const asked = stage.cluster.nodes[0]!.waitFor('GET')
    const late = writer!.call('GET', key!)
    await asked
    stage.wire(0).release()
    assert.equal(String(await early), '$-1\r\n')
    assert.equal(String(await late), '$7\r\nwritten\r\n')
    assert.equal(String(await reader!.call('GET', other!)), '$-1\r\n')
    assert.equal(stage.proxy.stats().coalesced, 0)
  })

  it('E16.4 follow MOVED and ASK each for itself', async () => {
    await using stage = await setCoalescing()
    const redirects = stage.record('redirect')
    const [moved, asked] = stage.keysOf(0, 2)
    for (const key of [moved!, asked!]) stage.cluster.execute('SET', key, 'v')
    stage.cluster.migrate(stage.cluster.slotOf(moved!), 1)
    const slot = stage.cluster.slotOf(asked!)
    stage.cluster.setImporting(slot, 1)
    stage.cluster.setMigrating(slot, 1)
    stage.cluster.moveKeys(slot)
    const clients = nearby(stage, 3)
    assert.deepEqual(await together(clients, 'GET', moved!), all(3, '$1\r\nv\r\n'))
    assert.deepEqual(await together(clients, 'GET', asked!), all(3, '$1\r\nv\r\n'))
    const kinds = redirects.map(({ kind, attempt }) => `${kind} ${attempt}`)
    assert.deepEqual(kinds, [...all(3, 'moved 1'), ...all(3, 'ask 1')])
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'GET').length, 2)
    assert.deepEqual(stage.cluster.violations, [])
  })

  it('E16.4 E1.2 keep a write of the same client behind them, when their slot turns out to have moved', async () => {
    await using stage = await setCoalescing({ wired: true })
    const key = stage.keyOf(0)
    const marker = stage.keyOf(1)
    stage.cluster.execute('SET', key, 'old')
    const [one, two] = nearby(stage, 2)
    stage.cluster.migrate(stage.cluster.slotOf(key), 1)
    const held = stage.wire(0).hold('GET')
    const reads = together([one!, two!], 'GET', key)
    await held
    assert.equal(stage.proxy.stats().coalesced, 1)
    await stage.proxy.refresh()
    const seen = stage.cluster.nodes[1]!.waitFor((command) => command[0] === 'STRLEN')
    const written = two!.call('SET', key, 'new')
    const asked = two!.call('STRLEN', marker)
    await seen
    assert.deepEqual(receivedBy(stage.cluster.nodes[1]!, 'SET'), [])
    stage.wire(0).release()
    assert.deepEqual(await reads, all(2, '$3\r\nold\r\n'))
    assert.equal(String(await written), '+OK\r\n')
    await asked
    assert.equal(stage.cluster.execute('GET', key), 'new')
  })

  for (const error of ['TRYAGAIN Multiple keys', 'LOADING Redis is loading', 'CLUSTERDOWN down']) {
    it(`E16.4 are all tried again after ${error.split(' ')[0]}`, async () => {
      await using stage = await setCoalescing()
      const key = stage.keyOf(0)
      stage.cluster.execute('SET', key, 'v')
      stage.cluster.nodes[0]!.answer('GET', `-${error}\r\n`)
      assert.deepEqual(await together(nearby(stage, 3), 'GET', key), all(3, '$1\r\nv\r\n'))
      assert.equal(receivedBy(stage.cluster.nodes[0]!, 'GET').length, 4)
    })
  }

  it('E16.4 are all told an error that is theirs to see', async () => {
    await using stage = await setCoalescing()
    const key = stage.keyOf(0)
    stage.cluster.execute('RPUSH', key, 'item')
    const replies = await together(nearby(stage, 3), 'GET', key)
    assert.equal(new Set(replies).size, 1)
    assert.match(replies[0]!, /^-WRONGTYPE /)
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'GET').length, 1)
  })

  for (const [what, retryBudget, expected] of [
    ['sent again', 5000, /^\$1\r\nv\r\n$/],
    ['told so, where nothing is tried again', 0, /^-CLUSTERDOWN /],
  ] as const) {
    it(`E16.4 are all ${what} when the connection is lost`, async () => {
      await using stage = await setCoalescing({ wired: true, options: { retryBudget } })
      const key = stage.keyOf(0)
      stage.cluster.execute('SET', key, 'v')
      const held = stage.wire(0).hold('GET')
      const reads = together(nearby(stage, 3), 'GET', key)
      await held
      stage.cluster.nodes[0]!.connections.kill()
      for (const reply of await reads) assert.match(reply, expected)
      assert.equal(stage.proxy.stats().coalesced, 2)
    })
  }

  it('E16.4 are answered although the client that was first is gone', async () => {
    await using stage = await setCoalescing({ wired: true })
    const key = stage.keyOf(0)
    stage.cluster.execute('SET', key, 'v')
    const clients = nearby(stage, 3)
    const id = String(await clients[0]!.ask('CLIENT', 'ID'))
    const held = stage.wire(0).hold('GET')
    const [first, ...others] = clients.map((client) => client.call('GET', key))
    first!.catch(() => {})
    await held
    const gone = once(stage.proxy, 'clientDisconnect')
    await (await stage.client()).call('CLIENT', 'KILL', 'ID', id)
    await gone
    stage.wire(0).release()
    assert.deepEqual((await Promise.all(others)).map(String), all(2, '$1\r\nv\r\n'))
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'GET').length, 1)
  })

  it('E16.4 are of one protocol version, of one user, and of who may read the key', async () => {
    const users = ['default on nopass ~* +@all', 'other on nopass ~other:* +@all']
    await using stage = await setCoalescing({ options: { users } })
    const key = stage.keyOf(0)
    const clients = nearby(stage, 5)
    await together(clients.slice(2, 4), 'HELLO', '3')
    await clients[4]!.call('AUTH', 'other', 'x')
    const replies = await together(clients, 'GET', key)
    assert.deepEqual(replies.slice(0, 4), [...all(2, '$-1\r\n'), ...all(2, '_\r\n')])
    assert.match(replies[4]!, /^-NOPERM /)
    assert.equal(receivedBy(stage.cluster.nodes[0]!, 'GET').length, 2)
  })

  it('E16.4 hand a large value to clients that read at their own pace, each whole', async () => {
    await using stage = await setCoalescing()
    const keys = stage.keysOf(0, 3)
    const values = keys.map((_, i) => String(i).repeat(300_000 + i))
    for (const [i, key] of keys.entries()) stage.cluster.execute('SET', key, values[i]!)
    const clients = await stage.clients(6)
    const slow = clients.slice(0, 2)
    for (const client of slow) client.stream.pause()
    const replies: Promise<Buffer>[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const reads = clients.map((client) => client.call('GET', keys[round % 3]!))
      await Promise.all(reads.slice(slow.length))
      replies.push(...reads)
    }
    for (const client of slow) client.stream.resume()
    for (const [i, frame] of (await Promise.all(replies)).entries()) {
      const value = values[Math.floor(i / clients.length) % 3]!
      assert.ok(frame.equals(Buffer.from(`$${value.length}\r\n${value}\r\n`)), `reply ${i}`)
    }
    assert.ok(stage.proxy.stats().coalesced > ROUNDS)
  })

  it('E16.4 never go back behind what their client knows, while slots move', async () => {
    await using stage = await setCoalescing({ cluster: { masters: 3 } })
    const dice = new Dice(7)
    const keys = [0, 1, 2].flatMap((node) => stage.keysOf(node, 1)).concat('{tag}1', '{tag}2')
    for (const key of keys) stage.cluster.execute('SET', key, '0')
    const counted = await runCounters(nearby(stage, 12), keys, dice, 150, () => {
      if (!dice.once(3)) return
      const slot = stage.cluster.slotOf(dice.pick(keys))
      const to = dice.pick(stage.cluster.masters)
      if (stage.cluster.owner(slot) === to) return
      if (dice.once(2)) stage.cluster.migrate(slot, to)
    })
    for (const [i, key] of keys.entries()) {
      assert.equal(Number(stage.cluster.execute('GET', key)), counted[i])
    }
    assert.ok(stage.proxy.stats().coalesced > 500)
    assert.deepEqual(stage.cluster.violations, [])
  })
})
