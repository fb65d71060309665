import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RawClient } from '../support/raw-client.ts'
import { decodeReply, type Reply } from '../support/resp-frame.ts'
import { receivedBy, type Stage, setStage, until } from './stage.ts'

const always = { times: Number.POSITIVE_INFINITY }

interface Page {
  readonly cursor: string
  readonly keys: string[]
}

async function page(client: RawClient, cursor: string, ...options: string[]): Promise<Page> {
  const [next, keys] = (await client.ask('SCAN', cursor, ...options)) as [Reply, Reply[]]
  return { cursor: String(next), keys: keys.map(String) }
}

/** The keys of all pages from a cursor on. */
async function rest(client: RawClient, from: string, ...options: string[]): Promise<string[]> {
  const found: string[] = []
  for (let cursor = from; cursor !== '0'; ) {
    const next = await page(client, cursor, ...options)
    found.push(...next.keys)
    cursor = next.cursor
  }
  return found
}

/** All keys that a scan gives; `between` runs after each page. */
async function scan(
  client: RawClient,
  options: readonly string[] = [],
  between: (page: Page, pages: number) => unknown = () => {}
): Promise<string[]> {
  const found: string[] = []
  let cursor = '0'
  for (let pages = 1; pages === 1 || cursor !== '0'; pages++) {
    assert.ok(pages < 2000, 'the scan ends')
    const next = await page(client, cursor, ...options)
    assert.match(next.cursor, /^(?:0|[1-9]\d*)$/)
    assert.ok(BigInt(next.cursor) < 2n ** 63n)
    cursor = next.cursor
    found.push(...next.keys)
    await between(next, pages)
  }
  return found
}

/** A scan during which the slots of keys move to a node: the first node is done then, and the second has just begun. */
async function scanWhileMoving(
  stage: Stage,
  keys: readonly string[],
  to: number
): Promise<string[]> {
  let moved = false
  const found = await scan(await stage.client(), ['COUNT', '10'], ({ keys: shown }) => {
    if (moved || !shown.some((key) => stage.cluster.owner(key) === stage.cluster.nodes[1])) return
    moved = true
    for (const key of keys) stage.cluster.migrate(stage.cluster.slotOf(key), to)
  })
  assert.ok(moved)
  return found
}

/** Keys in many slots, the same number at each of the nodes. */
function fill(stage: Stage, count = 60): string[] {
  const keys = stage.cluster.masters.flatMap((node) => stage.keysOf(node, count))
  for (const key of keys) stage.cluster.execute('SET', key, 'x')
  return keys
}

const sorted = (keys: Iterable<string>): string[] => [...new Set(keys)].sort()

