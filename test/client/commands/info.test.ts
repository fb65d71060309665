import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LocalSide } from './local-call.ts'

const OWN = 'Server Clients Memory Persistence Stats Replication CPU Cluster'.split(' ')
const STATS = 'cmdstat_get:calls=2,usec=6,usec_per_call=3.00,rejected_calls=0,failed_calls=1'
const MASTERS = [
  `# Memory\r\nused_memory:10\r\n\r\n# Replication\r\nrole:master\r\n\r\n# Commandstats\r\n${STATS}\r\n\r\n# Errorstats\r\nerrorstat_ERR:count=2\r\n\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=100\r\n`,
  `# Memory\r\nused_memory:5\r\n\r\n# Commandstats\r\n${STATS}\r\ncmdstat_set:calls=1,usec=1,usec_per_call=1.00\r\n\r\n# Keyspace\r\ndb0:keys=4,expires=3,avg_ttl=200\r\n`,
  '# Memory\r\nused_memory:1\r\n\r\n# Keyspace\r\n',
].map((text, i) => ({ node: `host:${i}`, text }))

/** The proxy before masters that answer. */
function served(): LocalSide {
  const side = new LocalSide()
  side.services.askMasters = async () => MASTERS
  return side
}

async function info(side: LocalSide, ...sections: string[]): Promise<string> {
  const text = (await side.text('INFO', ...sections))!
  return text.slice(text.indexOf('\n') + 1, -2)
}

function fields(text: string): Record<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':'))
  return Object.fromEntries(lines.map((line) => line.split(/:(.*)/s)))
}

const titles = (text: string): string[] =>
  Array.from(text.matchAll(/^# (\w+)\r$/gm), ([, name]) => name!)

describe('INFO', () => {
  it('tells of a Valkey what it is, beside the version of Redis that it is like', async () => {
    const side = new LocalSide()
    side.services.serverVersion = '7.2.4'
    side.services.software = { name: 'valkey', version: '8.0.1' }
    const { redis_version, server_name, valkey_version, server_mode } = fields(await info(side))
    assert.deepEqual(
      { redis_version, server_name, valkey_version, server_mode },
      {
        redis_version: '7.2.4',
        server_name: 'valkey',
        valkey_version: '8.0.1',
        server_mode: 'standalone',
      }
    )
  })

  it('holds what the ready checks of clients read', async () => {
    const side = new LocalSide()
    const { loading, role, redis_version, redis_mode, cluster_enabled, ...more } = fields(
      await info(side)
    )
    assert.deepEqual(
      { loading, role, redis_version, redis_mode, cluster_enabled },
      {
        loading: '0',
        role: 'master',
        redis_version: '7.0.15',
        redis_mode: 'standalone',
        cluster_enabled: '0',
      }
    )
    assert.equal(more.connected_clients, '1')
    assert.equal(more.maxclients, '10000')
    assert.equal(more.total_commands_processed, '1')
    assert.equal(more.tcp_port, '7777')
    assert.ok(Number(more.used_memory) > 0)
  })

  it('gives all sections unless some are named', async () => {
    const side = served()
    assert.deepEqual(titles(await info(side)), [...OWN, 'Keyspace'])
    assert.deepEqual(titles(await info(side, 'default')), [...OWN, 'Keyspace'])
    const statistics = [...OWN, 'Commandstats', 'Errorstats', 'Keyspace']
    for (const name of [['ALL'], ['x', 'all']])
      assert.deepEqual(titles(await info(side, ...name)), statistics)
    assert.deepEqual(titles(await info(side, 'everything', 'server')), [...statistics, 'Nodes'])
    assert.deepEqual(titles(await info(side, 'stats', 'SERVER', 'nonsense', 'stats')), [
      'Server',
      'Stats',
    ])
    assert.equal(await side.text('INFO', 'nonsense'), '$0\r\n\r\n')
  })

  it('separates sections as the server does', async () => {
    assert.match(
      await info(served(), 'replication', 'keyspace'),
      /master_repl_offset:0\r\n\r\n# Keyspace\r\ndb0:/
    )
  })

  it('is verbatim text in RESP3', async () => {
    const side = new LocalSide()
    side.services.askMasters = async () => []
    side.session.protocol = 3
    assert.equal(await side.text('INFO', 'keyspace'), '=16\r\ntxt:# Keyspace\r\n\r\n')
  })

  it('E4.15 adds up what the masters say of their keys', async () => {
    const { db0 } = fields(await info(served(), 'keyspace'))
    assert.equal(db0, 'keys=7,expires=4,avg_ttl=175')
  })

  it('E4.15 adds up what the masters say of commands and errors', async () => {
    const text = await info(served(), 'commandstats', 'errorstats')
    const { cmdstat_get, cmdstat_set, errorstat_ERR } = fields(text)
    assert.equal(cmdstat_get, 'calls=4,usec=12,usec_per_call=3.00,rejected_calls=0,failed_calls=2')
    assert.equal(cmdstat_set, 'calls=1,usec=1,usec_per_call=1.00')
    assert.equal(errorstat_ERR, 'count=2')
  })

  it('E4.15 tells of each master in INFO nodes, and sums', async () => {
    const lines = fields(await info(served(), 'nodes'))
    assert.equal(lines.nodes, '3')
    assert.equal(lines.nodes_used_memory, '16')
    assert.equal(lines.node0, 'address=host:0,role=master,used_memory=10,keys=3,expires=1')
    assert.equal(lines.node2, 'address=host:2,used_memory=1,keys=0,expires=0')
  })

  it('leaves out what the masters do not tell at once, unless it was asked for by name', async () => {
    const side = new LocalSide()
    assert.deepEqual(titles(await info(side)), OWN)
    await assert.rejects(info(side, 'keyspace'), /there is no cluster/)
    side.services.askMasters = () => new Promise(() => {})
    assert.deepEqual(titles(await info(side, 'all')), OWN)
    side.services.healthy = false
    side.services.askMasters = () => assert.fail('nobody is asked')
    assert.deepEqual(titles(await info(side)), OWN)
  })

  it('looks at all clients for their buffers and their number', async () => {
    const side = new LocalSide()
    side.client.inputBytes = 12
    const { client_recent_max_input_buffer } = fields(await info(side, 'clients'))
    assert.equal(client_recent_max_input_buffer, '12')
  })
})
