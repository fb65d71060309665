import assert from 'node:assert/strict'
import { before, describe, it, test } from 'node:test'
import { keySlot } from '../../lib/command/slot.ts'
import { connect, type RawClient } from '../support/raw-client.ts'
import { type RealNode, startCluster } from '../support/real-cluster.ts'
import type { Argument } from '../support/resp-frame.ts'
import { needsServer } from '../support/server-available.ts'
import { footing, startProxy } from './proxied.ts'

type Command = readonly Argument[]

const KEY = '{newer}:hash'
const SCRIPT = "return 'shown'"
const SHA = '9f79dfd8c4fd6d3d98a5c0a3a6a6bd70a3d2a4d7'

/** What came with Redis 7.2 and 7.4 and with Valkey 8.0; the same everywhere, an error included where the servers do not know it. */
const COMMANDS: readonly Command[] = [
  ['HSET', KEY, 'f', 1, 'g', 2, 'h', 3],
  ['HEXPIRE', KEY, 100, 'FIELDS', 2, 'f', 'none'],
  ['HTTL', KEY, 'FIELDS', 2, 'f', 'g'],
  ['HPEXPIRE', KEY, 100_000, 'NX', 'FIELDS', 1, 'f'],
  ['HEXPIREAT', KEY, 4_000_000_000, 'FIELDS', 1, 'g'],
  ['HEXPIRETIME', KEY, 'FIELDS', 1, 'g'],
  ['HPEXPIREAT', KEY, 1, 'FIELDS', 1, 'h'],
  ['HPEXPIRETIME', KEY, 'FIELDS', 1, 'g'],
  ['HPERSIST', KEY, 'FIELDS', 2, 'f', 'g'],
  ['HGETALL', KEY],
  ['HEXPIRE', KEY],
  ['HSCAN', KEY, 0, 'NOVALUES'],
  ['ZADD', '{newer}:z', 1, 'a', 2, 'b'],
  ['ZRANK', '{newer}:z', 'b', 'WITHSCORE'],
  ['ZREVRANK', '{newer}:z', 'b', 'WITHSCORE'],
  ['WAITAOF', 0, 0, 10],
  ['WAITAOF', 1, 0, 10],
  ['MULTI'],
  ['SPUBLISH', '{newer}:channel', 'x'],
  ['HEXPIRE', KEY, 100, 'FIELDS', 1, 'f'],
  ['HPERSIST', KEY, 'FIELDS', 1, 'f'],
  ['EXEC'],
  ['MULTI'],
  ['MULTI'],
  ['EXEC'],
  ['MULTI'],
  ['WATCH', KEY],
  ['EXEC'],
  ['DISCARD'],
  ['EVAL', "return redis.call('hpersist', KEYS[1], 'fields', 1, 'f')", 1, KEY],
  ['SCRIPT', 'SHOW', SHA],
  ['CLIENT', 'NO-TOUCH', 'ON'],
  ['CLIENT', 'SETINFO', 'LIB-NAME', 'a b'],
  ['CLIENT', 'KILL', 'MAXAGE', 0],
  ['COMMAND', 'INFO', 'hexpire', 'script|show', 'waitaof'],
  ['COMMAND', 'GETKEYS', 'HEXPIRE', KEY, 100, 'FIELDS', 1, 'f'],
]

