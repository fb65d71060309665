import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { FakeNode } from '../../lib/testing/index.ts'
import { receivedBy, setStage } from './stage.ts'

/** How many connections to a node are none of those that clients share: their first words ask for their number. */
function privates(node: FakeNode): number {
  return receivedBy(node, 'CLIENT').filter((command) => /^CLIENT ID$/i.test(command)).length
}

/** Waits until a node has so many private connections. */
async function has(node: FakeNode, count: number): Promise<void> {
  const signal = AbortSignal.timeout(5000)
  while (privates(node) < count) await once(node, 'command', { signal })
}

describe('private pools', () => {
  it('A.1.4.1 are full on every master before a client asks, and one is taken at once', async () => {
    const options = { privatePoolPrefill: true, privatePoolSize: 3 }
    await using stage = await setStage({ options })
    const nodes = stage.cluster.nodes
    for (const node of nodes) await has(node, 3)
    const client = await stage.client()
    const key = stage.keyOf(0)
    const before = nodes[0]!.connections.count
    await client.pipeline([['MULTI'], ['SET', key, 'x'], ['EXEC']])
    assert.equal(nodes[0]!.connections.count, before)
    assert.deepEqual(nodes.map(privates), [3, 3])
  })

  it('A.1.4.1 are filled for RESP3 when the first client speaks it, and on a master that is new', async () => {
    const options = { privatePoolPrefill: true, privatePoolSize: 2 }
    await using stage = await setStage({ options })
    const nodes = stage.cluster.nodes
    for (const node of nodes) await has(node, 2)
    const client = await stage.client()
    await client.call('HELLO', '3')
    for (const node of nodes) await has(node, 4)
    const added = await stage.cluster.addNode()
    stage.cluster.migrate(stage.cluster.slotOf(stage.keyOf(0)), added)
    await stage.proxy.refresh()
    await has(added, 4)
    await (await stage.client()).call('HELLO', '3')
    assert.deepEqual(stage.cluster.nodes.map(privates), [4, 4, 4])
  })

  it('are left empty until the first use by a proxy that is embedded', async () => {
    await using stage = await setStage({ options: { privatePoolSize: 2 } })
    const client = await stage.client()
    await client.call('HELLO', '3')
    await stage.proxy.refresh()
    await client.ask('GET', stage.keyOf(0))
    assert.deepEqual(stage.cluster.nodes.map(privates), [0, 0])
    await client.pipeline([['MULTI'], ['GET', stage.keyOf(0)], ['EXEC']])
    await has(stage.cluster.nodes[0]!, 2)
    assert.equal(privates(stage.cluster.nodes[1]!), 0)
  })
})
