import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FakeNode } from '../../lib/testing/index.ts'
import { receivedBy, setStage, until } from './stage.ts'

const CODE = '#!lua name=lib\n\u00ff'

/** What FUNCTION LIST WITHCODE says of libraries. */
function list(...names: string[]): Buffer {
  const text = (word: string): string => `$${Buffer.byteLength(word)}\r\n${word}\r\n`
  const rows = names.map((name) => {
    const words = ['library_name', name, 'engine', 'LUA', 'library_code', CODE]
    return `*8\r\n${words.map(text).join('')}${text('functions')}*0\r\n`
  })
  return Buffer.from(`*${names.length}\r\n${rows.join('')}`)
}

/** Answers to FUNCTION LIST as a node with these libraries, and takes further ones. */
function has(node: FakeNode, ...names: string[]): void {
  node.answer('FUNCTION LIST', list(...names), { times: Number.POSITIVE_INFINITY })
  node.answer('FUNCTION LOAD', '$3\r\nlib\r\n', { times: Number.POSITIVE_INFINITY })
}

describe('function libraries', () => {
  it('E4.19 FUNCTION LOAD goes to every master', async () => {
    await using stage = await setStage()
    const client = await stage.client()
    for (const node of stage.cluster.nodes) has(node)
    assert.equal(await client.ask('FUNCTION', 'LOAD', CODE), 'lib')
    for (const node of stage.cluster.nodes) {
      assert.deepEqual(receivedBy(node, 'FUNCTION'), [`FUNCTION LOAD ${CODE}`])
    }
  })

  it('E4.19 a master that joins is given what the others have, and nothing that it has', async () => {
    await using stage = await setStage()
    has(stage.cluster.nodes[0]!, 'one', 'two')
    has(stage.cluster.nodes[1]!, 'two', 'three')
    const added = await stage.cluster.addNode()
    has(added, 'two')
    stage.cluster.migrate(0, added)
    const loads = (): number => receivedBy(added, 'FUNCTION').length
    const loaded = until(added, 'command', () => loads() === 3)
    await stage.proxy.refresh()
    await loaded
    assert.deepEqual(receivedBy(added, 'FUNCTION').slice(1), Array(2).fill(`FUNCTION LOAD ${CODE}`))
  })

  it('E4.19 a master that comes back is given what it forgot', async () => {
    await using stage = await setStage()
    const [first, second] = stage.cluster.nodes
    has(first!, 'one')
    has(second!)
    const client = await stage.client()
    await client.call('SET', stage.keyOf(1), 'x')
    const loaded = until(second!, 'command', () => receivedBy(second!, 'FUNCTION').length === 2)
    await second!.stop()
    await second!.start()
    await client.call('SET', stage.keyOf(1), 'x')
    await stage.proxy.refresh()
    await loaded
    assert.deepEqual(receivedBy(second!, 'FUNCTION').slice(1), [`FUNCTION LOAD ${CODE}`])
  })

  it('a server that knows no functions is left alone', async () => {
    await using stage = await setStage()
    const added = await stage.cluster.addNode()
    stage.cluster.migrate(0, added)
    const asked = until(stage.cluster.nodes[0]!, 'command', () => {
      return receivedBy(stage.cluster.nodes[0]!, 'FUNCTION').length > 0
    })
    await stage.proxy.refresh()
    await asked
    const client = await stage.client()
    assert.equal(await client.ask('PING'), 'PONG')
    assert.deepEqual(receivedBy(added, 'FUNCTION'), [])
  })
})