describe('commands of newer servers than the built-in table knows', needsServer, () => {
  const real = footing({ replicas: 0 }, {})
  let owner: RealNode
  let info = ''

  before(async () => {
    const bytes = Buffer.from('newer')
    owner = await real.cluster.ownerOf(keySlot(bytes, 0, bytes.length))
    info = String(await owner.call('INFO', 'server'))
  })

  for (const protocol of [2, 3]) {
    it(`are carried out as by the node itself, in RESP${protocol}`, async () => {
      await using direct = await connect(owner.port)
      await using proxied = await connect(real.running.port)
      const all = async (client: RawClient): Promise<string[]> => {
        await client.call('HELLO', protocol)
        await owner.call('DEL', KEY, '{newer}:z')
        const replies: string[] = []
        for (const command of COMMANDS) replies.push(String(await client.call(...command)))
        return replies
      }
      const expected = await all(direct)
      const actual = await all(proxied)
      for (const [i, command] of COMMANDS.entries()) {
        // The proxy answers these itself, whatever the servers know.
        const own = command[0] === 'CLIENT' && /^-ERR (unknown|syntax)/.test(expected[i]!)
        if (!own) assert.equal(actual[i], expected[i], command.join(' '))
      }
    })
  }

  it('SCRIPT SHOW finds a script wherever it is', async () => {
    await using client = await connect(real.running.port)
    const [, , third] = real.cluster.masters
    const sha = String(await third!.call('SCRIPT', 'LOAD', SCRIPT))
    const expected = await third!.call('SCRIPT', 'SHOW', sha).catch(({ message }) => message)
    const actual = await client.ask('SCRIPT', 'SHOW', sha).catch(({ message }) => message)
    assert.equal(String(actual), String(expected))
  })

  it('CLUSTER SLOT-STATS tells of all slots, in the order asked for', async () => {
    await using client = await connect(real.running.port)
    const known = await owner.call('CLUSTER', 'SLOT-STATS', 'SLOTSRANGE', 0, 0).then(
      () => true,
      ({ message }: Error) => message
    )
    const stats = async (...args: Argument[]): Promise<[number, [string, number]][]> =>
      (await client.ask('CLUSTER', 'SLOT-STATS', ...args)) as [number, [string, number]][]
    if (known !== true) {
      await assert.rejects(stats('SLOTSRANGE', 0, 0), { message: known })
      return
    }
    const range = await stats('SLOTSRANGE', 100, 12_000)
    assert.deepEqual(
      range.map(([slot]) => slot),
      Array.from({ length: 11_901 }, (_, i) => i + 100)
    )
    const keys = ['a', 'b', 'c', '{a}2', '{a}3', '{b}2']
    for (const key of keys) await client.ask('SET', key, 'x')
    const slots = ['a', 'b'].map((key) => keySlot(Buffer.from(key), 0, 1))
    await owner.call('DEL', KEY, '{newer}:z')
    const top = await stats('ORDERBY', 'key-count', 'LIMIT', 2, 'DESC')
    assert.deepEqual(
      top.map(([slot, [name, count]]) => [slot, name, count]),
      [
        [slots[0], 'key-count', 3],
        [slots[1], 'key-count', 2],
      ]
    )
    const empty = await stats('ORDERBY', 'key-count', 'ASC', 'LIMIT', 3)
    assert.deepEqual(
      empty.map(([slot]) => slot),
      [0, 1, 2]
    )
    await assert.rejects(stats('ORDERBY', 'nonsense'), { message: /^ERR Unrecognized sort metric/ })
    await assert.rejects(stats('SLOTSRANGE', 2, 1), { message: /^ERR Start slot number/ })
  })

  it('CLIENT CAPA is accepted, since there is nothing to redirect', async () => {
    await using client = await connect(real.running.port)
    assert.equal(await client.ask('CLIENT', 'CAPA', 'redirect', 'more'), 'OK')
  })

  it('HELLO and INFO name the software of the servers', async () => {
    await using direct = await connect(owner.port)
    await using client = await connect(real.running.port)
    const [expected, actual] = (await Promise.all(
      [direct, client].map((each) => each.ask('HELLO', 2))
    )) as string[][]
    assert.deepEqual(actual!.slice(0, 4), expected!.slice(0, 4))
    const names = /^(redis_version|server_name|valkey_version):.*$/gm
    const shown = String(await client.ask('INFO', 'server'))
    assert.deepEqual(shown.match(names), info.match(names))
  })
})

/** Since 7.2 SHARDS leaves out the slots of a shard whose dead master it names first. */
test(
  'a failover is followed at once where the proxy may not ask for CLUSTER NODES',
  needsServer,
  async () => {
    await using cluster = await startCluster()
    const rules = ['on', '>secret', '+@all', '-cluster|nodes', '~*', '&*']
    for (const node of cluster.nodes) await node.call('ACL', 'SETUSER', 'proxy', ...rules)
    const credentials = { username: 'proxy', password: 'secret' }
    await using running = await startProxy({ nodes: cluster.addresses, credentials })
    await using client = await connect(running.port)
    const slot = keySlot(Buffer.from('a'), 0, 1)
    const master = await cluster.ownerOf(slot)
    const replica = cluster.replicas[cluster.masters.indexOf(master)]!
    await master.kill()
    await cluster.failover(replica, 'TAKEOVER')
    assert.equal(await client.ask('SET', 'a', 'x'), 'OK')
    assert.equal(running.proxy.topology.coveredSlots, 16_384)
    assert.equal(await replica.call('GET', 'a'), 'x')
  }
)
