import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LANES, trackedKind } from '../../../lib/cluster/lanes.ts'
import { decodeReply, type Reply } from '../../support/resp-frame.ts'
import { LocalSide } from './local-call.ts'

const ID = '0123456789abcdef0123456789abcdef01234567'

async function ask(side: LocalSide, ...args: string[]): Promise<Reply> {
  return decodeReply((await side.call('CLUSTER', ...args))!)
}

describe('CLUSTER', () => {
  it('presents the proxy as the only master, where the client found it', async () => {
    const side = new LocalSide()
    side.client.advertised = { host: '10.1.2.3', port: 6379 }
    assert.deepEqual(await ask(side, 'SLOTS'), [[0, 16383, ['10.1.2.3', 6379, ID, []]]])
    assert.equal(
      await ask(side, 'NODES'),
      `${ID} 10.1.2.3:6379@16379 myself,master - 0 0 0 connected 0-16383\n`
    )
    assert.equal(await ask(side, 'MYSHARDID'), ID)
    assert.deepEqual(await ask(side, 'REPLICAS', ID), [])
  })

  it('gives an announced host name as such', async () => {
    const side = new LocalSide()
    side.client.advertised = { host: 'cache.example', port: 6379 }
    assert.match(
      String(await ask(side, 'NODES')),
      / cache\.example:6379@16379,cache\.example myself/
    )
    assert.match(
      (await side.text('CLUSTER', 'SHARDS'))!,
      /\r\nhostname\r\n\$13\r\ncache\.example\r\n/
    )
  })

  it('names the port for TLS where clients connect by TLS', async () => {
    const side = new LocalSide()
    side.services.tls = true
    const text = (await side.text('CLUSTER', 'SHARDS'))!
    assert.match(text, /\$8\r\ntls-port\r\n:7777\r\n/)
    assert.doesNotMatch(text, /\$4\r\nport\r\n/)
  })

  it('says when the cluster behind is not well', async () => {
    const side = new LocalSide()
    assert.match(String(await ask(side, 'INFO')), /^cluster_state:ok\r\n/)
    side.services.healthy = false
    assert.match(String(await ask(side, 'INFO')), /^cluster_state:fail\r\n/)
  })

  it('asks the owner of the slot for its keys, on the lane of its version and user', async () => {
    const side = new LocalSide()
    side.client.lane = trackedKind({ protocol: 3, broadcast: false, noLoop: false })
    const asked: unknown[] = []
    side.services.callSlot = async (slot, args, lane) => {
      asked.push([slot, args.map(String), lane])
      return Buffer.from(':+5\r\n')
    }
    assert.equal(await side.text('CLUSTER', 'countkeysinslot', 7), ':+5\r\n')
    await side.call('CLUSTER', 'GETKEYSINSLOT', 8, 2)
    assert.deepEqual(asked, [
      [7, ['CLUSTER', 'countkeysinslot', '7'], LANES.resp3],
      [8, ['CLUSTER', 'GETKEYSINSLOT', '8', '2'], LANES.resp3],
    ])
  })

  it('lets nobody change the cluster', async () => {
    const side = new LocalSide()
    const names = ['FAILOVER', 'RESET', 'FLUSHSLOTS', 'BUMPEPOCH', 'SAVECONFIG']
    for (const name of names) {
      assert.match(
        (await side.text('CLUSTER', name))!,
        new RegExp(`^-NOPERM \`cluster\\|${name.toLowerCase()}\` is not available`)
      )
    }
    assert.match((await side.text('CLUSTER', 'FORGET', ID))!, /^-NOPERM/)
  })

  it('helps with what it answers, and with nothing else', async () => {
    const lines = (await ask(new LocalSide(), 'HELP')) as string[]
    assert.ok(lines.includes('SLOTS') && !lines.some((line) => line.startsWith('FAILOVER')))
  })
})
