import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tellShape } from '../../lib/cluster/shape.ts'
import type { FakeNode } from '../../lib/testing/index.ts'
import { askingSide } from './asking-side.ts'

/** CLUSTER SHARDS of a server that takes both nodes for masters of one shard, and tells the slots of the one that has none any more. */
function oneShard(...nodes: readonly FakeNode[]): string {
  const members = nodes.map(({ id, host, port }) => {
    const fields = ['id', id, 'endpoint', host, 'role', 'master', 'health', 'online']
    const words = fields.map((word) => `$${word.length}\r\n${word}\r\n`)
    return `*10\r\n${words.join('')}$4\r\nport\r\n:${port}\r\n`
  })
  const list = `*${members.length}\r\n${members.join('')}`
  return `*1\r\n*4\r\n$5\r\nslots\r\n*0\r\n$5\r\nnodes\r\n${list}`
}

/** CLUSTER SLOTS of a server that knows one owner. */
function allSlotsOf({ id, host, port }: FakeNode): string {
  const node = `*3\r\n$${host.length}\r\n${host}\r\n:${port}\r\n$${id.length}\r\n${id}\r\n`
  return `*1\r\n*3\r\n:0\r\n:16383\r\n${node}`
}

for (const refused of [[], ['CLUSTER NODES']]) {
  const teller = refused.length === 0 ? 'NODES' : 'SLOTS, where NODES is refused,'
  test(`slots belong to whom ${teller} says, while SHARDS has two masters in one shard`, async () => {
    await using side = await askingSide({ masters: 1, replicas: 1 })
    const [master, replica] = side.cluster.nodes as [FakeNode, FakeNode]
    master.answer('CLUSTER SHARDS', oneShard(replica, master))
    for (const command of refused) master.answer(command, '-NOPERM no\r\n')
    const shape = await tellShape(side.node(0), false)
    assert.deepEqual(
      shape.map(({ id, role, masterId, slots, host, port }) => {
        return { id, role, masterId, slots, at: `${host}:${port}` }
      }),
      [
        { id: replica.id, role: 'replica', masterId: master.id, slots: [], at: replica.address },
        {
          id: master.id,
          role: 'master',
          masterId: undefined,
          slots: [[0, 16383]],
          at: master.address,
        },
      ]
    )
  })
}

test("slots are nobody else's where NODES is refused, and SLOTS names another owner than SHARDS", async () => {
  await using side = await askingSide({ masters: 2 })
  const [master, other] = side.cluster.nodes as [FakeNode, FakeNode]
  master.answer('CLUSTER NODES', '-NOPERM no\r\n')
  master.answer('CLUSTER SLOTS', allSlotsOf(other))
  const shape = await tellShape(side.node(0), false)
  assert.deepEqual(
    shape.map(({ id, role, slots }) => ({ id, role, slots })),
    [
      { id: master.id, role: 'master', slots: [] },
      { id: other.id, role: 'master', slots: [[0, 16383]] },
    ]
  )
})

test('an owner that has come between the answers to SHARDS and to SLOTS is one', async () => {
  await using side = await askingSide({ masters: 2 })
  const [master, other] = side.cluster.nodes as [FakeNode, FakeNode]
  master.answer('CLUSTER NODES', '-NOPERM no\r\n')
  master.answer('CLUSTER SHARDS', oneShard(master))
  master.answer('CLUSTER SLOTS', allSlotsOf(other))
  const shape = await tellShape(side.node(0), false)
  assert.deepEqual(
    shape.map(({ id, port, slots }) => ({ id, port, slots })),
    [
      { id: master.id, port: master.port, slots: [] },
      { id: other.id, port: other.port, slots: [[0, 16383]] },
    ]
  )
})

test('a node that may be asked for neither NODES nor SLOTS is believed what SHARDS says', async () => {
  await using side = await askingSide({ masters: 1, replicas: 1 })
  const [master, replica] = side.cluster.nodes as [FakeNode, FakeNode]
  master.answer('CLUSTER SLOTS', '-NOPERM no\r\n')
  master.answer('CLUSTER NODES', '-NOPERM no\r\n')
  const shape = await tellShape(side.node(0), false)
  assert.deepEqual(
    shape.map(({ id, role, slots, epoch }) => ({ id, role, slots, epoch })),
    [
      { id: master.id, role: 'master', slots: [[0, 16383]], epoch: 0 },
      { id: replica.id, role: 'replica', slots: [], epoch: 0 },
    ]
  )
})
