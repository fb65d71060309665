import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LocalSide } from './local-call.ts'

const ALL = 'Server Clients Memory Persistence Stats Replication CPU Cluster Keyspace'.split(' ')

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
    const side = new LocalSide()
    for (const name of [[], ['default'], ['ALL'], ['everything', 'server'], ['x', 'all']]) {
      assert.deepEqual(titles(await info(side, ...name)), ALL)
    }
    assert.deepEqual(titles(await info(side, 'stats', 'SERVER', 'nonsense', 'stats')), [
      'Server',
      'Stats',
    ])
    assert.equal(await side.text('INFO', 'nonsense'), '$0\r\n\r\n')
  })

  it('separates sections as the server does', async () => {
    const side = new LocalSide()
    assert.match(
      await info(side, 'replication', 'keyspace'),
      /master_repl_offset:0\r\n\r\n# Keyspace\r\n$/
    )
  })

  it('is verbatim text in RESP3', async () => {
    const side = new LocalSide()
    side.session.protocol = 3
    assert.equal(await side.text('INFO', 'keyspace'), '=16\r\ntxt:# Keyspace\r\n\r\n')
  })

  it('looks at all clients for their buffers and their number', async () => {
    const side = new LocalSide()
    side.client.inputBytes = 12
    const { client_recent_max_input_buffer } = fields(await info(side, 'clients'))
    assert.equal(client_recent_max_input_buffer, '12')
  })
})
