import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LANES } from '../../lib/cluster/lanes.ts'
import { ask, within } from '../../lib/cluster/question.ts'
import { askingSide } from './asking-side.ts'

test('a question goes out on the control lane, and its reply comes decoded', async () => {
  await using side = await askingSide({ masters: 1 })
  const node = side.node(0)
  side.cluster.nodes[0]!.answer('ANY', '*3\r\n$1\r\na\r\n:5\r\n$-1\r\n')
  assert.deepEqual(await ask(node, 'ANY', 'x y', ''), ['a', 5, null])
  assert.deepEqual(side.cluster.nodes[0]!.received.at(-1)?.command, ['ANY', 'x y', ''])
  assert.deepEqual(
    node.lanes.map((lane) => lane === node.lane(LANES.control)),
    [true]
  )
})

test('an error reply rejects with the text of the server', async () => {
  await using side = await askingSide({ masters: 1 })
  await assert.rejects(ask(side.node(0), 'NONSENSE'), {
    name: 'ProxyError',
    code: 'NODE_REPLY',
    message: /^ERR unknown command/,
  })
})

test('a reply that is no RESP2 rejects', async () => {
  await using side = await askingSide({ masters: 1 })
  side.cluster.nodes[0]!.answer('ANY', '%1\r\n+a\r\n+b\r\n')
  await assert.rejects(ask(side.node(0), 'ANY'), { code: 'NODE_PROTOCOL' })
})

test('a question to a node that cannot be reached, or hangs up, rejects', async () => {
  await using side = await askingSide({ masters: 2 })
  side.cluster.nodes[0]!.dropConnections({ before: 'execution', when: 'ANY' })
  await assert.rejects(ask(side.node(0), 'ANY'), { code: 'NODE_LOST' })
  await side.cluster.nodes[1]!.stop()
  await assert.rejects(ask(side.node(1), 'ANY'), { code: 'NODE_CONNECT' })
})

test('what is not answered in time rejects, and what is answered later is dropped', async () => {
  await using side = await askingSide({ masters: 1 })
  const node = side.node(0)
  await ask(node, 'PING')
  side.cluster.nodes[0]!.pause()
  const late = ask(node, 'NONSENSE')
  await assert.rejects(within(20, node, late), {
    code: 'NODE_TIMEOUT',
    message: `${node.name} did not answer within 20 ms`,
  })
  side.cluster.nodes[0]!.resume()
  await assert.rejects(late, { code: 'NODE_REPLY' })
})

test('what is answered in time is passed on, errors as well', async () => {
  await using side = await askingSide({ masters: 1 })
  const node = side.node(0)
  assert.equal(await within(5000, node, ask(node, 'PING')), 'PONG')
  await assert.rejects(within(5000, node, ask(node, 'NONSENSE')), { code: 'NODE_REPLY' })
})