describe('SCAN over all masters', () => {
  it('E5.1 E5.3 has decimal cursors of 64 bits, 0 at both ends only, and gives every key once', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const keys = fill(stage)
    const client = await stage.client()
    let zeros = 0
    const found = await scan(client, ['COUNT', '7'], ({ cursor }) => {
      if (cursor === '0') zeros++
    })
    assert.equal(zeros, 1)
    assert.deepEqual(found.sort(), keys.sort())
  })

  it('E5.1 takes the cursors of one client from another, in either protocol and more than once', async () => {
    await using stage = await setStage()
    const keys = fill(stage, 30)
    const [one, other] = (await stage.clients(2)) as [RawClient, RawClient]
    await other.ask('HELLO', '3')
    const first = await page(one, '0', 'COUNT', '20')
    const second = await page(other, first.cursor, 'COUNT', '20')
    assert.deepEqual(await page(one, first.cursor, 'COUNT', '20'), second)
    const found = [...first.keys, ...second.keys, ...(await rest(other, second.cursor))]
    assert.deepEqual(sorted(found), sorted(keys))
  })

  it('E5.2 holds cursors of the nodes whatever their size', async () => {
    await using stage = await setStage()
    const big = ['4611686018427387903', '18446744073709551615', '4294967296', '0']
    const node = stage.cluster.nodes[0]!
    const seen: string[] = []
    node.answer(
      ([name, cursor]) => name?.toUpperCase() === 'SCAN' && seen.push(cursor!) > 0,
      () => {
        const next = big[seen.length - 1]!
        return `*2\r\n$${next.length}\r\n${next}\r\n*1\r\n$1\r\n${seen.length}\r\n`
      },
      always
    )
    const client = await stage.client()
    const found = await scan(client)
    assert.deepEqual(seen, ['0', ...big.slice(0, 3)])
    assert.deepEqual(found, ['1', '2', '3', '4'])
  })

  it('E5.4 starts a shard anew after a failover, and misses nothing', async () => {
    await using stage = await setStage({ cluster: { masters: 2, replicas: 1 } })
    const keys = fill(stage, 40)
    const client = await stage.client()
    const [replica] = stage.cluster.replicasOf(0)
    const found = await scan(client, ['COUNT', '5'], async (_, pages) => {
      if (pages !== 3) return
      stage.cluster.failover(replica!)
      await stage.proxy.refresh()
    })
    assert.deepEqual(sorted(found), sorted(keys))
    assert.ok(receivedBy(replica!, 'SCAN').some((line) => line.startsWith('SCAN 0 ')))
  })

  it('E5.4 goes on at the new master when the node that was being scanned is gone', async () => {
    await using stage = await setStage({ cluster: { masters: 2, replicas: 1 } })
    const keys = fill(stage, 40)
    const client = await stage.client()
    const [replica] = stage.cluster.replicasOf(0)
    const found = await scan(client, ['COUNT', '5'], async (_, pages) => {
      if (pages !== 3) return
      stage.cluster.failover(replica!)
      await stage.cluster.nodes[0]!.stop()
    })
    assert.deepEqual(sorted(found), sorted(keys))
  })

  it('E5.5 finds the keys of slots that moved from an unscanned to a scanned node', async () => {
    await using stage = await setStage()
    const keys = fill(stage)
    const late = stage.keysOf(1, 20)
    const found = await scanWhileMoving(stage, late, 0)
    assert.deepEqual(sorted(found), sorted(keys))
  })

  it('E5.5 finds them although nobody told the proxy of the move', async () => {
    await using stage = await setStage({ options: { refreshInterval: 86_400_000 } })
    const keys = fill(stage, 10)
    const late = stage.keysOf(1, 10)
    const client = await stage.client()
    const first = await page(client, '0', 'COUNT', '10')
    assert.equal(first.keys.length, 10)
    for (const key of late) stage.cluster.migrate(stage.cluster.slotOf(key), 0)
    const found = [...first.keys, ...(await rest(client, first.cursor, 'COUNT', '10'))]
    assert.deepEqual(sorted(found), sorted(keys))
  })

  it('E5.5 ends, and misses nothing, while a slot is half migrated for good', async () => {
    for (const [from, to] of [
      [1, 0],
      [0, 1],
    ] as const) {
      await using stage = await setStage()
      const keys = fill(stage, 20)
      const [key] = stage.keysOf(from, 1)
      const slot = stage.cluster.slotOf(key!)
      const more = Array.from({ length: 20 }, (_, i) => `{${key}}${i}`)
      for (const each of more) stage.cluster.execute('SET', each, 'x')
      stage.cluster.setImporting(slot, to)
      stage.cluster.setMigrating(slot, to)
      const client = await stage.client()
      const found = await scan(client, ['COUNT', '5'], (_, pages) => {
        if (pages % 2 === 0 && pages < 40) stage.cluster.moveKeys(slot, 1)
      })
      assert.deepEqual(sorted(found), sorted([...keys, ...more]))
    }
  })

  it('E5.5 comes to an end while slots go on moving to and fro', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const keys = fill(stage, 30)
    const slots = keys.map((key) => stage.cluster.slotOf(key))
    const client = await stage.client()
    const found = await scan(client, ['COUNT', '10'], (_, pages) => {
      if (pages > 60) return
      for (const i of [0, 1]) {
        stage.cluster.migrate(slots[(7 * pages + 31 * i) % slots.length]!, (pages + i) % 3)
      }
    })
    assert.deepEqual(sorted(found), sorted(keys))
  })

  it('E5.6 gives keys again, and ends, when slots moved from a scanned to an unscanned node', async () => {
    await using stage = await setStage()
    const keys = fill(stage)
    const early = stage.keysOf(0, 20)
    const found = await scanWhileMoving(stage, early, 1)
    assert.deepEqual(sorted(found), sorted(keys))
  })

  it('E5.7 answers invalid and forged cursors as a server does, and never breaks', async () => {
    await using stage = await setStage()
    fill(stage, 3)
    const client = await stage.client()
    const bad = ['x', '1x', '-1', '18446744073709551616', '9'.repeat(5000), '1.5', ' 0']
    for (const cursor of bad) {
      assert.equal(String(await client.call('SCAN', cursor)), '-ERR invalid cursor\r\n', cursor)
    }
    for (let i = 0; i < 300; i++) {
      const forged = String(BigInt.asUintN(64, BigInt(i) * 0x9e3779b97f4a7c15n))
      assert.match(String(await client.call('SCAN', forged)), /^(?:\*2|-ERR invalid cursor)\r\n/)
    }
    assert.equal((await page(client, '')).keys.length, 6)
    // A cursor that nobody keeps any more, or another thread does: the scan begins anew, and misses nothing.
    assert.equal((await page(client, '12345')).keys.length, 6)
  })

  it('E5.7 begins anew for a cursor of another map of the cluster: keys come again, none is missed', async () => {
    await using one = await setStage({ cluster: { masters: 2 } })
    await using other = await setStage({ cluster: { masters: 3 } })
    fill(one, 20)
    const keys = fill(other, 20)
    const { cursor } = await page(await one.client(), '0', 'COUNT', '20')
    const found: string[] = []
    for (let next: Page = { cursor, keys: [] }; ; ) {
      next = await page(await other.client(), next.cursor, 'COUNT', '50')
      found.push(...next.keys)
      if (next.cursor === '0') break
    }
    assert.deepEqual(sorted(found), sorted(keys))
  })

  it('E5.8 passes COUNT, MATCH and TYPE through, and leaves wrong options to the node', async () => {
    await using stage = await setStage()
    const keys = fill(stage, 10)
    stage.cluster.execute('RPUSH', 'list', 'x')
    const client = await stage.client()
    assert.deepEqual(await scan(client, ['TYPE', 'list', 'COUNT', '50', 'MATCH', 'l*']), ['list'])
    assert.deepEqual(sorted(await scan(client, ['type', 'string'])), sorted(keys))
    assert.ok(
      stage.cluster.nodes.every((node) =>
        receivedBy(node, 'SCAN').includes('SCAN 0 TYPE list COUNT 50 MATCH l*')
      )
    )
    const wrong: readonly (readonly [string[], string])[] = [
      [['COUNT'], 'ERR syntax error'],
      [['COUNT', '0'], 'ERR syntax error'],
      [['COUNT', 'x'], 'ERR value is not an integer or out of range'],
      [['NONSENSE', '1'], 'ERR syntax error'],
    ]
    for (const [options, error] of wrong) {
      assert.equal(String(await client.call('SCAN', '0', ...options)), `-${error}\r\n`)
    }
    assert.match(String(await client.call('SCAN')), /^-ERR wrong number of arguments for 'scan'/)
  })

  it('E5.8 scans one node for a pattern with a hash tag, and that one alone', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    fill(stage, 20)
    const tag = stage.keyOf(1)
    const tagged = Array.from({ length: 30 }, (_, i) => `{${tag}}${i}`)
    for (const key of tagged) stage.cluster.execute('SET', key, 'x')
    const client = await stage.client()
    const found = await scan(client, ['MATCH', `{${tag}}*`, 'COUNT', '10'])
    assert.deepEqual(sorted(found), sorted(tagged))
    assert.deepEqual(await scan(client, ['MATCH', tag]), [tag])
    assert.deepEqual(receivedBy(stage.cluster.nodes[0]!, 'SCAN'), [])
    assert.deepEqual(receivedBy(stage.cluster.nodes[2]!, 'SCAN'), [])
    // No tag that counts: a wildcard stands before its end, or it is empty.
    for (const pattern of [`?{${tag}}*`, `{*}`, `{}{${tag}}*`, `\\{${tag}}*`]) {
      const before = receivedBy(stage.cluster.nodes[2]!, 'SCAN').length
      await scan(client, ['MATCH', pattern, 'COUNT', '1000'])
      assert.ok(receivedBy(stage.cluster.nodes[2]!, 'SCAN').length > before, pattern)
    }
  })

  it('E5.8 follows the one slot of a pattern when it moves', async () => {
    await using stage = await setStage()
    const tag = stage.keyOf(0)
    const slot = stage.cluster.slotOf(tag)
    const tagged = Array.from({ length: 40 }, (_, i) => `{${tag}}${i}`)
    for (const key of tagged) stage.cluster.execute('SET', key, 'x')
    const client = await stage.client()
    const found = await scan(client, ['MATCH', `{${tag}}*`, 'COUNT', '5'], (_, pages) => {
      if (pages === 3) stage.cluster.migrate(slot, 1)
    })
    assert.deepEqual(sorted(found), sorted(tagged))
  })

  it('E5.9 goes on with the next node as long as the page has room, and no further', async () => {
    await using stage = await setStage({ cluster: { masters: 3 } })
    const client = await stage.client()
    assert.deepEqual(await page(client, '0'), { cursor: '0', keys: [] })
    const keys = fill(stage, 3)
    const whole = await page(client, '0')
    assert.equal(whole.cursor, '0')
    assert.deepEqual(whole.keys.sort(), keys.sort())
    const first = await page(client, '0', 'COUNT', '4')
    assert.equal(first.keys.length, 6)
    assert.equal((await rest(client, first.cursor)).length, 3)
  })

  it('E5.9 gives empty pages of a node as they come', async () => {
    await using stage = await setStage()
    fill(stage, 20)
    const client = await stage.client()
    const pages: Page[] = []
    await scan(client, ['MATCH', 'none*', 'COUNT', '5'], (next) => pages.push(next))
    assert.ok(pages.length > 4)
    assert.ok(pages.every((each) => each.keys.length === 0))
  })

  it('E4.11 never asks a replica', async () => {
    await using stage = await setStage({
      cluster: { masters: 2, replicas: 1 },
      options: { readFrom: 'replica' },
    })
    const keys = fill(stage, 10)
    const client = await stage.client()
    assert.deepEqual(sorted(await scan(client)), sorted(keys))
    for (const replica of stage.cluster.replicas) assert.deepEqual(receivedBy(replica, 'SCAN'), [])
  })

  it('E5.4 is an error while a master cannot be reached, and its cursor stays good', async () => {
    await using stage = await setStage({ options: { retryBudget: 300, reconnectMaxDelay: 200 } })
    const keys = fill(stage, 10)
    const client = await stage.client()
    const node = stage.cluster.nodes[1]!
    await node.stop()
    // What the other has is not lost for that.
    const first = await page(client, '0', 'COUNT', '100')
    assert.equal(first.keys.length, 10)
    const reply = decodeReply(await client.call('SCAN', first.cursor))
    assert.match(String(reply), /CLUSTERDOWN the node cannot be reached/)
    const up = until(stage.proxy, 'nodeUp', () => true)
    await node.start()
    await up.catch(() => {})
    const found = [...first.keys, ...(await rest(client, first.cursor, 'COUNT', '100'))]
    assert.deepEqual(sorted(found), sorted(keys))
  })
})
