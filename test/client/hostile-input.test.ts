import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { type ClusterProxy, createClusterProxy } from '../../lib/index.ts'
import { createFakeCluster, type FakeCluster } from '../../lib/testing/index.ts'
import { attack } from '../support/hostile-run.ts'

describe('hostile input', () => {
  let cluster: FakeCluster
  let proxy: ClusterProxy
  before(async () => {
    cluster = await createFakeCluster()
    proxy = createClusterProxy({ nodes: cluster.addresses })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'ready')
  })
  after(async () => {
    await proxy.shutdown({ timeout: 1000 })
    await cluster.close()
  })

  it('ends in errors or right replies, and never hurts others', { timeout: 120_000 }, async () => {
    const totals = await attack({ seed: 20_260, requests: 20_000, proxy })
    assert.ok(totals.malformed >= 20_000)
    assert.ok(totals.protocolErrors > 1000, `${totals.protocolErrors} protocol errors`)
    assert.ok(totals.errorReplies > 1000, `${totals.errorReplies} error replies`)
    assert.ok(totals.readBack > 1000, `${totals.readBack} values read back`)
    assert.deepEqual(cluster.violations, [])
    const { clients } = proxy.stats()
    assert.ok(clients < 40, `${clients} of ${totals.connections} clients are left behind`)
  })
})
